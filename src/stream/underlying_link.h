// How a stream sits on top of another: it takes the lower one's callbacks, holds a reference, and
// keeps the lower one from reading while the upper one does not want bytes. Part of the upper
// stream and under its lock, which both share.
#pragma once

#include "stream/stack_depth.h"
#include "stream/stream.h"

namespace ev {

class UnderlyingLink {
 public:
  UnderlyingLink() = default;
  UnderlyingLink(const UnderlyingLink&) = delete;
  UnderlyingLink& operator=(const UnderlyingLink&) = delete;

  // `lower` may carry another. `upper` is the callbacks' argument and outlives the link. Enables both
  // directions of the lower stream; its reading stays suspended until resume_reading().
  void attach(Stream& lower, bufferevent_data_cb read, bufferevent_data_cb write,
              bufferevent_event_cb event, void* upper);
  // The lower stream is the program's again, although detach() is still to come.
  void give_back() noexcept;
  // The same for an upper stream that still has something to say: the next one may come meanwhile.
  void offer() noexcept;
  // Gives the lower stream back to the program, or frees it with us.
  void detach(bool frees_lower) noexcept;

  // Another descriptor for whoever has it, at the bottom.
  bool set_fd(int fd);

  explicit operator bool() const noexcept { return lower_ != nullptr; }
  Stream& lower() const noexcept { return *lower_; }
  Stream* pointer() const noexcept { return lower_; }

 private:
  void free_lower() noexcept;

  Stream* lower_ = nullptr;
  void* upper_ = nullptr;
  bool is_given_back_ = false;
  bool is_offered_ = false;
};

// The lower stream's lock for both, made now if the upper one shall be safe and the lower one has
// none. Not if it carries another, who would go on without.
Lock shared_lock(Stream& lower, int upper_options);

}  // namespace ev

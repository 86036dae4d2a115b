// Tells the program, from the loop, each time its last pending byte has left the whole stack.
// Belongs to the stream and is used under its lock.
#pragma once

#include <event2/bevel.h>

#include "loop/deferred.h"
#include "sys/memory.h"

namespace ev {

class Stream;

class DrainNotice : public Allocated {
 public:
  explicit DrainNotice(Stream& stream);
  ~DrainNotice();
  DrainNotice(const DrainNotice&) = delete;
  DrainNotice& operator=(const DrainNotice&) = delete;

  // Null: nobody is told.
  void set(bevel_drain_cb callback, void* arg) noexcept;
  void output_added() noexcept { is_due_ = true; }
  void output_left();
  bool is_scheduled() const noexcept { return deferred_.is_scheduled(); }

 private:
  static void tell(event_callback*, void* told);

  Stream& stream_;
  bevel_drain_cb callback_ = nullptr;
  void* arg_ = nullptr;
  bool is_due_ = false;  // bytes were pending since the program was told last
  Deferred deferred_;
};

}  // namespace ev

// What most buffers never need, in an allocation of its own: the user's callbacks, immediate or
// deferred, the lock, and what it takes to free a buffer from inside a callback of its own.
#pragma once

#include <event2/buffer.h>
#include <event2/buffer_compat.h>

#include <cstddef>
#include <cstdint>

#include "loop/deferred.h"
#include "sys/lock.h"
#include "sys/memory.h"

// One user callback. Removed entries stay linked, but dead, while the list is being run.
struct evbuffer_cb_entry final : ev::Allocated {
  evbuffer_cb_entry* next = nullptr;
  evbuffer_cb_func function = nullptr;  // null: `sizes` instead, or dead
  evbuffer_cb sizes = nullptr;          // the old kind that is told the sizes before and after
  void* argument = nullptr;
  bool enabled = true;

  bool dead() const noexcept { return function == nullptr && sizes == nullptr; }
};

namespace ev {

class UserCallbacks {
 public:
  UserCallbacks() = default;
  ~UserCallbacks();
  UserCallbacks(const UserCallbacks&) = delete;
  UserCallbacks& operator=(const UserCallbacks&) = delete;

  bool empty() const noexcept { return newest_ == nullptr; }
  void add(evbuffer_cb_entry* entry) noexcept;  // takes it
  bool remove(evbuffer_cb_entry* entry) noexcept;
  void remove_all() noexcept;
  evbuffer_cb_entry* find(evbuffer_cb_func function, const void* argument) const noexcept;

  // Calls every enabled callback, the newest first. They may add and remove callbacks, and run the
  // list once more.
  void run(evbuffer& buffer, const evbuffer_cb_info& info);

 private:
  void sweep() noexcept;

  evbuffer_cb_entry* newest_ = nullptr;
  std::uint32_t running_ = 0;
  bool has_dead_ = false;
};

struct BufferObserver;

struct BufferExtras final : Allocated {
  BufferObserver* observer = nullptr;
  Lock lock;
  UserCallbacks callbacks;
  std::size_t max_read = 0;  // 0: not set
  std::uint32_t users = 0;  // calls that are inside the buffer; it is not freed before they are out
  bool doomed = false;      // freed by the program, waiting for the last user

  // What happened since the callbacks were told last.
  std::size_t added = 0;
  std::size_t deleted = 0;

  Loop* loop = nullptr;  // that runs deferred callbacks; null: they run at once
  Deferred deferred;
  bool pinned = false;  // `deferred` is scheduled, or has been taken by the loop and will run
  // Frees a doomed buffer behind its last deferred callbacks, or with the loop.
  Deferred last_rites;
  bool awaits_last_rites = false;

  bool may_go() const noexcept { return users == 0 && doomed && !pinned && !awaits_last_rites; }
};

}  // namespace ev

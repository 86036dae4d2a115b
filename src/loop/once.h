// Small things that a loop owns on behalf of the program: one-time events and common timeouts.
// Protected by its lock.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include "sys/memory.h"

namespace ev {

// An event of event_base_once(). It leaves its list when it fires.
struct Once : Allocated {
  event ev{};
  event_callback_fn callback = nullptr;
  void* argument = nullptr;
  Once* next = nullptr;
  Once** link = nullptr;
};

// The event's callback; its argument is the Once. Calls the program's function, then frees the
// Once.
void run_once(int fd, short what, void* once);

class OnceList {
 public:
  OnceList() = default;
  ~OnceList();
  OnceList(const OnceList&) = delete;
  OnceList& operator=(const OnceList&) = delete;

  void add(Once& once) noexcept;
  static void remove(Once& once) noexcept;  // does not free it

 private:
  Once* first_ = nullptr;
};

// The durations of event_base_init_common_timeout(), at fixed addresses. The timing wheel needs no
// queues for them.
class CommonTimeouts {
 public:
  CommonTimeouts() = default;
  ~CommonTimeouts();
  CommonTimeouts(const CommonTimeouts&) = delete;
  CommonTimeouts& operator=(const CommonTimeouts&) = delete;

  // Null when there are too many already. Throws std::bad_alloc.
  const timeval* find_or_add(const timeval& duration);

 private:
  struct Entry : Allocated {
    timeval duration{};
    Entry* next = nullptr;
  };
  Entry* first_ = nullptr;
};

}  // namespace ev

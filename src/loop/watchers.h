// evwatch: functions that are called around the wait of a loop. Protected by the loop's lock.
#pragma once

#include <event2/watch.h>

#include <optional>

#include "sys/clock.h"
#include "sys/lock.h"
#include "sys/memory.h"

struct evwatch_prepare_cb_info {
  std::optional<ev::Duration> timeout;  // empty: the loop will wait until something happens
};
struct evwatch_check_cb_info {};

// Owned by its loop, which frees those that are left.
struct evwatch final : ev::Allocated {
  event_base* loop = nullptr;
  evwatch* next = nullptr;
  evwatch* previous = nullptr;
  // One of them is set, and tells the kind.
  evwatch_prepare_cb prepare = nullptr;
  evwatch_check_cb check = nullptr;
  void* argument = nullptr;
};

namespace ev {

// The watchers of one kind, in the order in which they were made.
class Watchers {
 public:
  Watchers() = default;
  ~Watchers();
  Watchers(const Watchers&) = delete;
  Watchers& operator=(const Watchers&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }
  void add(evwatch& watcher) noexcept;
  void remove(evwatch& watcher) noexcept;  // also while they are being called; does not free it

  // Calls each, without the lock. Watchers may be added (they are called in the same round) and
  // removed meanwhile.
  template <class Call>
  void call_all(Lock& lock, Call call);

 private:
  evwatch* first_ = nullptr;
  evwatch* last_ = nullptr;
  evwatch* upcoming_ = nullptr;  // whose turn is next, while they are being called
};

template <class Call>
void Watchers::call_all(Lock& lock, Call call) {
  upcoming_ = first_;
  while (evwatch* watcher = upcoming_) {
    upcoming_ = watcher->next;
    lock.unlock();
    call(*watcher);
    lock.lock();
  }
}

}  // namespace ev

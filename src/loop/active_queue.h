// The callbacks that wait to be called: one first-in-first-out list per priority, and those that
// wait for the next turn. Links, not copies: the callbacks belong to their events and owners.
// Protected by the loop's lock.
#pragma once

#include <event2/event_struct.h>

#include <memory>

#include "loop/event.h"
#include "sys/memory.h"

namespace ev {

// A list of callbacks through evcb_active_next. A callback is in one list at most.
class CallbackList {
 public:
  CallbackList() = default;
  CallbackList(const CallbackList&) = delete;
  CallbackList& operator=(const CallbackList&) = delete;

  bool empty() const noexcept { return first_ == nullptr; }
  event_callback* first() const noexcept { return first_; }
  static event_callback* next_of(const event_callback& callback) noexcept {
    return callback.evcb_active_next.tqe_next;
  }
  void push_back(event_callback& callback) noexcept {
    callback.evcb_active_next.tqe_next = nullptr;
    callback.evcb_active_next.tqe_prev = last_;
    *last_ = &callback;
    last_ = &callback.evcb_active_next.tqe_next;
  }
  void remove(event_callback& callback) noexcept {
    event_callback* const next = callback.evcb_active_next.tqe_next;
    event_callback** const previous = callback.evcb_active_next.tqe_prev;
    (next != nullptr ? next->evcb_active_next.tqe_prev : last_) = previous;
    *previous = next;
  }

 private:
  event_callback* first_ = nullptr;
  event_callback** last_ = &first_;
};

// Keeps EVLIST_ACTIVE and EVLIST_ACTIVE_LATER of its callbacks.
class ActiveQueue {
 public:
  ActiveQueue() = default;

  // How many priorities there are. Only while it is empty. Throws std::bad_alloc.
  void set_priorities(int count);
  int priorities() const noexcept { return count_; }

  bool empty() const noexcept { return size_ == 0; }
  int size() const noexcept { return size_; }  // those of the next turn included
  event_callback* first(int priority) const noexcept { return list(priority).first(); }

  // A priority that is gone becomes the last one: there were more when the callback was assigned.
  void push(event_callback& callback) noexcept;
  void push_later(event_callback& callback) noexcept;  // for the next turn
  void remove(event_callback& callback) noexcept;      // from whichever list it is in
  void start_turn() noexcept;                          // "later" is now

  // Some callback, or null.
  event_callback* some() const noexcept;
  // Calls `visit` with each callback until it answers true. `visit` changes nothing.
  template <class Visit>
  bool visit(Visit visit_one) const;

 private:
  struct Release {
    void operator()(CallbackList* lists) const noexcept { release(lists); }
  };

  CallbackList& list(int priority) const noexcept {
    return lists_[static_cast<std::size_t>(priority)];
  }
  template <class Visit>
  static bool visit_list(const CallbackList& callbacks, Visit& visit_one);

  std::unique_ptr<CallbackList[], Release> lists_;
  int count_ = 0;
  int size_ = 0;
  CallbackList later_;
};

inline void ActiveQueue::push(event_callback& callback) noexcept {
  if (callback.evcb_pri >= count_) callback.evcb_pri = static_cast<std::uint8_t>(count_ - 1);
  set_flag(callback, EVLIST_ACTIVE);
  list(callback.evcb_pri).push_back(callback);
  size_++;
}

template <class Visit>
bool ActiveQueue::visit_list(const CallbackList& callbacks, Visit& visit_one) {
  for (event_callback* one = callbacks.first(); one != nullptr; one = CallbackList::next_of(*one)) {
    if (visit_one(*one)) return true;
  }
  return false;
}

template <class Visit>
bool ActiveQueue::visit(Visit visit_one) const {
  for (int i = 0; i < count_; i++) {
    if (visit_list(list(i), visit_one)) return true;
  }
  return visit_list(later_, visit_one);
}

}  // namespace ev

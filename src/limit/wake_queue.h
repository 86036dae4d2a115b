// What is due when, the earliest first: a pairing heap through hooks that live in their owners, so
// that queueing needs no memory and cannot fail. Adding takes constant time, taking the first one
// O(log n) amortized.
#pragma once

#include "sys/clock.h"

namespace ev {

class Lane;

struct WakeHook {
  explicit WakeHook(Lane& owner) : lane(owner) {}
  WakeHook(const WakeHook&) = delete;
  WakeHook& operator=(const WakeHook&) = delete;

  Lane& lane;
  TimePoint due{};
  bool queued = false;

 private:
  friend class WakeQueue;
  WakeHook* child_ = nullptr;
  WakeHook* next_ = nullptr;      // sibling
  WakeHook* previous_ = nullptr;  // sibling, or the parent of a first child
};

class WakeQueue {
 public:
  WakeHook* first() const { return root_; }
  void add(WakeHook& hook, TimePoint due);  // moves a hook that is already queued
  void remove(WakeHook& hook);              // nothing happens to one that is not

 private:
  static WakeHook* meld(WakeHook* a, WakeHook* b);
  static WakeHook* meld_all(WakeHook* first);

  WakeHook* root_ = nullptr;
};

}  // namespace ev

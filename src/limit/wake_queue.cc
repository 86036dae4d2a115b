#include "limit/wake_queue.h"

#include <utility>

namespace ev {

WakeHook* WakeQueue::meld(WakeHook* a, WakeHook* b) {
  if (a == nullptr) return b;
  if (b == nullptr) return a;
  if (b->due < a->due) std::swap(a, b);
  b->next_ = a->child_;
  if (a->child_ != nullptr) a->child_->previous_ = b;
  b->previous_ = a;
  a->child_ = b;
  return a;
}

// The classic two passes: meld neighbours from left to right, then the results from right to left.
WakeHook* WakeQueue::meld_all(WakeHook* first) {
  WakeHook* pairs = nullptr;
  while (first != nullptr) {
    WakeHook* second = first->next_;
    WakeHook* rest = second != nullptr ? second->next_ : nullptr;
    first->next_ = first->previous_ = nullptr;
    if (second != nullptr) second->next_ = second->previous_ = nullptr;
    WakeHook* pair = meld(first, second);
    pair->next_ = pairs;
    pairs = pair;
    first = rest;
  }
  WakeHook* all = nullptr;
  while (pairs != nullptr) {
    WakeHook* rest = std::exchange(pairs->next_, nullptr);
    all = meld(all, pairs);
    pairs = rest;
  }
  return all;
}

void WakeQueue::add(WakeHook& hook, TimePoint due) {
  remove(hook);
  hook.due = due;
  hook.queued = true;
  root_ = meld(root_, &hook);
}

void WakeQueue::remove(WakeHook& hook) {
  if (!hook.queued) return;
  hook.queued = false;
  WakeHook* orphans = meld_all(std::exchange(hook.child_, nullptr));
  if (root_ == &hook) {
    root_ = orphans;
    return;
  }
  if (hook.previous_->child_ == &hook) {
    hook.previous_->child_ = hook.next_;
  } else {
    hook.previous_->next_ = hook.next_;
  }
  if (hook.next_ != nullptr) hook.next_->previous_ = hook.previous_;
  hook.next_ = hook.previous_ = nullptr;
  root_ = meld(root_, orphans);
}

}  // namespace ev

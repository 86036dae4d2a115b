#include "loop/watchers.h"

namespace ev {

Watchers::~Watchers() {
  while (evwatch* watcher = first_) {
    remove(*watcher);
    delete watcher;
  }
}

void Watchers::add(evwatch& watcher) noexcept {
  watcher.previous = last_;
  (last_ != nullptr ? last_->next : first_) = &watcher;
  last_ = &watcher;
}

void Watchers::remove(evwatch& watcher) noexcept {
  if (upcoming_ == &watcher) upcoming_ = watcher.next;
  (watcher.previous != nullptr ? watcher.previous->next : first_) = watcher.next;
  (watcher.next != nullptr ? watcher.next->previous : last_) = watcher.previous;
}

}  // namespace ev

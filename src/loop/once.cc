#include "loop/once.h"

#include <mutex>

#include "loop/loop.h"

namespace ev {

void run_once(int fd, short what, void* arg) {
  auto* once = static_cast<Once*>(arg);
  once->callback(fd, what, once->argument);
  {
    std::lock_guard guard(once->ev.ev_base->lock());
    OnceList::remove(*once);
  }
  delete once;
}

OnceList::~OnceList() {
  while (Once* once = first_) {
    remove(*once);
    delete once;
  }
}

void OnceList::add(Once& once) noexcept {
  once.next = first_;
  once.link = &first_;
  if (first_ != nullptr) first_->link = &once.next;
  first_ = &once;
}

void OnceList::remove(Once& once) noexcept {
  if (once.next != nullptr) once.next->link = once.link;
  *once.link = once.next;
}

CommonTimeouts::~CommonTimeouts() {
  while (Entry* entry = first_) {
    first_ = entry->next;
    delete entry;
  }
}

const timeval* CommonTimeouts::find_or_add(const timeval& duration) {
  constexpr int most =
      256;  // as in the stock library; a program that makes them without end is wrong
  Entry** link = &first_;
  int count = 0;
  for (; *link != nullptr; link = &(*link)->next, count++) {
    const timeval& known = (*link)->duration;
    if (known.tv_sec == duration.tv_sec && known.tv_usec == duration.tv_usec) return &known;
  }
  if (count == most) return nullptr;
  *link = new Entry;
  (*link)->duration = duration;
  return &(*link)->duration;
}

}  // namespace ev

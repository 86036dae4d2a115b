#include "loop/active_queue.h"

namespace ev {

void ActiveQueue::set_priorities(int count) {
  const auto wanted = static_cast<std::size_t>(count);
  auto* lists = static_cast<CallbackList*>(allocate(wanted * sizeof(CallbackList)));
  std::uninitialized_default_construct_n(lists, wanted);
  lists_.reset(lists);
  count_ = count;
}

void ActiveQueue::push_later(event_callback& callback) noexcept {
  set_flag(callback, EVLIST_ACTIVE_LATER);
  later_.push_back(callback);
  size_++;
}

void ActiveQueue::remove(event_callback& callback) noexcept {
  const bool later = has_flag(callback, EVLIST_ACTIVE_LATER);
  (later ? later_ : list(callback.evcb_pri)).remove(callback);
  clear_flag(callback, EVLIST_ACTIVE | EVLIST_ACTIVE_LATER);
  size_--;
}

void ActiveQueue::start_turn() noexcept {
  while (event_callback* callback = later_.first()) {
    remove(*callback);
    push(*callback);
  }
}

event_callback* ActiveQueue::some() const noexcept {
  for (int i = 0; i < count_; i++) {
    if (first(i) != nullptr) return first(i);
  }
  return later_.first();
}

}  // namespace ev

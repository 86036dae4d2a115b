// The end of a loop.
#include <atomic>
#include <mutex>

#include "loop/loop.h"

namespace {

std::mutex alive_mutex;
event_base* first_alive = nullptr;
std::atomic<bool> one_was_freed = false;

}  // namespace

void event_base::enter_alive() noexcept {
  std::lock_guard guard(alive_mutex);
  next_alive_ = first_alive;
  if (first_alive != nullptr) first_alive->previous_alive_ = this;
  first_alive = this;
}

void event_base::leave_alive() noexcept {
  std::lock_guard guard(alive_mutex);
  if (next_alive_ != nullptr) next_alive_->previous_alive_ = previous_alive_;
  (previous_alive_ != nullptr ? previous_alive_->next_alive_ : first_alive) = next_alive_;
  one_was_freed = true;
}

bool event_base::is_alive(const event_base* loop) noexcept {
  if (!one_was_freed.load(std::memory_order_relaxed)) return true;
  std::lock_guard guard(alive_mutex);
  const event_base* found = first_alive;
  while (found != nullptr && found != loop) found = found->next_alive_;
  return found != nullptr;
}

event_base::~event_base() { leave_alive(); }

void event_base::close(bool run_finalizers) noexcept {
  std::lock_guard guard(lock_);
  while (event* ev = timers_.some()) withdraw(*ev);
  while (event* ev = fds_.some()) withdraw(*ev);
  while (event* ev = signals_ != nullptr ? signals_->some() : nullptr) withdraw(*ev);
  while (!writers_.empty()) unlist_writer(*writers_.first());
  close_active(run_finalizers);
  while (event_callback* callback = legacies_.first()) {
    unlist_legacy(*callback);
    if (run_finalizers) release(*callback);
    close_active(run_finalizers);  // what is released may release more, one by one
  }
}

void event_base::close_active(bool run_finalizers) noexcept {
  while (event_callback* callback = active_.some()) close_callback(*callback, run_finalizers);
}

void event_base::release(event_callback& callback) noexcept {
  const Unlocked unlocked(lock_);  // what is released may have a lock that comes before ours
  callback.evcb_cb_union.evcb_selfcb(&callback, callback.evcb_arg);
}

void event_base::bequeath(ev::Deferred& deferred) noexcept {
  std::lock_guard guard(lock_);
  if (ev::has_flag(deferred.callback, ev::list_legacy)) return;
  legacies_.push_back(deferred.callback);
  ev::set_flag(deferred.callback, ev::list_legacy);
}

void event_base::disinherit(ev::Deferred& deferred) noexcept {
  std::lock_guard guard(lock_);
  if (ev::has_flag(deferred.callback, ev::list_legacy)) unlist_legacy(deferred.callback);
}

void event_base::unlist_legacy(event_callback& callback) noexcept {
  legacies_.remove(callback);
  ev::clear_flag(callback, ev::list_legacy);
}

// Whatever is still active goes without being called, but for what releases memory.
void event_base::close_callback(event_callback& callback, bool run_finalizers) noexcept {
  deactivate(callback);
  switch (ev::closure_of(callback)) {
    case ev::Closure::finalize:
      if (run_finalizers) run_finalizer(ev::event_of(callback), false);
      break;
    case ev::Closure::finalize_and_free:
      if (run_finalizers) run_finalizer(ev::event_of(callback), true);
      break;
    case ev::Closure::release:
      if (run_finalizers) release(callback);
      break;
    default:
      if (ev::belongs_to_event(callback)) withdraw(ev::event_of(callback));
  }
}

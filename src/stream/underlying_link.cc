#include "stream/underlying_link.h"

#include <mutex>

namespace ev {

Lock shared_lock(Stream& lower, int upper_options) {
  const bool wants_one = (upper_options & BEV_OPT_THREADSAFE) != 0 && lower.may_carry();
  if (!lower.lock() && wants_one) lower.become_threadsafe();
  return Lock::borrow(lower.lock().handle());
}

void UnderlyingLink::attach(Stream& lower, bufferevent_data_cb read, bufferevent_data_cb write,
                            bufferevent_event_cb event, void* upper) {
  lower.enable(EV_WRITE);  // the only step that may lack memory
  lower_ = &lower;
  upper_ = upper;
  lower.retain();
  lower.carry_another();
  lower.set_callbacks(read, write, event, upper);
  lower.suspend_read(Suspend::filter);
  lower.enable(EV_READ);
}

bool UnderlyingLink::set_fd(int fd) {
  if (!lower_->set_fd(fd)) return false;
  lower_->end_shutdown_of(upper_);
  return lower_->enable(EV_READ | EV_WRITE);  // the end of the old connection took them away
}

void UnderlyingLink::give_back() noexcept {
  if (lower_ == nullptr || is_given_back_) return;
  is_given_back_ = true;
  Stream& lower = *lower_;
  lower.end_shutdown_of(upper_);
  if (is_offered_ && !lower.carries_freed()) return;  // the next one has it
  lower.stop_carrying();
  if (lower.free_is_due()) return free_lower();
  if (lower.cbarg == upper_) lower.set_callbacks(nullptr, nullptr, nullptr, nullptr);
  lower.resume_read(Suspend::filter);
}

void UnderlyingLink::offer() noexcept {
  if (lower_ == nullptr) return;
  is_offered_ = true;
  lower_->carry_freed();
}

// With the lock, which is still held afterwards, as is our reference.
void UnderlyingLink::free_lower() noexcept {
  if (lower_->is_freed()) return;
  lower_->lock().lock();
  lower_->free_and_unlock();
}

void UnderlyingLink::detach(bool frees_lower) noexcept {
  if (lower_ == nullptr) return;
  Stream& lower = *lower_;
  lower.lock().lock();
  if (frees_lower) {
    lower.stop_carrying();
    lower.end_shutdown_of(upper_);
    free_lower();
  } else {
    give_back();
  }
  lower_ = nullptr;
  lower.release_and_unlock();
}

}  // namespace ev

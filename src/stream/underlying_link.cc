#include "stream/underlying_link.h"

#include <mutex>

namespace ev {

Lock shared_lock(Stream& lower, int upper_options) {
  if (!lower.lock() && (upper_options & BEV_OPT_THREADSAFE) != 0) lower.become_threadsafe();
  return Lock::borrow(lower.lock().handle());
}

void UnderlyingLink::attach(Stream& lower, bufferevent_data_cb read, bufferevent_data_cb write,
                            bufferevent_event_cb event, void* upper) {
  lower.enable(EV_WRITE);  // the only step that may lack memory
  lower_ = &lower;
  upper_ = upper;
  lower.retain();
  lower.set_carries_another(true);
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
  lower.set_carries_another(false);
  lower.end_shutdown_of(upper_);
  lower.set_above(nullptr);
  if (lower.cbarg == upper_) lower.set_callbacks(nullptr, nullptr, nullptr, nullptr);
  lower.resume_read(Suspend::filter);
}

void UnderlyingLink::detach(bool free_lower) noexcept {
  if (lower_ == nullptr) return;
  Stream& lower = *lower_;
  lower.lock().lock();
  if (free_lower) {
    lower.end_shutdown_of(upper_);
    lower.set_above(nullptr);
    lower.lock().lock();  // one for each reference that goes
    lower.free_and_unlock();
  } else {
    give_back();
  }
  lower_ = nullptr;
  lower.release_and_unlock();
}

}  // namespace ev

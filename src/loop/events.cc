// Adding, removing and activating: how an event moves between the lists of its loop.
#include <algorithm>
#include <cerrno>
#include <climits>
#include <mutex>

#include "loop/debug_mode.h"
#include "loop/loop.h"
#include "sys/log.h"

namespace {

using ev::clear_flag;
using ev::closure_of;
using ev::has_flag;
using ev::Interest;
using ev::interest_of;
using ev::is_idle;
using ev::set_closure;
using ev::set_flag;

constexpr int active_flags = EVLIST_ACTIVE | EVLIST_ACTIVE_LATER;

bool is_signal(const event& ev) noexcept { return (ev.ev_events & EV_SIGNAL) != 0; }

// Ends the calls that are still due for one delivery of the signal, if its callback is running.
void stop_calls(event& ev) noexcept {
  if (is_signal(ev) && ev.ev_.ev_signal.ev_pncalls != nullptr) *ev.ev_.ev_signal.ev_pncalls = 0;
}

void log_event(const char* change, const event& ev, short conditions) noexcept {
  ev::log_debug("event %p (fd %d) is %s: 0x%x", static_cast<const void*>(&ev), ev.ev_fd, change,
                static_cast<unsigned>(conditions));
}

}  // namespace

// --- bookkeeping ---

void event_base::count_added(const event_callback& callback, int by) noexcept {
  if (!has_flag(callback, EVLIST_INTERNAL)) added_count_.change(by);
}

void event_base::notify() noexcept {
  if (is_waiting_) wakeup_.ring();
}

void event_base::note_pending(const event& ev) const noexcept {
  if (!ev::debug_mode()) return;
  if (has_flag(ev, EVLIST_INSERTED | EVLIST_TIMEOUT)) {
    ev::debug_added(ev);
  } else {
    ev::debug_removed(ev);
  }
}

// --- adding ---

bool event_base::add(event& ev, const timeval* timeout) {
  std::lock_guard guard(lock_);
  if (has_flag(ev, EVLIST_FINALIZING)) {
    errno = EINVAL;
    return false;
  }
  const bool watches = (ev.ev_events & (ev::io_conditions | EV_SIGNAL)) != 0;
  if (watches && !has_flag(ev, EVLIST_INSERTED)) {
    if (!watch(ev)) return false;
    notify();
  }
  if (timeout != nullptr) {
    if (closure_of(ev.ev_evcallback) == ev::Closure::persist) ev.ev_.ev_io.ev_timeout = *timeout;
    if (has_flag(ev, active_flags) && (ev.ev_res & EV_TIMEOUT) != 0) {
      stop_calls(ev);
      deactivate(ev.ev_evcallback);  // the timeout that passed is replaced by the new one
    }
    start_timer(ev, deadline_after(*timeout));
  }
  note_pending(ev);
  if (ev::debug_logging()) log_event("added", ev, ev.ev_events);
  return true;
}

bool event_base::watch(event& ev) {
  if (!is_signal(ev)) {
    if (!fds_.add(ev, *backend_)) return false;
  } else {
    if (!make_notifiable()) return false;
    if (signals_ == nullptr) signals_.reset(new ev::SignalMap);
    signals_->port().set_wakeup(wakeup_.fd());
    if (!signals_->add(ev)) {
      ev::log_errno(errno, "cannot watch signal %d", ev.ev_fd);
      return false;
    }
  }
  clear_flag(ev, ev::fd_unsettled);
  set_flag(ev, EVLIST_INSERTED);
  count_added(ev.ev_evcallback, 1);
  return true;
}

void event_base::start_timer(event& ev, ev::Deadline deadline) noexcept {
  if (has_flag(ev, EVLIST_TIMEOUT)) {
    timers_.move(ev, deadline);
  } else {
    timers_.insert(ev, deadline);
    set_flag(ev, EVLIST_TIMEOUT);
    count_added(ev.ev_evcallback, 1);
  }
  if (is_waiting_ && *timers_.next() >= deadline) wakeup_.ring();
}

// Rounded up, so that no timer fires early.
ev::Deadline event_base::deadline_after(const timeval& delay) noexcept {
  return std::chrono::ceil<std::chrono::microseconds>(clock_.start_of_delay()) +
         ev::to_microseconds(delay);
}

bool event_base::once(int fd, short what, event_callback_fn callback, void* arg,
                      const timeval* timeout) {
  const bool at_once = timeout == nullptr || (timeout->tv_sec == 0 && timeout->tv_usec == 0);
  const bool only_timeout = (what & ev::io_conditions) == 0;
  if ((what & (EV_SIGNAL | EV_PERSIST)) != 0) return false;
  if (only_timeout && (what & EV_TIMEOUT) == 0) return false;

  std::unique_ptr<ev::Once> made(new ev::Once);
  made->callback = callback;
  made->argument = arg;
  ev::assign(made->ev, this, only_timeout ? -1 : fd, static_cast<short>(what & ev::io_conditions),
             ev::run_once, made.get());
  std::lock_guard guard(lock_);
  if (only_timeout && at_once) {
    activate_locked(made->ev, EV_TIMEOUT, 1);
  } else if (!add(made->ev, timeout)) {
    return false;
  }
  onces_.add(*made.release());
  return true;
}

// --- removing ---

void event_base::stop_timer(event& ev) noexcept {
  timers_.remove(ev);
  clear_flag(ev, EVLIST_TIMEOUT);
  count_added(ev.ev_evcallback, -1);
}

void event_base::unwatch(event& ev) noexcept {
  if (is_signal(ev)) {
    signals_->remove(ev);
  } else {
    fds_.remove(ev, *backend_);
  }
  clear_flag(ev, EVLIST_INSERTED);
  count_added(ev.ev_evcallback, -1);
}

// The event goes because it fired: it may come back, so the kernel need not know yet.
void event_base::unwatch_fired(event& ev) noexcept {
  if (is_signal(ev)) {
    unwatch(ev);
    return;
  }
  fds_.remove_fired(ev, *backend_);
  clear_flag(ev, EVLIST_INSERTED);
  set_flag(ev, ev::fd_unsettled);
  count_added(ev.ev_evcallback, -1);
}

// Out of every list.
void event_base::withdraw(event& ev) noexcept {
  stop_calls(ev);
  if (has_flag(ev, EVLIST_TIMEOUT)) stop_timer(ev);
  if (has_flag(ev, active_flags)) deactivate(ev.ev_evcallback);
  if (has_flag(ev, ev::list_flush)) unlist_writer(ev.ev_evcallback);
  if (has_flag(ev, EVLIST_INSERTED)) {
    unwatch(ev);
  } else if (has_flag(ev, ev::fd_unsettled)) {
    fds_.settle(ev.ev_fd, *backend_);
    clear_flag(ev, ev::fd_unsettled);
  }
  if (closure_of(ev.ev_evcallback) == ev::Closure::persist) ev.ev_.ev_io.ev_timeout = {};
  note_pending(ev);
  if (ev::debug_logging()) log_event("removed", ev, ev.ev_events);
}

bool event_base::remove(event& ev) noexcept { return remove_and_wait(ev, Wait::unless_finalizing); }
bool event_base::remove_noblock(event& ev) noexcept { return remove_and_wait(ev, Wait::never); }
bool event_base::remove_block(event& ev) noexcept { return remove_and_wait(ev, Wait::always); }

bool event_base::remove_and_wait(event& ev, Wait wait) noexcept {
  std::lock_guard guard(lock_);
  if (has_flag(ev, EVLIST_FINALIZING)) return true;
  if (!is_idle(ev)) {
    withdraw(ev);
    notify();
  }
  if (wait == Wait::never || running() != &ev || !runs_elsewhere()) return true;
  if (wait == Wait::unless_finalizing && (ev.ev_events & EV_FINALIZE) != 0) return true;
  if (callback_done_) wait_for_callback(ev);
  return true;
}

void event_base::wait_for_callback(const event& ev) noexcept {
  const unsigned generation = callbacks_waited_for_;
  threads_waiting_++;
  while (running() == &ev && callbacks_waited_for_ == generation) callback_done_.wait(lock_);
  threads_waiting_--;
}

bool event_base::remove_timer(event& ev) noexcept {
  std::lock_guard guard(lock_);
  if (has_flag(ev, EVLIST_TIMEOUT)) stop_timer(ev);
  if (closure_of(ev.ev_evcallback) == ev::Closure::persist) ev.ev_.ev_io.ev_timeout = {};
  note_pending(ev);
  return true;
}

void event_base::finalize(event& ev, event_finalize_callback_fn callback,
                          bool free_after) noexcept {
  std::lock_guard guard(lock_);
  if (has_flag(ev, EVLIST_FINALIZING)) return;
  withdraw(ev);
  set_closure(ev.ev_evcallback,
              free_after ? ev::Closure::finalize_and_free : ev::Closure::finalize);
  ev.ev_evcallback.evcb_cb_union.evcb_evfinalize = callback;
  activate_locked(ev, EV_FINALIZE, 1);
  set_flag(ev, EVLIST_FINALIZING);
}

// --- activating ---

void event_base::activate(event& ev, short what, short calls) noexcept {
  std::lock_guard guard(lock_);
  activate_locked(ev, what, calls);
}

void event_base::activate_locked(event& ev, short what, short calls) noexcept {
  if (has_flag(ev, active_flags | EVLIST_FINALIZING | ev::list_flush)) {
    if (has_flag(ev, EVLIST_FINALIZING)) return;
    if (has_flag(ev, active_flags)) {
      ev.ev_res = static_cast<short>(ev.ev_res | what);
      return;
    }
    unlist_writer(ev.ev_evcallback);
  }
  ev.ev_res = what;
  if (ev::debug_logging()) log_event("active", ev, what);
  if (is_signal(ev)) ev.ev_.ev_signal.ev_ncalls = calls;
  activate_callback(ev.ev_evcallback);
}

void event_base::activate_callback(event_callback& callback) noexcept {
  const int last = active_.priorities() - 1;  // there may be fewer than when the event was assigned
  if (callback.evcb_pri > last) callback.evcb_pri = static_cast<std::uint8_t>(last);
  if (callback.evcb_pri < running_priority_) continue_ = true;
  active_.push(callback);
  active_count_.change(1);
  count_added(callback, 1);
  notify();
}

void event_base::deactivate(event_callback& callback) noexcept {
  active_.remove(callback);
  active_count_.change(-1);
  count_added(callback, -1);
}

void event_base::activate_fd(int fd, short what) noexcept {
  std::lock_guard guard(lock_);
  if (fd < 0) return;
  for (event* ev = fds_.first(fd); ev != nullptr; ev = ev::FdMap::next_of(*ev)) {
    int matched = ev->ev_events & what & ev::io_conditions;
    if (has_flag(*ev, EVLIST_TIMEOUT)) matched |= what & EV_TIMEOUT;
    if (matched != 0) activate_locked(*ev, static_cast<short>(matched), 1);
  }
}

void event_base::activate_signal(int signal) noexcept {
  std::lock_guard guard(lock_);
  if (signals_ == nullptr) return;
  for (event* ev = signals_->first(signal); ev != nullptr; ev = ev::SignalMap::next_of(*ev)) {
    activate_locked(*ev, EV_SIGNAL, 1);
  }
}

void event_base::activate_signals() noexcept {
  if (signals_ == nullptr || !signals_->port().take_any()) return;
  for (int signal = 1; signal < NSIG; signal++) {
    const unsigned deliveries = signals_->port().take(signal);
    if (deliveries == 0) continue;
    const auto calls = static_cast<short>(std::min<unsigned>(deliveries, SHRT_MAX));
    for (event* ev = signals_->first(signal); ev != nullptr; ev = ev::SignalMap::next_of(*ev)) {
      activate_locked(*ev, EV_SIGNAL, calls);
    }
  }
}

void event_base::ready(int fd, Interest what) {
  if (fd == wakeup_.fd()) {
    wakeup_.answer();
    activate_signals();
    return;
  }
  bool heard = false;
  for (event* ev = fds_.first(fd); ev != nullptr; ev = ev::FdMap::next_of(*ev)) {
    const Interest matched = interest_of(*ev) & what & ~Interest::edge;
    if (!any(matched)) continue;
    const int edge = ev->ev_events & EV_ET;
    activate_locked(*ev, static_cast<short>(static_cast<int>(matched) | edge), 1);
    heard = true;
  }
  if (!heard) nobody_heard(fd);
}

// An error or a hang-up that only those hear who wait for the peer to close; or a descriptor that
// was given up behind our back, which the kernel must forget.
void event_base::nobody_heard(int fd) noexcept {
  event* ev = fds_.first(fd);
  if (ev == nullptr && !backend_->forget(fd)) rebuild_due_ = true;
  for (; ev != nullptr; ev = ev::FdMap::next_of(*ev)) {
    if ((ev->ev_events & EV_CLOSED) != 0) activate_locked(*ev, EV_CLOSED, 1);
  }
}

// --- writers and deferred callbacks ---

void event_base::flush_soon(event& writer) noexcept {
  std::lock_guard guard(lock_);
  if (has_flag(writer, active_flags | EVLIST_FINALIZING | ev::list_flush)) return;
  writers_.push_back(writer.ev_evcallback);
  writer_count_++;
  set_flag(writer, ev::list_flush);
  notify();
}

void event_base::unlist_writer(event_callback& callback) noexcept {
  writers_.remove(callback);
  writer_count_--;
  clear_flag(callback, ev::list_flush);
}

bool event_base::schedule(ev::Deferred& deferred) noexcept {
  constexpr int most_per_turn = 32;
  std::lock_guard guard(lock_);
  if (deferred.is_scheduled()) return false;
  if (deferred_this_turn_ < most_per_turn) {
    deferred_this_turn_++;
    activate_callback(deferred.callback);
    return true;
  }
  active_.push_later(deferred.callback);
  active_count_.change(1);
  count_added(deferred.callback, 1);
  notify();
  return true;
}

bool event_base::cancel(ev::Deferred& deferred) noexcept {
  std::lock_guard guard(lock_);
  if (!deferred.is_scheduled()) return false;
  deactivate(deferred.callback);
  return true;
}

// Adding and removing: how an event gets into the lists of its loop and out of them.
#include <cerrno>
#include <mutex>

#include "loop/debug_mode.h"
#include "loop/loop.h"
#include "sys/log.h"

namespace {

using ev::active_flags;
using ev::clear_flag;
using ev::closure_of;
using ev::has_flag;
using ev::is_idle;
using ev::is_signal;
using ev::set_closure;
using ev::set_flag;

void stop_calls(event& ev) noexcept {
  if (!ev::has_calls_due(ev)) return;
  *ev.ev_.ev_signal.ev_pncalls = 0;
  ev.ev_.ev_signal.ev_pncalls = nullptr;  // soon these are another event's calls
}

}  // namespace

// --- bookkeeping ---

void event_base::count_added(const event_callback& callback, int by) noexcept {
  if (!has_flag(callback, EVLIST_INTERNAL)) added_count_.change(by);
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
  if (ev::debug_logging()) ev::log_event(ev, "added", ev.ev_events);
  return true;
}

void event_base::set_timer(event& timer, std::optional<ev::TimePoint> when) noexcept {
  using std::chrono::microseconds;
  if (!when) {
    remove_noblock(timer);
    return;
  }
  std::lock_guard guard(lock_);
  if (has_flag(timer, active_flags)) deactivate(timer.ev_evcallback);
  // Rounded up: a timer that is early by a part of a microsecond would find nothing to do.
  const ev::TimePoint now = clock_.now();
  start_timer(timer, *when > now ? std::chrono::ceil<microseconds>(*when)
                                 : std::chrono::floor<microseconds>(now));
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

// Rounded up, so that no timer fires early; but one without a delay is due in this very
// microsecond.
ev::Deadline event_base::deadline_after(const timeval& delay) noexcept {
  using std::chrono::microseconds;
  const microseconds length = ev::to_microseconds(delay);
  if (length <= length.zero()) return std::chrono::floor<microseconds>(clock_.now()) + length;
  return std::chrono::ceil<microseconds>(clock_.start_of_delay()) + length;
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
  note_withdrawn(ev);
}

void event_base::note_withdrawn(event& ev) const noexcept {
  if (closure_of(ev.ev_evcallback) == ev::Closure::persist) ev.ev_.ev_io.ev_timeout = {};
  note_pending(ev);
  if (ev::debug_logging()) ev::log_event(ev, "removed", ev.ev_events);
}

bool event_base::remove(event& ev) noexcept { return remove_and_wait(ev, Wait::unless_finalizing); }
bool event_base::remove_noblock(event& ev) noexcept { return remove_and_wait(ev, Wait::never); }
bool event_base::remove_block(event& ev) noexcept { return remove_and_wait(ev, Wait::always); }

bool event_base::remove_and_wait(event& ev, Wait wait) noexcept {
  std::lock_guard guard(lock_);
  if (has_flag(ev, EVLIST_FINALIZING)) return true;
  stop_calls(ev);  // also of an event that went from its lists when it fired
  if (!is_idle(ev)) {
    if (ev::is_only_timed(ev)) {  // the usual case, and the cheapest
      stop_timer(ev);
      note_withdrawn(ev);
    } else {
      withdraw(ev);
    }
    notify();
  }
  if (wait == Wait::never || running() != &ev) return true;
  return wait_until_done(ev, wait);
}

bool event_base::wait_until_done(const event& ev, Wait wait) noexcept {
  if (!runs_elsewhere()) return true;
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
  if (!has_flag(ev, EVLIST_TIMEOUT)) return true;  // one that timed out needs it to come back
  stop_timer(ev);
  if (closure_of(ev.ev_evcallback) == ev::Closure::persist) ev.ev_.ev_io.ev_timeout = {};
  note_pending(ev);
  notify();
  return true;
}

void event_base::finalize(event& ev, event_finalize_callback_fn callback,
                          bool free_after) noexcept {
  std::lock_guard guard(lock_);
  const bool again = has_flag(ev, EVLIST_FINALIZING);
  if (again && !has_flag(ev, active_flags)) return;  // its finalizer has run
  if (!again) withdraw(ev);
  // The last wish counts.
  set_closure(ev.ev_evcallback,
              free_after ? ev::Closure::finalize_and_free : ev::Closure::finalize);
  ev.ev_evcallback.evcb_cb_union.evcb_evfinalize = callback;
  if (again) return;
  activate_locked(ev, EV_FINALIZE, 1);
  set_flag(ev, EVLIST_FINALIZING);
}

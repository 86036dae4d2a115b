// Activating: what puts events and deferred callbacks into the queue of active ones, and writers
// into their list.
#include <algorithm>
#include <climits>
#include <mutex>

#include "loop/loop.h"
#include "sys/log.h"

using ev::active_flags;
using ev::has_flag;
using ev::Interest;
using ev::is_signal;

void event_base::notify() noexcept {
  if (is_waiting_) wakeup_.ring();
}

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
  if (ev::debug_logging()) ev::log_event(ev, "active", what);
  if (is_signal(ev)) ev.ev_.ev_signal.ev_ncalls = calls;
  activate_callback(ev.ev_evcallback);
}

void event_base::activate_callback(event_callback& callback) noexcept {
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

void event_base::set_priority(event_callback& callback, int priority) noexcept {
  std::lock_guard guard(lock_);
  // Those of the next turn are in one list, whatever their priority.
  const bool is_queued = has_flag(callback, EVLIST_ACTIVE);
  if (is_queued) deactivate(callback);
  callback.evcb_pri = static_cast<std::uint8_t>(priority);
  if (is_queued) activate_callback(callback);
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

// Signals are looked at by a callback that is the first of its turn, so that their events come
// behind those of descriptors and timers.
void event_base::note_signals() noexcept {
  if (signals_ == nullptr || !signals_->port().take_any()) return;
  if (!signals_due_.is_scheduled()) activate_callback(signals_due_.callback);
}

void event_base::activate_signals() noexcept {
  std::lock_guard guard(lock_);
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
  is_waiting_ = false;  // the wait is over: what becomes active now needs no ring
  if (fd == wakeup_.fd()) {
    wakeup_.answer();
    note_signals();
    return;
  }
  bool heard = false;
  for (event* ev = fds_.first(fd); ev != nullptr; ev = ev::FdMap::next_of(*ev)) {
    const Interest matched = ev::interest_of(*ev) & what & ~Interest::edge;
    if (!any(matched)) continue;
    const int edge = ev->ev_events & EV_ET;
    activate_locked(*ev, static_cast<short>(static_cast<int>(matched) | edge), 1);
    heard = true;
  }
  if (!heard) nobody_heard(fd);
}

// An error or a hang-up that only those hear who wait for the peer to close; or a late report, of a
// descriptor that nobody watches any more.
void event_base::nobody_heard(int fd) noexcept {
  for (event* ev = fds_.first(fd); ev != nullptr; ev = ev::FdMap::next_of(*ev)) {
    if ((ev->ev_events & EV_CLOSED) != 0) activate_locked(*ev, EV_CLOSED, 1);
  }
}

// --- writers and deferred callbacks ---

void event_base::flush_soon(event& writer) noexcept {
  std::lock_guard guard(lock_);
  if (has_flag(writer, active_flags | EVLIST_FINALIZING | ev::list_flush)) return;
  writers_.push_back(writer.ev_evcallback);
  writer_count_++;
  ev::set_flag(writer, ev::list_flush);
  notify();
}

void event_base::unlist_writer(event_callback& callback) noexcept {
  writers_.remove(callback);
  writer_count_--;
  ev::clear_flag(callback, ev::list_flush);
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

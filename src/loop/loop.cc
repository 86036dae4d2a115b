// Making a loop and running it: the turns, the wait, the time.
#include "loop/loop.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <mutex>

#include "loop/debug_mode.h"
#include "sys/door.h"
#include "sys/log.h"

using ev::has_flag;

// --- making ---

event_base::event_base(const event_config& config, const ev::BackendInfo& info,
                       std::unique_ptr<ev::Backend> backend, ev::TurnClock::Read clock)
    : lock_(config.has_flag(EVENT_BASE_FLAG_NOLOCK) ? ev::Lock() : ev::Lock::make()),
      info_(info),
      method_(config.name_of(info)),
      backend_(std::move(backend)),
      clock_(clock, !config.has_flag(EVENT_BASE_FLAG_NO_CACHE_TIME)),
      limits_(config.limits()),
      precise_(config.is_precise()),
      timers_(std::chrono::floor<std::chrono::microseconds>(clock_.read())) {
  if (lock_) callback_done_.make();
  active_.set_priorities(1);
  const auto activate = [](event_callback*, void* loop) {
    static_cast<event_base*>(loop)->activate_signals();
  };
  signals_due_.assign(activate, this, 0);
  ev::set_flag(signals_due_.callback, EVLIST_INTERNAL);
  ev::too_late_for_debug_mode();
  enter_alive();
}

event_base* event_base::make(const event_config* config) {
  const event_config defaults;
  const event_config& wanted = config != nullptr ? *config : defaults;
  for (const ev::BackendInfo& info : ev::backends) {
    if (!wanted.accepts(info)) continue;
    std::unique_ptr<ev::Backend> backend = info.make();
    if (backend == nullptr) {
      ev::log_errno(errno, "cannot use %s", info.name);
      continue;
    }
    std::unique_ptr<event_base> loop(
        new event_base(wanted, info, std::move(backend), ev::monotonic_now));
    if (loop->lock_ && !loop->make_notifiable()) return nullptr;
    if (!wanted.has_flag(EVENT_BASE_FLAG_IGNORE_ENV) && std::getenv("EVENT_SHOW_METHOD")) {
      ev::log_message("libevent using: %s", loop->method());
    }
    return loop.release();
  }
  ev::log_warn("no method to watch descriptors fits the configuration");
  return nullptr;
}

bool event_base::make_notifiable() {
  std::lock_guard guard(lock_);
  if (wakeup_.is_open()) return true;
  ev::Wakeup made;
  if (made.open() && backend_->change(made.fd(), ev::Interest::none, ev::Interest::read)) {
    wakeup_ = std::move(made);
    return true;
  }
  ev::log_errno(errno, "cannot make a descriptor to wake the loop");
  return false;
}

// --- new kernel objects ---

bool event_base::rebuild() {
  rebuild_due_ = false;
  std::unique_ptr<ev::Backend> fresh = info_.make();
  if (fresh == nullptr ||
      (wakeup_.is_open() && !fresh->change(wakeup_.fd(), ev::Interest::none, ev::Interest::read))) {
    ev::log_errno(errno, "cannot make %s anew", info_.name);
    return false;
  }
  backend_ = std::move(fresh);
  return fds_.register_all(*backend_);
}

bool event_base::reinit() {
  std::lock_guard guard(lock_);
  if (wakeup_.is_open() && !wakeup_.open()) {
    ev::log_errno(errno, "cannot make a descriptor to wake the loop");
    return false;
  }
  if (signals_ != nullptr) signals_->port().start_anew(wakeup_.fd());
  return rebuild();
}

// --- turns ---

int event_base::run(int flags) noexcept {
  std::lock_guard guard(lock_);
  constexpr auto relaxed = std::memory_order_relaxed;
  if (is_running_.load(relaxed)) {
    ev::log_warn("the loop is running already; only one event_base_loop() can run it");
    return -1;
  }
  is_running_.store(true, relaxed);
  owner_.store(ev::current_thread(), relaxed);
  exit_ = false;
  break_ = false;
  const int result = turns(flags);
  if (!break_) flush_writers();
  count_turn();
  clock_.end_turn();
  fds_.settle_all(*backend_);
  is_running_.store(false, relaxed);
  return result;
}

int event_base::turns(int flags) noexcept {
  for (;; count_turn()) {
    continue_ = false;
    deferred_this_turn_ = 0;
    if (exit_ || break_) return 0;
    // Who asked for one turn does not wait for more than the output that has just left.
    const bool flushed = flush_writers();
    if (ends_without_work(flags)) return 1;
    active_.start_turn();
    const bool waits = (flags & EVLOOP_NONBLOCK) == 0 && !(flushed && (flags & EVLOOP_ONCE) != 0);
    if (!wait(waits ? flags : flags | EVLOOP_NONBLOCK)) return -1;
    if (!active_.empty()) {
      const int count = run_active();
      if ((flags & EVLOOP_ONCE) != 0 && active_.empty() && (flushed || count != 0)) return 0;
    } else if (!waits) {
      return 0;
    }
  }
}

bool event_base::has_work() const noexcept {
  return added_count_.now > 0 || held_count_.now > 0 || !active_.empty() || !writers_.empty();
}

bool event_base::ends_without_work(int flags) const noexcept {
  return (flags & EVLOOP_NO_EXIT_ON_EMPTY) == 0 && !has_work();
}

// Waits, and makes active what happened. False: the backend failed.
bool event_base::wait(int flags) noexcept {
  clock_.end_turn();
  if (!prepare_.empty()) {
    const evwatch_prepare_cb_info info{wait_time(flags)};
    prepare_.call_all(lock_, [&](evwatch& one) { one.prepare(&one, &info, one.argument); });
    if (ends_without_work(flags)) flags |= EVLOOP_NONBLOCK;
  }
  const bool waited = ev::value_or(false, [&] {
    if (rebuild_due_) rebuild();
    fds_.settle_all(*backend_);
    return wait_in_backend(flags);
  });
  is_waiting_ = false;
  if (!waited) {
    ev::log_errno(errno, "waiting with %s failed", info_.name);
    return false;
  }
  clock_.start_turn();
  check_.call_all(lock_, [](evwatch& one) {
    const evwatch_check_cb_info info{};
    one.check(&one, &info, one.argument);
  });
  expire_timers();
  return true;
}

// Trusting the kernel's memory of descriptors is for busy loops: one that has nothing to do makes
// sure before it sleeps. A first look that found anything is the whole wait, for what it found may
// have been the ring for a change that has to be looked at before anybody sleeps.
bool event_base::wait_in_backend(int flags) {
  constexpr int most_turns_on_trust = 16;
  if (fds_.has_trusted()) {
    if (turns_on_trust_++ < most_turns_on_trust) {
      if (!listen(ev::Duration::zero())) return false;
      if (!is_waiting_ || wait_time(flags) == ev::Duration::zero()) return true;
    }
    turns_on_trust_ = 0;
    fds_.verify(*backend_, *this);
  }
  return listen(wait_time(flags));
}

// From here on other threads ring, until something is reported.
bool event_base::listen(std::optional<ev::Duration> timeout) {
  is_waiting_ = true;
  return backend_->wait(timeout, lock_, *this);
}

// Empty: until something happens.
std::optional<ev::Duration> event_base::wait_time(int flags) noexcept {
  using std::chrono::microseconds;
  constexpr microseconds most = std::chrono::hours(24);  // far deadlines do not fit a Duration
  if (!active_.empty() || !writers_.empty() || break_ || (flags & EVLOOP_NONBLOCK) != 0) {
    return ev::Duration::zero();
  }
  const std::optional<ev::Deadline> next = precise_ ? timers_.next() : timers_.next_wake();
  if (!next) return std::nullopt;
  const ev::TimePoint now = clock_.now();
  if (*next - std::chrono::floor<microseconds>(now) > most) return most;
  return std::max(ev::Duration::zero(), ev::TimePoint(*next) - now);
}

void event_base::expire_timers() noexcept {
  if (timers_.empty()) return;
  const auto now = std::chrono::floor<std::chrono::microseconds>(clock_.now());
  if (!timers_.may_be_due(now)) return;
  while (event* expired = timers_.take_expired(now)) {
    for (event *ev = expired, *next; ev != nullptr; ev = next) {
      next = ev::TimerWheel::next_of(*ev);
      expire(*ev);
    }
  }
}

// The event goes with its timeout, and what became ready too late is not told as well: programs
// compare with one condition. A persistent event comes back when its callback runs.
void event_base::expire(event& ev) noexcept {
  ev::clear_flag(ev, EVLIST_TIMEOUT);
  count_added(ev.ev_evcallback, -1);
  if (has_flag(ev, ev::active_flags)) deactivate(ev.ev_evcallback);
  if (has_flag(ev, EVLIST_INSERTED)) unwatch_fired(ev);
  note_pending(ev);
  activate_locked(ev, EV_TIMEOUT, 1);
}

// --- stopping ---

bool event_base::exit_after(const timeval* delay) {
  const auto exit_now = [](int, short, void* loop) {
    auto* self = static_cast<event_base*>(loop);
    std::lock_guard guard(self->lock_);
    self->exit_ = true;
  };
  return once(-1, EV_TIMEOUT, exit_now, this, delay);
}

void event_base::break_off() noexcept {
  std::lock_guard guard(lock_);
  break_ = true;
  notify();
}

void event_base::look_again() noexcept {
  std::lock_guard guard(lock_);
  continue_ = true;
  notify();
}

bool event_base::got_exit() noexcept {
  std::lock_guard guard(lock_);
  return exit_;
}

bool event_base::got_break() noexcept {
  std::lock_guard guard(lock_);
  return break_;
}

bool event_base::runs_elsewhere() const noexcept {
  return is_running_.load(std::memory_order_relaxed) &&
         owner_.load(std::memory_order_relaxed) != ev::current_thread();
}

void event_base::hold() noexcept {
  std::lock_guard guard(lock_);
  held_count_.change(1);
}

void event_base::let_go() noexcept {
  std::lock_guard guard(lock_);
  held_count_.change(-1);
  if (held_count_.now == 0) notify();
}

// --- time ---

ev::TimePoint event_base::now() noexcept {
  std::lock_guard guard(lock_);
  return clock_.now();
}

timeval event_base::wall_time() noexcept {
  std::lock_guard guard(lock_);
  return clock_.wall_time();
}

timeval event_base::wall_time_of(ev::Deadline deadline) noexcept {
  std::lock_guard guard(lock_);
  return clock_.wall_time_of(deadline);
}

void event_base::update_time() noexcept {
  std::lock_guard guard(lock_);
  clock_.forget();
}

const timeval* event_base::common_timeout(const timeval& duration) {
  std::lock_guard guard(lock_);
  timeval whole = duration;
  if (whole.tv_usec >= 1'000'000) {
    constexpr time_t longest = std::numeric_limits<time_t>::max();
    const time_t more = whole.tv_usec / 1'000'000;
    whole.tv_sec = whole.tv_sec > longest - more ? longest : whole.tv_sec + more;
    whole.tv_usec %= 1'000'000;
  }
  return common_timeouts_.find_or_add(whole);
}

// Calling back: the active callbacks of a turn, each in the way its closure asks for. The lock is
// held between the calls and let go of during each; nothing of an event is touched after its
// callback, which may have freed it.
#include <algorithm>

#include "loop/debug_mode.h"
#include "loop/loop.h"
#include "sys/door.h"
#include "sys/memory.h"

using ev::closure_of;
using ev::has_flag;

namespace {

// When many streams are ready, or their timers expire, what belongs to the last of them has left the
// processor's caches by the time its turn comes. Fetched while the callbacks before it run, it costs
// no waiting: first what is around the event, then what the callback will be called with, which may
// be the same. Inlined, because GCC takes a function that does nothing else for one that does
// nothing.
class Prefetch {
 public:
  // Only behind one of a stream: it is probably not the last.
  [[gnu::always_inline]] static void for_those_behind(const event_callback& running) noexcept {
    if (!has_flag(running, ev::fetch_ahead)) return;
    const event_callback* const next = ev::CallbackList::next_of(running);
    if (next == nullptr) return;
    const auto argument = reinterpret_cast<std::uintptr_t>(next->evcb_arg);
    if (argument - begin_of(*next) >= size) fetch(argument);
    const event_callback* const after_next = ev::CallbackList::next_of(*next);
    if (after_next != nullptr) fetch(begin_of(*after_next));
  }

 private:
  // Of a stream, whose first event is behind its first three members.
  static constexpr std::uintptr_t size = 576;

  static std::uintptr_t begin_of(const event_callback& callback) noexcept {
    return reinterpret_cast<std::uintptr_t>(&callback) - 24;
  }
  [[gnu::always_inline]] static void fetch(std::uintptr_t begin) noexcept {
    constexpr std::uintptr_t cache_line = 64;
#pragma GCC unroll 9
    for (std::uintptr_t at = begin; at < begin + size; at += cache_line) {
      __builtin_prefetch(reinterpret_cast<const void*>(at), 1);
    }
  }
};

}  // namespace

// The number of the program's own callbacks that ran, or -1 when the loop was broken off.
int event_base::run_active() noexcept {
  constexpr ev::DispatchLimits no_limits{};
  int count = 0;
  for (int priority = 0; priority < active_.priorities() && count == 0; priority++) {
    if (active_.first(priority) == nullptr) continue;
    running_priority_ = priority;
    // After a callback of the program's, more important ones come first again. Internal ones do not
    // count.
    count = run_list(priority, priority < limits_.from_priority ? no_limits : limits_);
  }
  running_priority_ = -1;
  return count;
}

int event_base::run_list(int priority, const ev::DispatchLimits& limits) noexcept {
  const ev::TimePoint end = limits.time ? clock_.read() + *limits.time : ev::TimePoint::max();
  int count = 0;
  while (event_callback* callback = active_.first(priority)) {
    const bool internal = has_flag(*callback, EVLIST_INTERNAL);
    Prefetch::for_those_behind(*callback);
    run_callback(*callback);
    if (!writers_.empty()) flush_writers();
    if (break_) return -1;
    if (!internal) count++;
    if (limits.callbacks && count >= *limits.callbacks) break;
    if (limits.time && count > 0 && clock_.read() >= end) break;
    if (continue_) break;
  }
  return count;
}

void event_base::run_callback(event_callback& callback) noexcept {
  deactivate(callback);
  if (ev::belongs_to_event(callback)) {
    run_event(ev::event_of(callback));
    return;
  }
  void (*const self)(event_callback*, void*) = callback.evcb_cb_union.evcb_selfcb;
  void* const argument = callback.evcb_arg;
  Unlocked unlocked(lock_);
  self(&callback, argument);
}

void event_base::run_event(event& ev) noexcept {
  if ((ev.ev_events & EV_PERSIST) == 0) drop_fired(ev);
  set_running(&ev);
  switch (closure_of(ev.ev_evcallback)) {
    case ev::Closure::signal:
      run_signal(ev);
      break;
    case ev::Closure::finalize:
      run_finalizer(ev, false);
      break;
    case ev::Closure::finalize_and_free:
      run_finalizer(ev, true);
      break;
    case ev::Closure::persist:
      restart(ev);
      [[fallthrough]];
    default:
      call(ev);
  }
  finish_running();
}

// An event without EV_PERSIST goes as its callback starts.
void event_base::drop_fired(event& ev) noexcept {
  if (has_flag(ev, EVLIST_TIMEOUT)) stop_timer(ev);
  if (has_flag(ev, EVLIST_INSERTED)) unwatch_fired(ev);
  note_pending(ev);
}

inline void event_base::call(const event& ev) noexcept {
  const event_callback_fn callback = ev.ev_evcallback.evcb_cb_union.evcb_callback;
  const int fd = ev.ev_fd;
  const short what = ev.ev_res;
  void* const argument = ev.ev_evcallback.evcb_arg;
  Unlocked unlocked(lock_);
  callback(fd, what, argument);
}

// The next timeout is counted from the last one, so that a period does not drift; those that were
// missed are left out. An event that timed out is watched for again, too.
void event_base::restart(event& ev) noexcept {
  const timeval interval = ev.ev_.ev_io.ev_timeout;
  if (interval.tv_sec == 0 && interval.tv_usec == 0) return;
  ev::Deadline next = deadline_after(interval);
  if ((ev.ev_res & EV_TIMEOUT) != 0) {
    const auto now = std::chrono::floor<std::chrono::microseconds>(clock_.now());
    const ev::Deadline regular = ev::deadline_of(ev) + ev::to_microseconds(interval);
    if (regular >= now) next = regular;
  }
  const bool watches = (ev.ev_events & ev::io_conditions) != 0;
  if (watches && !has_flag(ev, EVLIST_INSERTED) &&
      !ev::value_or(false, [&] { return watch(ev); })) {
    return;
  }
  start_timer(ev, next);
  note_pending(ev);
}

// Once for each delivery. event_del() ends the calls by setting signal_calls_ to 0, and may be
// followed by free().
void event_base::run_signal(event& ev) noexcept {
  auto& state = ev.ev_.ev_signal;
  signal_calls_ = state.ev_ncalls;
  if (signal_calls_ > 0) state.ev_pncalls = &signal_calls_;
  while (signal_calls_ > 0) {
    state.ev_ncalls = --signal_calls_;
    if (signal_calls_ == 0) state.ev_pncalls = nullptr;
    call(ev);
    if (!break_ || signal_calls_ == 0) continue;
    state.ev_pncalls = nullptr;
    return;
  }
}

// The event stays finalizing: it can be added only when it was assigned again.
void event_base::run_finalizer(event& ev, bool free_after) noexcept {
  set_running(nullptr);  // nobody needs to wait for it: the event is out of use
  const event_finalize_callback_fn callback = ev.ev_evcallback.evcb_cb_union.evcb_evfinalize;
  void* const argument = ev.ev_evcallback.evcb_arg;
  if (ev::debug_mode()) ev::debug_forget(ev);
  Unlocked unlocked(lock_);
  if (callback != nullptr) callback(&ev, argument);
  if (free_after) ev::release(&ev);
}

void event_base::finish_running() noexcept {
  set_running(nullptr);
  if (threads_waiting_ == 0) return;
  callbacks_waited_for_++;
  callback_done_.broadcast();
}

// Writers that are listed meanwhile come behind the ones that are here now, and wait. True when
// there were some.
bool event_base::flush_writers() noexcept {
  const bool had_some = writer_count_ > 0;
  for (int left = writer_count_; left > 0 && !writers_.empty(); left--) {
    event_callback& callback = *writers_.first();
    event& writer = ev::event_of(callback);
    unlist_writer(callback);
    writer.ev_res = EV_WRITE;
    set_running(&writer);
    call(writer);
    finish_running();
  }
  return had_some;
}

// What an event is to the loop: the meaning of the fields of the caller's struct event, and what
// can be done with it alone. See event2/event.h for the behaviour.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>

#include <atomic>

#include "loop/backend.h"
#include "loop/deferred.h"

namespace ev {

// How the function of an event_callback is called (evcb_closure).
enum class Closure : std::uint8_t {
  event,             // evcb_callback(fd, res, arg)
  signal,            // the same, once for each delivery
  persist,           // the same, after the timer was started again
  self,              // evcb_selfcb(callback, arg)
  release,           // the same; also when the loop is freed
  finalize,          // evcb_evfinalize(event, arg)
  finalize_and_free  // the same; then the event is freed
};

// Bits of evcb_flags beside EVLIST_*.
inline constexpr short list_flush = 0x100;  // in the loop's list of writers
inline constexpr short fd_unsettled =
    0x200;  // it fired; the kernel may not know yet that it is gone

inline constexpr short list_legacy = 0x400;  // in the loop's list of what goes with it

// Part of a large object, as those probably are that become active together with it.
inline constexpr short fetch_ahead = 0x800;

inline constexpr int active_flags = EVLIST_ACTIVE | EVLIST_ACTIVE_LATER;
inline constexpr short io_conditions = EV_READ | EV_WRITE | EV_CLOSED;

inline Closure closure_of(const event_callback& callback) noexcept {
  return static_cast<Closure>(callback.evcb_closure);
}
inline void set_closure(event_callback& callback, Closure closure) noexcept {
  callback.evcb_closure = static_cast<std::uint8_t>(closure);
}
// The flags change under the loop's lock. A stream asks for those of its own events without it: for
// what only the stream's own calls change, while the loop may be changing the others.
inline int flags_of(const event_callback& callback) noexcept {
  return std::atomic_ref(const_cast<event_callback&>(callback).evcb_flags)
      .load(std::memory_order_relaxed);
}
inline void set_flags(event_callback& callback, int flags) noexcept {
  std::atomic_ref(callback.evcb_flags).store(static_cast<short>(flags), std::memory_order_relaxed);
}
inline bool has_flag(const event_callback& callback, int flags) noexcept {
  return (flags_of(callback) & flags) != 0;
}
inline bool has_flag(const event& ev, int flags) noexcept {
  return has_flag(ev.ev_evcallback, flags);
}
inline void set_flag(event_callback& callback, int flags) noexcept {
  set_flags(callback, flags_of(callback) | flags);
}
inline void set_flag(event& ev, int flags) noexcept { set_flag(ev.ev_evcallback, flags); }
inline void clear_flag(event_callback& callback, int flags) noexcept {
  set_flags(callback, flags_of(callback) & ~flags);
}
inline void clear_flag(event& ev, int flags) noexcept { clear_flag(ev.ev_evcallback, flags); }

// An event starts with its callback; a Deferred is a callback without an event.
inline bool belongs_to_event(const event_callback& callback) noexcept {
  return has_flag(callback, EVLIST_INIT);
}
inline event& event_of(event_callback& callback) noexcept {
  return reinterpret_cast<event&>(callback);
}

inline bool initialized(const event& ev) noexcept { return has_flag(ev, EVLIST_INIT); }
inline bool is_signal(const event& ev) noexcept { return (ev.ev_events & EV_SIGNAL) != 0; }
// In no list of its loop. (It may be running.)
inline bool is_idle(const event& ev) noexcept {
  return !has_flag(ev, ~(EVLIST_INIT | EVLIST_INTERNAL | fetch_ahead));
}

// Nothing of its loop leads to it, which may have been freed.
inline bool is_unlisted(const event& ev) noexcept {
  return !has_flag(ev, EVLIST_INSERTED | EVLIST_TIMEOUT | active_flags | list_flush);
}

// In the loop's timers and nowhere else.
inline bool is_only_timed(const event& ev) noexcept {
  return has_flag(ev, EVLIST_TIMEOUT) &&
         !has_flag(ev, ~(EVLIST_INIT | EVLIST_INTERNAL | fetch_ahead | EVLIST_TIMEOUT));
}

// A signal event whose callback is running, and is to be called again for the same delivery.
inline bool has_calls_due(const event& ev) noexcept {
  return is_signal(ev) && ev.ev_.ev_signal.ev_pncalls != nullptr;
}

inline Interest interest_of(const event& ev) noexcept {
  return static_cast<Interest>(ev.ev_events & (io_conditions | EV_ET));
}

// Fills in `ev`, whose old content is ignored. A null loop can be set later. False when `what`
// mixes a signal with a descriptor.
bool assign(event& ev, Loop* loop, int fd, short what, event_callback_fn callback,
            void* arg) noexcept;
// An event of the library's own: it does not keep the loop running. After assign(), before it is
// added.
void make_internal(event& ev) noexcept;
// False: the event is active, or the loop does not have this priority.
bool set_priority(event& ev, int priority) noexcept;
// False: the event is pending or active, or was not assigned.
bool set_loop(event& ev, Loop& loop) noexcept;
// Those of the conditions `what` that are pending or active. `when`, if not null, receives the
// point in time (of the system's clock) at which a pending timeout passes, if `what` asks for it.
short pending(const event& ev, short what, timeval* when) noexcept;
// A debug message: what became of the event, and with which conditions.
void log_event(const event& ev, const char* change, short conditions) noexcept;

}  // namespace ev

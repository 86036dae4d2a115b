#include "loop/event.h"

#include <mutex>

#include "loop/loop.h"
#include "sys/log.h"

namespace ev {
namespace {

// With the lock of its loop, which finds what is active by its priority.
bool set_if_inactive(event& ev, int priority, int count) noexcept {
  if (has_flag(ev, active_flags) || priority < 0 || priority >= count) return false;
  ev.ev_evcallback.evcb_pri = static_cast<std::uint8_t>(priority);
  return true;
}

}  // namespace

bool assign(event& ev, Loop* loop, int fd, short what, event_callback_fn callback,
            void* arg) noexcept {
  if ((what & EV_SIGNAL) != 0 && (what & io_conditions) != 0) return false;
  Closure closure = (what & EV_PERSIST) != 0 ? Closure::persist : Closure::event;
  if ((what & EV_SIGNAL) != 0) closure = Closure::signal;

  event_callback& head = ev.ev_evcallback;
  head.evcb_flags = EVLIST_INIT;
  head.evcb_pri = static_cast<std::uint8_t>(loop != nullptr ? loop->priorities() / 2 : 0);
  set_closure(head, closure);
  head.evcb_cb_union.evcb_callback = callback;
  head.evcb_arg = arg;
  ev.ev_base = loop;
  ev.ev_fd = fd;
  ev.ev_events = what;
  ev.ev_res = 0;
  ev.ev_timeout = {};
  ev.ev_ = {};
  return true;
}

void make_internal(event& ev) noexcept { set_flag(ev, EVLIST_INTERNAL); }

bool set_priority(event& ev, int priority) noexcept {
  constexpr int most_without_loop = EVENT_MAX_PRIORITIES - 1;
  if (ev.ev_base == nullptr) return set_if_inactive(ev, priority, most_without_loop);
  std::lock_guard guard(ev.ev_base->lock());
  return set_if_inactive(ev, priority, ev.ev_base->priorities());
}

bool set_loop(event& ev, Loop& loop) noexcept {
  clear_flag(ev, fd_unsettled);  // the old loop remembers by itself what it has to tell the kernel
  if (!is_idle(ev) || !initialized(ev)) return false;
  ev.ev_base = &loop;
  ev.ev_evcallback.evcb_pri = static_cast<std::uint8_t>(loop.priorities() / 2);
  return true;
}

short pending(const event& ev, short what, timeval* when) noexcept {
  std::lock_guard guard(ev.ev_base->lock());
  int found = 0;
  if (has_flag(ev, EVLIST_INSERTED)) found |= ev.ev_events & (io_conditions | EV_SIGNAL);
  if (has_flag(ev, active_flags)) found |= ev.ev_res;
  if (has_flag(ev, EVLIST_TIMEOUT)) {
    found |= EV_TIMEOUT;
    if (when != nullptr && (what & EV_TIMEOUT) != 0) {
      *when = ev.ev_base->wall_time_of(deadline_of(ev));
    }
  }
  return static_cast<short>(found & what & (io_conditions | EV_TIMEOUT | EV_SIGNAL));
}

void log_event(const event& ev, const char* change, short conditions) noexcept {
  log_debug("event %p (fd %d) is %s: 0x%x", static_cast<const void*>(&ev), ev.ev_fd, change,
            static_cast<unsigned>(conditions));
}

}  // namespace ev

// The functions of event2/event_compat.h, in its order: those of event.h for the base of
// event_init().
#include <event2/event.h>
#include <event2/event_compat.h>
#include <event2/event_struct.h>

#include "capi/current_base.h"
#include "sys/log.h"

event_base* event_init(void) {
  event_base* const made = event_base_new();
  if (made == nullptr) {
    ev::log_exit(1, "event_init: unable to make an event_base");
  }
  ev::current_base = made;
  return made;
}

int event_dispatch(void) { return event_loop(0); }

int event_loop(int flags) { return event_base_loop(ev::current_base, flags); }

int event_loopexit(const timeval* tv) { return event_base_loopexit(ev::current_base, tv); }

int event_loopbreak(void) { return event_base_loopbreak(ev::current_base); }

int event_once(evutil_socket_t fd, short events, void (*callback)(evutil_socket_t, short, void*),
               void* arg, const timeval* timeout) {
  return event_base_once(ev::current_base, fd, events, callback, arg, timeout);
}

const char* event_get_method(void) { return event_base_get_method(ev::current_base); }

int event_priority_init(int priorities) {
  return event_base_priority_init(ev::current_base, priorities);
}

// Unlike event_assign(), the conditions are not checked: the function has no way to refuse.
void event_set(event* ev, evutil_socket_t fd, short events,
               void (*callback)(evutil_socket_t, short, void*), void* arg) {
  event_assign(ev, ev::current_base, fd, events, callback, arg);
}

#ifndef EVENT2_EVENT_COMPAT_H_INCLUDED_
#define EVENT2_EVENT_COMPAT_H_INCLUDED_

/**
 * @file event2/event_compat.h
 *
 * The functions of libevent 1.x, which work on one *current* base: the one that event_init() made
 * last. They are kept for old programs. In a program with threads they are unsafe, since every
 * event_init() changes what all of them mean; event2/event.h has the function to use instead.
 *
 * Each fails (-1 or NULL) if there is no current base.
 */

#include <event2/event.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Make a base and make it the current one. Ends the process if that fails. @see event_base_new */
EVENT2_EXPORT_SYMBOL struct event_base* event_init(void);

/** Run the current base. @see event_base_dispatch */
EVENT2_EXPORT_SYMBOL int event_dispatch(void);

/** Run the current base with flags. @see event_base_loop */
EVENT2_EXPORT_SYMBOL int event_loop(int flags);

/** Let the current base's loop return after a delay. @see event_base_loopexit */
EVENT2_EXPORT_SYMBOL int event_loopexit(const struct timeval* tv);

/** Let the current base's loop return after the running callback. @see event_base_loopbreak */
EVENT2_EXPORT_SYMBOL int event_loopbreak(void);

/** Have a function called once. @see event_base_once */
EVENT2_EXPORT_SYMBOL int event_once(evutil_socket_t fd, short events,
                                    void (*callback)(evutil_socket_t, short, void*), void* arg,
                                    const struct timeval* timeout);

/** The name of the method that the current base uses. @see event_base_get_method */
EVENT2_EXPORT_SYMBOL const char* event_get_method(void);

/** Set how many priorities the current base has. @see event_base_priority_init */
EVENT2_EXPORT_SYMBOL int event_priority_init(int npriorities);

/**
 * Prepare an event in memory of the caller, for the current base. Without one the event has no base
 * and event_base_set() must give it one. A mistake in the arguments is reported by a message
 * only. @see event_assign
 */
EVENT2_EXPORT_SYMBOL void event_set(struct event* ev, evutil_socket_t fd, short events,
                                    void (*callback)(evutil_socket_t, short, void*), void* arg);

#define evtimer_set(ev, cb, arg) event_set((ev), -1, 0, (cb), (arg))
#define evsignal_set(ev, x, cb, arg) event_set((ev), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))

/** @name Old names of the evtimer_* macros */
/**@{*/
#define timeout_add(ev, tv) event_add((ev), (tv))
#define timeout_set(ev, cb, arg) event_set((ev), -1, 0, (cb), (arg))
#define timeout_del(ev) event_del(ev)
#define timeout_pending(ev, tv) event_pending((ev), EV_TIMEOUT, (tv))
#define timeout_initialized(ev) event_initialized(ev)
/**@}*/

/** @name Old names of the evsignal_* macros */
/**@{*/
#define signal_add(ev, tv) event_add((ev), (tv))
#define signal_set(ev, x, cb, arg) event_set((ev), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define signal_del(ev) event_del(ev)
#define signal_pending(ev, tv) event_pending((ev), EV_SIGNAL, (tv))
#define signal_initialized(ev) event_initialized(ev)
/**@}*/

#ifndef EVENT_FD
#define EVENT_FD(ev) ((int)event_get_fd(ev))  /**< old name of event_get_fd() */
#define EVENT_SIGNAL(ev) event_get_signal(ev) /**< old name of event_get_signal() */
#endif

#ifdef __cplusplus
}
#endif

#endif

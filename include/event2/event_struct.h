#ifndef EVENT2_EVENT_STRUCT_H_INCLUDED_
#define EVENT2_EVENT_STRUCT_H_INCLUDED_

/**
 * @file event2/event_struct.h
 *
 * The layout of struct event, for programs that place events inside their own structures and
 * prepare them with event_assign(). It is part of the ABI: names, order and sizes never change.
 *
 * Programs should read and write no member. What they may want to know has a function in
 * event2/event.h; the rest is the loop's bookkeeping, protected by the base's lock. An event
 * must not be copied or moved while it is pending or active.
 *
 * The lists are written out with the member names of the macros of <sys/queue.h>, which this header
 * neither needs nor defines.
 */

#include <event2/event-config.h>
#include <event2/keyvalq_struct.h>
#include <event2/util.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name evcb_flags: which lists of its base an event is in */
/**@{*/
#define EVLIST_TIMEOUT 0x01      /**< the timers */
#define EVLIST_INSERTED 0x02     /**< the descriptors or signals that are watched */
#define EVLIST_SIGNAL 0x04       /**< unused */
#define EVLIST_ACTIVE 0x08       /**< the active events */
#define EVLIST_INTERNAL 0x10     /**< it serves the library and does not keep the loop running */
#define EVLIST_ACTIVE_LATER 0x20 /**< the events that become active in the next turn */
#define EVLIST_FINALIZING 0x40   /**< its finalizer is pending or has run */
#define EVLIST_INIT 0x80         /**< it was initialized */
#define EVLIST_ALL 0xff          /**< all of these */
/**@}*/

struct event;
struct event_base;

/** What the loop needs to call a function: the part that events and deferred calls share. */
struct event_callback {
  /** The link in the queue of active callbacks. */
  struct {
    struct event_callback* tqe_next;
    struct event_callback** tqe_prev;
  } evcb_active_next;
  short evcb_flags;        /**< a combination of EVLIST_* */
  ev_uint8_t evcb_pri;     /**< the priority; 0 is the most important */
  ev_uint8_t evcb_closure; /**< which function of the union is called, and how */
  /** The function, in the form that evcb_closure tells. */
  union {
    void (*evcb_callback)(evutil_socket_t, short, void*);
    void (*evcb_selfcb)(struct event_callback*, void*);
    void (*evcb_evfinalize)(struct event*, void*);
    void (*evcb_cbfinalize)(struct event_callback*, void*);
  } evcb_cb_union;
  void* evcb_arg; /**< the last argument of the function */
};

/** An event; see event2/event.h. */
struct event {
  struct event_callback ev_evcallback; /**< must be the first member */
  /** Where the timer is kept: in a queue of equal durations, or at a place in the heap. */
  union {
    struct {
      struct event* tqe_next;
      struct event** tqe_prev;
    } ev_next_with_common_timeout;
    int min_heap_idx;
  } ev_timeout_pos;
  evutil_socket_t ev_fd;      /**< the descriptor, the signal's number, or -1 */
  struct event_base* ev_base; /**< the base that the event was assigned to */
  union {
    /** While a descriptor is watched. */
    struct {
      /** The link between the events of one descriptor. */
      struct {
        struct event* le_next;
        struct event** le_prev;
      } ev_io_next;
      struct timeval ev_timeout; /**< the duration with which EV_PERSIST starts again */
    } ev_io;
    /** While a signal is watched. */
    struct {
      /** The link between the events of one signal. */
      struct {
        struct event* le_next;
        struct event** le_prev;
      } ev_signal_next;
      short ev_ncalls;   /**< how often the callback is still to be called */
      short* ev_pncalls; /**< lets event_del() stop these calls */
    } ev_signal;
  } ev_;
  short ev_events;           /**< what the event waits for, with its options: EV_* */
  short ev_res;              /**< what it became active with: EV_* */
  struct timeval ev_timeout; /**< when the timer fires, on the monotonic clock */
};

/** A queue of events, for programs that want to keep theirs in one. */
struct event_list {
  struct event* tqh_first;
  struct event** tqh_last;
};

/** A list of events. */
struct event_dlist {
  struct event* lh_first;
};

#ifdef __cplusplus
}
#endif

#endif

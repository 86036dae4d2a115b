#ifndef EVENT2_EVENT_H_INCLUDED_
#define EVENT2_EVENT_H_INCLUDED_

/**
 * @file event2/event.h
 *
 * The event loop: an event_base watches file descriptors, timers and signals, and calls the
 * program back when one of its events becomes active.
 *
 * @code
 *   struct event_base *base = event_base_new();
 *   struct event *ev = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, NULL);
 *   event_add(ev, NULL);
 *   event_base_dispatch(base);
 *   event_free(ev);
 *   event_base_free(base);
 * @endcode
 *
 * Link with -levent, and with -levent_pthreads or -levent_openssl for locks or TLS.
 *
 * @section conventions Conventions of all headers of event2/
 *
 * - **Results.** A function that returns int returns 0 for success and -1 for failure, and one that
 *   returns a pointer returns NULL for failure, unless its description says otherwise. Lack of
 *   memory is such a failure, never an abort. A call that failed has changed nothing,
 *   but for event_reinit() and bufferevent_enable(), which do what they can.
 * - **Pointers** must not be NULL unless the description allows it. Output pointers that may be
 * NULL are skipped.
 * - **Ownership.** What a *_new function made is released with the *_free function of the same
 *   name. Arguments that a callback receives belong to the library, and strings that a
 *   function returns as const char * are static, unless stated.
 * - **Threads.** Without evthread_use_pthreads() (event2/thread.h) every object belongs to one
 *   thread at a time. After it, an event_base and its events may be used from every thread, and
 *   so may buffers, bufferevents and listeners that were made with locking. A base is run by
 *   one thread at a time.
 * - **Callbacks** are called by the thread that runs the base, from inside event_base_loop(). They
 *   may add, delete and free any object but the base, including the one that called them.
 * - **Time** is measured on the monotonic clock. Setting the system's clock neither delays nor
 *   fires a timer. A struct timeval argument is a duration unless it is called a point in time.
 */

#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A loop with its events, timers and the kernel object that watches descriptors. */
struct event_base;

/**
 * A condition to wait for and the function to call. Allocated by event_new(), or placed anywhere by
 * the program (its layout is in event2/event_struct.h) and filled in by event_assign().
 *
 * An event is *initialized* by event_new() or event_assign(), *pending* from event_add() until it
 * is deleted or, without #EV_PERSIST, has become active, and *active* from the moment its condition
 * holds until its callback starts.
 */
struct event;

/** Wishes for a new event_base; see event_config_new(). */
struct event_config;

/** @name Bases */
/**@{*/
/** Make a base with the default configuration: the first working method, one priority. */
EVENT2_EXPORT_SYMBOL struct event_base* event_base_new(void);

/**
 * Make a base as described by a configuration, which is copied and may be freed at once.
 *
 * @param cfg NULL means the defaults
 * @return NULL also if no method satisfies the configuration
 */
EVENT2_EXPORT_SYMBOL struct event_base* event_base_new_with_config(const struct event_config* cfg);

/**
 * Free a base. Its events are deleted but not freed: they remain the program's, and may only be
 * freed or assigned to another base afterwards. Pending finalizers run; no other callback does.
 * Bufferevents, listeners and rate limit groups must be freed before their base. Neither from inside
 * one of its callbacks nor while any thread uses the base.
 *
 * @param base NULL frees the base of event_init(), if there is one
 */
EVENT2_EXPORT_SYMBOL void event_base_free(struct event_base* base);

/** event_base_free() without running pending finalizers, whose objects may leak. */
EVENT2_EXPORT_SYMBOL void event_base_free_nofinalize(struct event_base* base);

/**
 * Make a base usable in the child after fork(), before anything else is done with it there. Kernel
 * objects shared with the parent are replaced and all pending events registered again.
 *
 * @return -1 if an event could not be registered again
 */
EVENT2_EXPORT_SYMBOL int event_reinit(struct event_base* base);

/** The name of the method that a base uses: "epoll", "poll" or "select". */
EVENT2_EXPORT_SYMBOL const char* event_base_get_method(const struct event_base* base);

/**
 * The methods this library was built with, best first, even those the environment disables.
 *
 * @return a static array of static strings, with NULL at the end
 */
EVENT2_EXPORT_SYMBOL const char** event_get_supported_methods(void);

/** What a method can do. */
enum event_method_feature {
  EV_FEATURE_ET = 0x01,         /**< edge-triggered events: #EV_ET */
  EV_FEATURE_O1 = 0x02,         /**< the cost of an operation does not grow with the events */
  EV_FEATURE_FDS = 0x04,        /**< any kind of descriptor, regular files included */
  EV_FEATURE_EARLY_CLOSE = 0x08 /**< a close is seen ahead of unread data: #EV_CLOSED */
};

/** The features of a base's method: a combination of enum event_method_feature. */
EVENT2_EXPORT_SYMBOL int event_base_get_features(const struct event_base* base);

#define EVENT_BASE_COUNT_ACTIVE 1U  /**< count events whose callback is about to run */
#define EVENT_BASE_COUNT_VIRTUAL 2U /**< count what else keeps the loop running */
#define EVENT_BASE_COUNT_ADDED 4U   /**< count what events are pending for, up to three each */

/**
 * Count the events of a base.
 *
 * @param flags a combination of EVENT_BASE_COUNT_*; an event that falls under two is counted twice
 */
EVENT2_EXPORT_SYMBOL int event_base_get_num_events(struct event_base* base, unsigned int flags);

/**
 * The largest numbers seen so far, summed over the given kinds.
 *
 * @param clear nonzero starts the chosen maxima again from 0
 */
EVENT2_EXPORT_SYMBOL int event_base_get_max_events(struct event_base* base, unsigned int flags,
                                                   int clear);
/**@}*/

/** @name Configuration of a base */
/**@{*/
/** Make an empty configuration, which asks for nothing special. */
EVENT2_EXPORT_SYMBOL struct event_config* event_config_new(void);

/** Free a configuration. Bases made from it are not affected. NULL is ignored. */
EVENT2_EXPORT_SYMBOL void event_config_free(struct event_config* cfg);

/** Do not use the method of this name. Unknown names are accepted. The string is copied. */
EVENT2_EXPORT_SYMBOL int event_config_avoid_method(struct event_config* cfg, const char* method);

/** Use only methods with all of these features (enum event_method_feature). */
EVENT2_EXPORT_SYMBOL int event_config_require_features(struct event_config* cfg, int feature);

/** Options for event_config_set_flag(). */
enum event_base_config_flag {
  EVENT_BASE_FLAG_NOLOCK = 0x01, /**< no lock: one thread only, which also does all wakeups */
  /**
   * Ignore the environment: EVENT_NOEPOLL, EVENT_NOPOLL and EVENT_NOSELECT (which disable a
   * method), EVENT_EPOLL_USE_CHANGELIST, EVENT_PRECISE_TIMER and EVENT_SHOW_METHOD.
   */
  EVENT_BASE_FLAG_IGNORE_ENV = 0x02,
  EVENT_BASE_FLAG_STARTUP_IOCP = 0x04,  /**< accepted without effect: it concerns Windows */
  EVENT_BASE_FLAG_NO_CACHE_TIME = 0x08, /**< read the clock when asked, not once per turn */
  /** Accepted without effect: the kernel is told of each change at once, not before the wait. */
  EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST = 0x10,
  EVENT_BASE_FLAG_PRECISE_TIMER = 0x20 /**< ask for the finest clock the system has */
};

/** Set one option or several (enum event_base_config_flag); options cannot be taken back. */
EVENT2_EXPORT_SYMBOL int event_config_set_flag(struct event_config* cfg, int flag);

/** Tell how many processors the machine has. Accepted and without effect: it concerns Windows. */
EVENT2_EXPORT_SYMBOL int event_config_set_num_cpus_hint(struct event_config* cfg, int cpus);

/**
 * Limit how long less important callbacks run before the loop looks for new events, so that a
 * flood of them does not delay important ones. Whatever limit is reached first ends the round.
 *
 * @param max_interval how long callbacks may run in one round; NULL for no limit
 * @param max_callbacks how many callbacks may run in one round; negative for no limit
 * @param min_priority the limits hold for this priority and the less important (greater) ones
 */
EVENT2_EXPORT_SYMBOL int event_config_set_max_dispatch_interval(struct event_config* cfg,
                                                                const struct timeval* max_interval,
                                                                int max_callbacks,
                                                                int min_priority);
/**@}*/

/** @name Running the loop */
/**@{*/
#define EVLOOP_ONCE 0x01     /**< wait for activity, run what is active, and return */
#define EVLOOP_NONBLOCK 0x02 /**< run what is active and becomes it, and return without waiting */
#define EVLOOP_NO_EXIT_ON_EMPTY 0x04 /**< keep waiting even when no event is left */

/**
 * Run a base until no event is pending or active, or until it is told to stop.
 *
 * Each turn waits for activity and then runs the active events of the most important priority that
 * has any; less important ones wait until no more important one is active.
 *
 * @param flags a combination of EVLOOP_*, or 0
 * @return 0 if the loop was told to stop or its flags made it return, 1 if no event was pending or
 *   active any more, -1 if the method failed or the base is already running
 */
EVENT2_EXPORT_SYMBOL int event_base_loop(struct event_base* base, int flags);

/** event_base_loop() without flags. */
EVENT2_EXPORT_SYMBOL int event_base_dispatch(struct event_base* base);

/**
 * Let the loop return after a delay, once the events active then have run, but for less important
 * ones than the middle priority. While the loop does not run, it waits for its start. From any thread.
 *
 * @param tv the delay; NULL means at the end of the current round
 */
EVENT2_EXPORT_SYMBOL int event_base_loopexit(struct event_base* base, const struct timeval* tv);

/**
 * Let the loop return as soon as the callback that is running now has returned, even if more events
 * are active; they stay active. While the loop waits, one callback may still run. Unlike
 * event_base_loopexit() it has no effect on a later event_base_loop(). From any thread.
 */
EVENT2_EXPORT_SYMBOL int event_base_loopbreak(struct event_base* base);

/**
 * Look for new events as soon as the callback that is running now has returned, before any other
 * active event runs. Without effect outside callbacks.
 */
EVENT2_EXPORT_SYMBOL int event_base_loopcontinue(struct event_base* base);

/** Nonzero if event_base_loopexit() ended the loop, until event_base_loop() is called again. */
EVENT2_EXPORT_SYMBOL int event_base_got_exit(struct event_base* base);

/** Nonzero if event_base_loopbreak() ended the loop, until event_base_loop() is called again. */
EVENT2_EXPORT_SYMBOL int event_base_got_break(struct event_base* base);

/** The event whose callback is running now, or NULL. Only from the thread that runs the base. */
EVENT2_EXPORT_SYMBOL struct event* event_base_get_running_event(struct event_base* base);
/**@}*/

/** @name Conditions: what an event waits for, and why its callback is called */
/**@{*/
#define EV_TIMEOUT 0x01  /**< the timeout passed; implied by a timeout, ignored by event_new() */
#define EV_READ 0x02     /**< the descriptor can be read, has ended, or has an error */
#define EV_WRITE 0x04    /**< the descriptor can be written, or has an error */
#define EV_SIGNAL 0x08   /**< the signal whose number is in place of the descriptor was raised */
#define EV_PERSIST 0x10  /**< stay pending when active; each time, the timeout starts again */
#define EV_ET 0x20       /**< report changes of readiness only; needs #EV_FEATURE_ET */
#define EV_FINALIZE 0x40 /**< deleting does not wait for the callback; see event_finalize() */
#define EV_CLOSED 0x80   /**< the peer closed, perhaps ahead of unread data */
/**@}*/

/**
 * The callback of an event.
 *
 * @param fd the descriptor or the signal of the event, -1 for a timer
 * @param what why it is called: a combination of EV_TIMEOUT, EV_READ, EV_WRITE, EV_SIGNAL,
 * EV_CLOSED (and EV_ET), or what event_active() passed
 * @param arg the argument given with the callback
 */
typedef void (*event_callback_fn)(evutil_socket_t fd, short what, void* arg);

/** @name Making events */
/**@{*/
/**
 * Make an event. It does nothing before event_add().
 *
 * Several events may watch one descriptor, but either all of them or none with #EV_ET. Signals of
 * one process should be watched through one base only.
 *
 * @param base the base; NULL means the one that event_init() made last
 * @param fd a non-blocking descriptor, a signal number, or -1 for a timer
 * @param events a combination of EV_READ, EV_WRITE, EV_CLOSED, EV_SIGNAL, EV_PERSIST, EV_ET and
 *   EV_FINALIZE, or 0; EV_SIGNAL excludes the descriptor's conditions
 * @param arg passed to the callback; event_self_cbarg() means the new event itself
 */
EVENT2_EXPORT_SYMBOL struct event* event_new(struct event_base* base, evutil_socket_t fd,
                                             short events, event_callback_fn callback, void* arg);

/**
 * Prepare an event in memory of the caller, as event_new() does. The old content is ignored, so an
 * event that is pending or active must be deleted first.
 */
EVENT2_EXPORT_SYMBOL int event_assign(struct event* ev, struct event_base* base, evutil_socket_t fd,
                                      short events, event_callback_fn callback, void* arg);

/** Placeholder for the argument of event_new() and event_assign(): the event itself. */
EVENT2_EXPORT_SYMBOL void* event_self_cbarg(void);

/** Delete an event of event_new() and free it. Waits like event_del(). */
EVENT2_EXPORT_SYMBOL void event_free(struct event* ev);

/**
 * Move an event that was assigned but never added to another base. It gets the middle priority of
 * that base.
 *
 * @return -1 if the event is pending or active
 */
EVENT2_EXPORT_SYMBOL int event_base_set(struct event_base* base, struct event* ev);

/**
 * Have a function called once, without an event to look after.
 *
 * @param events EV_TIMEOUT, or EV_READ and/or EV_WRITE; neither EV_SIGNAL nor EV_PERSIST
 * @param timeout when the callback is called at the latest; NULL means at once if events is
 *   EV_TIMEOUT, else never
 */
EVENT2_EXPORT_SYMBOL int event_base_once(struct event_base* base, evutil_socket_t fd, short events,
                                         event_callback_fn callback, void* arg,
                                         const struct timeval* timeout);

/** Called when an event is out of use in every thread. */
typedef void (*event_finalize_callback_fn)(struct event* ev, void* arg);

/**
 * Delete an event without waiting, and have a function called by the loop as soon as no thread runs
 * the event's callback any more. Only then may the program free it and what it used, or assign it
 * anew, before which event_add() fails. Asked again before that, the last function counts.
 * @param flags ignored; 0
 * @param cb receives the event and the argument of its callback; may be NULL
 */
EVENT2_EXPORT_SYMBOL int event_finalize(unsigned flags, struct event* ev,
                                        event_finalize_callback_fn cb);

/** event_finalize() for an event of event_new(), which is freed after the function returned. */
EVENT2_EXPORT_SYMBOL int event_free_finalize(unsigned flags, struct event* ev,
                                             event_finalize_callback_fn cb);
/**@}*/

/** @name Adding, deleting, activating */
/**@{*/
/**
 * Start to wait for an event. Adding a pending event again is allowed and replaces its timeout.
 *
 * @param timeout call the callback with EV_TIMEOUT if nothing else happened for this long; NULL for
 *   no timeout, or to keep the one a pending event has. A negative or zero one passes in the next
 *   turn of the loop; a timer never fires early.
 */
EVENT2_EXPORT_SYMBOL int event_add(struct event* ev, const struct timeval* timeout);

/** Take the timeout of a pending event away. Without effect if it has none. */
EVENT2_EXPORT_SYMBOL int event_remove_timer(struct event* ev);

/**
 * Stop waiting for an event. If it is active its callback will not run. Deleting an event that is
 * not pending is allowed and does nothing.
 *
 * If another thread is running the callback, event_del() waits for it to return, unless the event
 * has #EV_FINALIZE: holding a lock that the callback needs is a deadlock. It never waits from
 * inside the loop's own thread.
 */
EVENT2_EXPORT_SYMBOL int event_del(struct event* ev);

/** event_del() that never waits: the callback may still be running in another thread. */
EVENT2_EXPORT_SYMBOL int event_del_noblock(struct event* ev);

/** event_del() that waits even for an event with #EV_FINALIZE. */
EVENT2_EXPORT_SYMBOL int event_del_block(struct event* ev);

/**
 * Make an event active as if its condition held; it need not be pending. From any thread, but not
 * from a signal handler.
 *
 * @param res what the callback is told: a combination of EV_*
 * @param ncalls for a signal event, how often the callback runs; ignored for others
 */
EVENT2_EXPORT_SYMBOL void event_active(struct event* ev, int res, short ncalls);

/** Make all events active that wait for one of these conditions on a descriptor (>= 0). */
EVENT2_EXPORT_SYMBOL void event_base_active_by_fd(struct event_base* base, evutil_socket_t fd,
                                                  short events);

/** Make all events active that wait for a signal. */
EVENT2_EXPORT_SYMBOL void event_base_active_by_signal(struct event_base* base, int sig);
/**@}*/

/** @name Short names for timers, signals (x is the number) and events run by evuser_trigger() only
 */
/**@{*/
#define evtimer_assign(ev, b, cb, arg) event_assign((ev), (b), -1, 0, (cb), (arg))
#define evtimer_new(b, cb, arg) event_new((b), -1, 0, (cb), (arg))
#define evtimer_add(ev, tv) event_add((ev), (tv))
#define evtimer_del(ev) event_del(ev)
#define evtimer_pending(ev, tv) event_pending((ev), EV_TIMEOUT, (tv))
#define evtimer_initialized(ev) event_initialized(ev)

#define evsignal_add(ev, tv) event_add((ev), (tv))
#define evsignal_assign(ev, b, x, cb, arg) \
  event_assign((ev), (b), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define evsignal_new(b, x, cb, arg) event_new((b), (x), EV_SIGNAL | EV_PERSIST, (cb), (arg))
#define evsignal_del(ev) event_del(ev)
#define evsignal_pending(ev, tv) event_pending((ev), EV_SIGNAL, (tv))
#define evsignal_initialized(ev) event_initialized(ev)

#define evuser_new(b, cb, arg) event_new((b), -1, 0, (cb), (arg))
#define evuser_del(ev) event_del(ev)
#define evuser_pending(ev, tv) event_pending((ev), 0, (tv))
#define evuser_initialized(ev) event_initialized(ev)
#define evuser_trigger(ev) event_active((ev), 0, 0)
/**@}*/

/** @name Looking at an event */
/**@{*/
/**
 * Ask what an event is waiting for or active with.
 *
 * @param events the conditions of interest: EV_TIMEOUT, EV_READ, EV_WRITE, EV_SIGNAL, EV_CLOSED
 * @param tv if EV_TIMEOUT is asked for and pending, receives the point in time (of the system's
 *   clock, as of gettimeofday()) when it passes; may be NULL
 * @return those of the conditions that are pending or active; 0 for none
 */
EVENT2_EXPORT_SYMBOL int event_pending(const struct event* ev, short events, struct timeval* tv);

/**
 * Nonzero if an event was initialized by event_new() or event_assign(). Memory that was neither
 * initialized nor zeroed may look like either.
 */
EVENT2_EXPORT_SYMBOL int event_initialized(const struct event* ev);

/** The descriptor of an event, the signal of a signal event, -1 for a timer. */
EVENT2_EXPORT_SYMBOL evutil_socket_t event_get_fd(const struct event* ev);
#define event_get_signal(ev) ((int)event_get_fd(ev)) /**< the same, named for signal events */

/** The base of an event. */
EVENT2_EXPORT_SYMBOL struct event_base* event_get_base(const struct event* ev);

/** The conditions and options that an event was made with. */
EVENT2_EXPORT_SYMBOL short event_get_events(const struct event* ev);

/** The callback of an event. */
EVENT2_EXPORT_SYMBOL event_callback_fn event_get_callback(const struct event* ev);

/** The argument for the callback of an event. */
EVENT2_EXPORT_SYMBOL void* event_get_callback_arg(const struct event* ev);

/** The priority of an event. */
EVENT2_EXPORT_SYMBOL int event_get_priority(const struct event* ev);

/** All that event_assign() set, at once. Any output may be NULL. */
EVENT2_EXPORT_SYMBOL void event_get_assignment(const struct event* event,
                                               struct event_base** base_out,
                                               evutil_socket_t* fd_out, short* events_out,
                                               event_callback_fn* callback_out, void** arg_out);

/** sizeof(struct event) in the library, for programs that do not include event_struct.h. */
EVENT2_EXPORT_SYMBOL size_t event_get_struct_event_size(void);

/** The function that event_base_foreach_event() calls; nonzero ends the walk. */
typedef int (*event_base_foreach_event_cb)(const struct event_base* base, const struct event* ev,
                                           void* arg);

/**
 * Call a function for every pending or active event of a base, in no particular order and including
 * internal ones. The base is locked meanwhile: the function must neither change events nor wait for
 * other threads.
 *
 * @return 0, or what ended the walk
 */
EVENT2_EXPORT_SYMBOL int event_base_foreach_event(struct event_base* base,
                                                  event_base_foreach_event_cb fn, void* arg);

/** Write a list of the pending and active events to a stream, for people to read. */
EVENT2_EXPORT_SYMBOL void event_base_dump_events(struct event_base* base, FILE* output);
/**@}*/

/** @name Priorities: 0 is the most important. New events get the middle one, n / 2. */
/**@{*/
#define EVENT_MAX_PRIORITIES 256 /**< a base has fewer than this */

/**
 * Set how many priorities a base has. Before any event is made, best right after the base.
 *
 * @param npriorities 1 to 255
 * @return -1 also while events are active
 */
EVENT2_EXPORT_SYMBOL int event_base_priority_init(struct event_base* base, int npriorities);

/** How many priorities a base has. */
EVENT2_EXPORT_SYMBOL int event_base_get_npriorities(struct event_base* base);

/**
 * Set the priority of an event.
 *
 * @return -1 if the event is active, or its base does not have that priority
 */
EVENT2_EXPORT_SYMBOL int event_priority_set(struct event* ev, int priority);
/**@}*/

/** @name Time */
/**@{*/
/**
 * The time of the system's clock when it was first asked for in this turn of the loop: cheap, and the
 * same for all callbacks from then on. Outside callbacks, or without cached time, gettimeofday().
 */
EVENT2_EXPORT_SYMBOL int event_base_gettimeofday_cached(struct event_base* base,
                                                        struct timeval* tv);

/** Refresh the cached time from inside a callback that took long. Without effect outside. */
EVENT2_EXPORT_SYMBOL int event_base_update_cache_time(struct event_base* base);

/** The monotonic clock that timers are measured with, read now. */
EVENT2_EXPORT_SYMBOL int event_gettime_monotonic(struct event_base* base, struct timeval* tp);

/**
 * Announce that very many events of a base will have the same timeout, so that they are kept in a
 * queue of their own.
 *
 * @return what to pass to event_add() in place of the duration; never freed by the caller, and
 * valid for this base only. It need not read as that duration. NULL on failure, or if the base has
 * 256 such durations already.
 */
EVENT2_EXPORT_SYMBOL const struct timeval* event_base_init_common_timeout(
    struct event_base* base, const struct timeval* duration);
/**@}*/

/** @name Messages */
/**@{*/
#define EVENT_LOG_DEBUG 0 /**< details, if event_enable_debug_logging() asked for them */
#define EVENT_LOG_MSG 1   /**< information */
#define EVENT_LOG_WARN 2  /**< something failed that the caller may want to know */
#define EVENT_LOG_ERR 3   /**< the last words before event_set_fatal_callback() */
#define _EVENT_LOG_DEBUG EVENT_LOG_DEBUG
#define _EVENT_LOG_MSG EVENT_LOG_MSG
#define _EVENT_LOG_WARN EVENT_LOG_WARN
#define _EVENT_LOG_ERR EVENT_LOG_ERR

/** Receives messages; the text ends without a newline. It must not call this library. */
typedef void (*event_log_cb)(int severity, const char* msg);

/** Send messages to a function, from every thread; NULL restores standard error. */
EVENT2_EXPORT_SYMBOL void event_set_log_callback(event_log_cb cb);

/**
 * Called when the library cannot go on; it should not return.
 *
 * @param err 0xdeaddead if a rule was broken (without a callback: abort()), else an exit code
 */
typedef void (*event_fatal_cb)(int err);

/** Replace what happens on such an error; NULL restores the default. */
EVENT2_EXPORT_SYMBOL void event_set_fatal_callback(event_fatal_cb cb);

#define EVENT_DBG_ALL 0xffffffffu /**< all debug messages */
#define EVENT_DBG_NONE 0          /**< none */

/** Choose the debug messages, early: EVENT_DBG_ALL or EVENT_DBG_NONE, the default. */
EVENT2_EXPORT_SYMBOL void event_enable_debug_logging(ev_uint32_t which);
/**@}*/

/** @name The library as a whole */
/**@{*/
/**
 * Check the use of every event: adding one that was not initialized (memory of zeros is merely
 * refused, with a warning), assigning one that is pending, and the like become fatal errors. Costs
 * memory and time. Once, before any event or base is made.
 */
EVENT2_EXPORT_SYMBOL void event_enable_debug_mode(void);

/** In debug mode, forget an event of event_assign() whose memory is about to be reused. */
EVENT2_EXPORT_SYMBOL void event_debug_unassign(struct event* ev);

/**
 * Replace malloc(), realloc() and free() for everything the library allocates from now on. Before
 * any other function, since memory is returned to the functions set at that time. The functions
 * must be safe in every thread that uses the library, and memory aligned as malloc()'s. NULL
 * restores the C library's function.
 *
 * Strings and arrays that the program is told to free() come from malloc_fn.
 */
EVENT2_EXPORT_SYMBOL void event_set_mem_functions(void* (*malloc_fn)(size_t sz),
                                                  void* (*realloc_fn)(void* ptr, size_t sz),
                                                  void (*free_fn)(void* ptr));
/** Tells that event_set_mem_functions() exists. */
#define EVENT_SET_MEM_FUNCTIONS_IMPLEMENTED

/**
 * Release what the library keeps for itself, so that leak checkers find no leak. After all objects
 * were freed and all other threads have stopped using the library, which must not be used again.
 */
EVENT2_EXPORT_SYMBOL void libevent_global_shutdown(void);

/** The version of the library that runs: "2.1.12-stable", whose interface it has. */
EVENT2_EXPORT_SYMBOL const char* event_get_version(void);

/** The same as a number: 0x02010c00. */
EVENT2_EXPORT_SYMBOL ev_uint32_t event_get_version_number(void);

#define LIBEVENT_VERSION EVENT__VERSION                /**< the version of these headers */
#define LIBEVENT_VERSION_NUMBER EVENT__NUMERIC_VERSION /**< the same as a number */
/**@}*/

#ifdef __cplusplus
}
#endif

#endif

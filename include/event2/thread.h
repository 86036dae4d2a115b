#ifndef EVENT2_THREAD_H_INCLUDED_
#define EVENT2_THREAD_H_INCLUDED_

/**
 * @file event2/thread.h
 *
 * Locks for programs that use one object in several threads. The library starts without any, and a
 * program that does not ask for locks does not pay for them.
 *
 * Call evthread_use_pthreads() (link with -levent_pthreads) before any other function. From then
 * on each event_base has a lock, unless made with EVENT_BASE_FLAG_NOLOCK; bufferevents,
 * listeners and evbuffers get one when BEV_OPT_THREADSAFE, LEV_OPT_THREADSAFE or
 * evbuffer_enable_locking() asks for it. A change made in another thread wakes the loop.
 *
 * The rest of this header lets a program bring its own locks. Its functions are not thread-safe
 * themselves.
 */

#include <event2/event-config.h>
#include <event2/visibility.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;

/**
 * Use POSIX mutexes and condition variables. Calling it again is allowed.
 *
 * @return -1 if other locks are set already
 */
EVENT2_EXPORT_SYMBOL int evthread_use_pthreads(void);
/** Tells that evthread_use_pthreads() exists. */
#define EVTHREAD_USE_PTHREADS_IMPLEMENTED 1

/**
 * Let other threads wake a base that was made before locks were set. Other bases can be woken
 * anyhow.
 */
EVENT2_EXPORT_SYMBOL int evthread_make_base_notifiable(struct event_base* base);

/**
 * Check every use of a lock: releasing one that the thread does not hold, and the like, end
 * the process. Slow. After locks were set and before any object is made.
 */
EVENT2_EXPORT_SYMBOL void evthread_enable_lock_debugging(void);

/** The same under its old name. */
EVENT2_EXPORT_SYMBOL void evthread_enable_lock_debuging(void);

/** @name Locks of the program's own */
/**@{*/
#define EVTHREAD_LOCK_API_VERSION 1 /**< the version of struct evthread_lock_callbacks */

#define EVTHREAD_LOCKTYPE_RECURSIVE 1 /**< may be locked again by the thread that holds it */
#define EVTHREAD_LOCKTYPE_READWRITE 2 /**< many readers or one writer; never asked for today */

/* The mode of locking and unlocking: 0, or for read-write locks one of the first two. */
#define EVTHREAD_WRITE 0x04
#define EVTHREAD_READ 0x08
#define EVTHREAD_TRY 0x10 /**< fail instead of waiting */

/** How to make and use locks. */
struct evthread_lock_callbacks {
  int lock_api_version;         /**< #EVTHREAD_LOCK_API_VERSION */
  unsigned supported_locktypes; /**< EVTHREAD_LOCKTYPE_*; RECURSIVE is required */
  /** Make a lock of a type: 0 or EVTHREAD_LOCKTYPE_*. NULL if there is no memory. */
  void* (*alloc)(unsigned locktype);
  /** Free a lock, which nobody holds. */
  void (*free)(void* lock, unsigned locktype);
  /** Take a lock. Nonzero if that failed. */
  int (*lock)(unsigned mode, void* lock);
  /** Release a lock. Nonzero if that failed. */
  int (*unlock)(unsigned mode, void* lock);
};

/**
 * Set the locks of the process. The structure is copied.
 *
 * @param cbs NULL removes them, which only a program without any live object may do
 * @return -1 if a function is missing, or other locks are set already;
 *   setting the same ones again succeeds. The version and the types are taken on trust
 */
EVENT2_EXPORT_SYMBOL int evthread_set_lock_callbacks(const struct evthread_lock_callbacks* cbs);
/**@}*/

/** @name Condition variables of the program's own */
/**@{*/
#define EVTHREAD_CONDITION_API_VERSION \
  1 /**< the version of struct evthread_condition_callbacks \
     */

/** How to make and use condition variables. */
struct evthread_condition_callbacks {
  int condition_api_version; /**< #EVTHREAD_CONDITION_API_VERSION */
  /** Make a condition variable; condtype is 0. NULL if there is no memory. */
  void* (*alloc_condition)(unsigned condtype);
  /** Free one, which nobody waits for. */
  void (*free_condition)(void* cond);
  /** Wake one waiting thread, or all if broadcast is nonzero. Its lock is held. -1 on failure. */
  int (*signal_condition)(void* cond, int broadcast);
  /**
   * Release the lock, wait to be woken, and take the lock again. timeout is a duration, NULL for
   * none. 0 if woken, 1 if the time passed, -1 on failure.
   */
  int (*wait_condition)(void* cond, void* lock, const struct timeval* timeout);
};

/** Set the condition variables of the process, as evthread_set_lock_callbacks() does for locks. */
EVENT2_EXPORT_SYMBOL int evthread_set_condition_callbacks(
    const struct evthread_condition_callbacks* cbs);
/**@}*/

/** Set the function that tells threads apart. Needed with locks of the program's own. */
EVENT2_EXPORT_SYMBOL void evthread_set_id_callback(unsigned long (*id_fn)(void));

#ifdef __cplusplus
}
#endif

#endif

#ifndef EVENT2_WATCH_H_INCLUDED_
#define EVENT2_WATCH_H_INCLUDED_

/**
 * @file event2/watch.h
 *
 * Watchers are called around the wait of a loop: a *prepare* watcher right before it, a *check*
 * watcher right after it and before the callbacks of active events. They serve to measure a loop,
 * or to join it with another one; they do not keep it running. Watchers of one kind are called in
 * the order in which they were made.
 *
 * Conventions for results, pointers and threads: see event2/event.h.
 */

#include <event2/event-config.h>
#include <event2/visibility.h>
#include <sys/time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;

/** A watcher of either kind. */
struct evwatch;

/** What a prepare watcher can learn; valid during the call only. */
struct evwatch_prepare_cb_info;

/** What a check watcher can learn: nothing yet. */
struct evwatch_check_cb_info;

/** Called before the loop waits. It may change events and free watchers. */
typedef void (*evwatch_prepare_cb)(struct evwatch* watcher,
                                   const struct evwatch_prepare_cb_info* info, void* arg);

/** Called after the loop has waited. It may change events and free watchers. */
typedef void (*evwatch_check_cb)(struct evwatch* watcher, const struct evwatch_check_cb_info* info,
                                 void* arg);

/** Make a prepare watcher. */
EVENT2_EXPORT_SYMBOL struct evwatch* evwatch_prepare_new(struct event_base* base,
                                                         evwatch_prepare_cb callback, void* arg);

/** Make a check watcher. */
EVENT2_EXPORT_SYMBOL struct evwatch* evwatch_check_new(struct event_base* base,
                                                       evwatch_check_cb callback, void* arg);

/** The base of a watcher. */
EVENT2_EXPORT_SYMBOL struct event_base* evwatch_base(struct evwatch* watcher);

/** Free a watcher. Those that are left are freed with the base. */
EVENT2_EXPORT_SYMBOL void evwatch_free(struct evwatch* watcher);

/**
 * How long the loop is going to wait at most.
 *
 * @param timeout receives the duration, if there is one
 * @return 1 if there is, 0 if the loop waits until something happens
 */
EVENT2_EXPORT_SYMBOL int evwatch_prepare_get_timeout(const struct evwatch_prepare_cb_info* info,
                                                     struct timeval* timeout);

#ifdef __cplusplus
}
#endif

#endif

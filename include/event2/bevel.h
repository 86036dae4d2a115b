#ifndef EVENT2_BEVEL_H_INCLUDED_
#define EVENT2_BEVEL_H_INCLUDED_

/** @file event2/bevel.h

  What libevent does not have. Every name begins with bevel_, so that no later libevent can collide
  with it.

  Unless said otherwise: functions return 0 on success and -1 with errno on failure (EINVAL for
  arguments that make no sense, ENOMEM), work on every type of bufferevent and on whole stacks of
  them, and may be called from every thread when the bufferevent was made with BEV_OPT_THREADSAFE,
  otherwise from the thread of its event_base only.
 */

#include <event2/bufferevent.h>
#include <event2/util.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/* --- Ending a connection without losing bytes --- */

/** How bevel_shutdown() ended. */
enum bevel_shutdown_outcome {
  BEVEL_SHUTDOWN_CLEAN =
      0, /**< all bytes left, the end was marked, and (if asked) the peer's end was seen */
  BEVEL_SHUTDOWN_TIMEOUT = 1, /**< the time was over first */
  BEVEL_SHUTDOWN_ERROR = 2    /**< the connection broke first */
};

/** Hears of the end of bevel_shutdown(), once, from the loop. It may free `bev`. */
typedef void (*bevel_shutdown_cb)(struct bufferevent* bev, enum bevel_shutdown_outcome outcome,
                                  void* arg);

/**
  Ends a bufferevent properly: everything written so far is pushed through filters and TLS to the
  kernel, then the end is marked in each layer (filters are called with BEV_FINISHED, TLS sends
  close_notify, a socket sends FIN, a pair's partner gets BEV_EVENT_EOF), and then, if asked, the
  peer's own end is awaited.

  Meanwhile the bufferevent works on: bytes that arrive are given to the read callback; without one
  they are dropped. Nothing is freed. bufferevent_free() in the middle ends everything at once,
  without the callback.

  @param bev      the top of the stack
  @param how      EV_WRITE: only our direction ends (half close), and it is over when the end has
  left. EV_READ|EV_WRITE: it is over when the peer has ended too
  @param timeout  how long all of it may take; NULL: no limit
  @param done     called once when it is over, from the loop, never from inside this call; may be
  NULL
  @return -1 with EALREADY if it is being shut down already
 */
EVENT2_EXPORT_SYMBOL
int bevel_shutdown(struct bufferevent* bev, short how, const struct timeval* timeout,
                   bevel_shutdown_cb done, void* arg);

/**
  bufferevent_free() that loses nothing: no callback runs any more, and in the background what was
  written is flushed and ended as by bevel_shutdown(), for at most 30 seconds; then `bev` is freed.
  Needs the loop to run on.
 */
EVENT2_EXPORT_SYMBOL
void bevel_free_when_flushed(struct bufferevent* bev);

/* --- Pending output --- */

/** Everything that was written to `bev` has reached the kernel. Runs on the loop's stack. It may
 * free `bev`. */
typedef void (*bevel_drain_cb)(struct bufferevent* bev, void* arg);

/**
  Asks to be told each time the last pending byte has left: for TLS and filters when it has left the
  lowest layer, which the write callback does not say. NULL: no more.
 */
EVENT2_EXPORT_SYMBOL
int bevel_set_drain_cb(struct bufferevent* bev, bevel_drain_cb callback, void* arg);

/** An event (beside BEV_EVENT_*): the output has reached the limit set with
 * bevel_set_output_limit(). */
#define BEVEL_EVENT_OUTPUT_LIMIT 0x100

/**
  A hard limit on bytes that wait to leave. bufferevent_write() and bufferevent_write_buffer() that
  would pass it add nothing and return -1 with ENOBUFS; reaching it raises BEVEL_EVENT_OUTPUT_LIMIT
  (deferred), once until the output has been below it again. Bytes added straight to
  bufferevent_get_output() are not refused. 0: no limit, the default.
 */
EVENT2_EXPORT_SYMBOL
int bevel_set_output_limit(struct bufferevent* bev, size_t bytes);

/* --- Pipes --- */

/** Flags of bevel_pipe(). */
#define BEVEL_PIPE_CLOSE_ON_END \
  0x01 /**< free both when both directions have ended, or one broke \
                                      */

/** Hears of the end of a pipe: `error` is 0 after both ends were relayed, else the errno value.
   Runs before the two are freed (with BEVEL_PIPE_CLOSE_ON_END). */
typedef void (*bevel_pipe_cb)(struct bufferevent* a, struct bufferevent* b, int error, void* arg);

/**
  Splices two bufferevents of one event_base: what arrives at one is written to the other, both
  ways, by moving chains. A side that takes bytes slower than they come stops the other side's
  reading (256 KiB wait at most), and an end of one side is passed on as a half close. The callbacks
  of both are taken; free one of them to end the pipe at once.

  @param done  called once when the pipe is over; may be NULL
 */
EVENT2_EXPORT_SYMBOL
int bevel_pipe(struct bufferevent* a, struct bufferevent* b, int flags, bevel_pipe_cb done,
               void* arg);

/* --- Pairs --- */

/** Flags of bevel_pair_new(). */
#define BEVEL_PAIR_EOF_ON_FREE \
  0x01 /**< the partner of a freed end gets BEV_EVENT_EOF|BEV_EVENT_READING */

/**
  bufferevent_pair_new() with more: an end of the stream when the partner is freed, and ends on two
  event_bases, which may run in two threads: an in-process pipe. Two bases need threads enabled
  (evthread_use_pthreads()) and BEV_OPT_THREADSAFE with BEV_OPT_UNLOCK_CALLBACKS, so that no lock is
  held while a callback runs; both are added to `options` if the bases differ.

  @param options  bufferevent_options; BEV_OPT_DEFER_CALLBACKS is always on
  @param flags    BEVEL_PAIR_*
 */
EVENT2_EXPORT_SYMBOL
int bevel_pair_new(struct event_base* first, struct event_base* second, int options, int flags,
                   struct bufferevent* pair[2]);

/* ---- TLS, with every library -------------------------------------------------------------------- */

/**
 * Begins to use new keys for what is written from now on (TLS 1.3's key update).
 *
 * @param bev      a TLS stream of any library whose handshake is complete
 * @param ask_peer nonzero: the peer shall change its keys too
 * @return -1 for other kinds, before TLS 1.3 (see bufferevent_ssl_renegotiate()), and if the library
 *   has no such function
 */
EVENT2_EXPORT_SYMBOL
int bevel_tls_key_update(struct bufferevent* bev, int ask_peer);

/**
 * Goes on with a handshake that waits for the program. These put it on hold:
 *
 * - OpenSSL: a certificate callback (SSL_CTX_set_cert_cb()) that returns a negative number, a
 *   client-hello callback that returns SSL_CLIENT_HELLO_RETRY, a verification callback that calls
 *   SSL_set_retry_verify(), and an engine that works asynchronously (if that has a descriptor, the
 *   stream goes on by itself when it becomes readable)
 * - mbedTLS: an asynchronous private key (MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS)
 * - GnuTLS: a callback that returns GNUTLS_E_AGAIN or GNUTLS_E_INTERRUPTED
 *
 * Meanwhile no bytes move, and no event is raised but those of timeouts. The callback is called
 * again, from the loop. Calling this too early is harmless.
 *
 * @return -1 if `bev` is no TLS stream
 */
EVENT2_EXPORT_SYMBOL
int bevel_tls_resume(struct bufferevent* bev);

#ifdef __cplusplus
}
#endif

#endif

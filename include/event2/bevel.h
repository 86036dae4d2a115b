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
  /** The time was over first; what is left stays where it is, in the output or in one below it. */
  BEVEL_SHUTDOWN_TIMEOUT = 1,
  /** The connection broke first or was replaced, or a filter took not all bytes at the end. */
  BEVEL_SHUTDOWN_ERROR = 2
};

/** Hears of the end of bevel_shutdown(), once, from the loop, behind the read and event callbacks
   that are due then. It may free `bev`. */
typedef void (*bevel_shutdown_cb)(struct bufferevent* bev, enum bevel_shutdown_outcome outcome,
                                  void* arg);

/**
  Ends a bufferevent properly: everything written so far is pushed through filters and TLS to the
  kernel, then the end is marked in each layer (filters are called with BEV_FINISHED, TLS sends
  close_notify, a socket sends FIN, a pair's partner gets BEV_EVENT_EOF), and then, if asked, the
  peer's own end is awaited.

  Meanwhile the bufferevent works on: what is written before the end has left goes out in front of
  it, events are reported as always, and bytes that arrive are given to the read callback. While the
  peer's end is awaited they are read even if reading was disabled and, without a read callback,
  dropped, together with what is in the input already. Writing is enabled by it. Nothing is freed.
  bufferevent_free() in the middle ends everything at once, without the callback. A descriptor that
  is set in the middle (bufferevent_setfd(), also -1 and the same) ends it with
  BEVEL_SHUTDOWN_ERROR: it was for the old connection; one that is refused, as by a session of GnuTLS
  that was used, changes nothing. What has not left waits in the output for the new one, which is not
  shut down. When it is over, the other direction may be shut down by another call. Writing behind a
  clean end is an error of the connection (BEV_EVENT_ERROR|BEV_EVENT_WRITING), except for a pair,
  also under filters: it has nothing that could refuse, and the partner gets the bytes behind its
  BEV_EVENT_EOF.

  @param bev      the top of the stack
  @param how      EV_WRITE: only our direction ends (half close), and it is over when the end has
  left. EV_READ|EV_WRITE: it is over when the peer has ended too
  @param timeout  how long all of it may take; NULL: no limit; nothing or less: what cannot leave in
  the next turn of the loop, and one more for each layer below, is given up
  @param done     called once when it is over, from the loop, never from inside this call; may be
  NULL
  @return -1 with EALREADY if it is being shut down already
 */
EVENT2_EXPORT_SYMBOL
int bevel_shutdown(struct bufferevent* bev, short how, const struct timeval* timeout,
                   bevel_shutdown_cb done, void* arg);

/**
  bufferevent_free() that loses nothing: no callback runs any more, and in the background what was
  written is flushed and ended as by bevel_shutdown() both ways, for at most 30 seconds; then `bev` is
  freed. A shutdown that was on its way is replaced, without its callback. Needs the loop to run on:
  with event_base_free() what is left goes as by bufferevent_free(), and so it does if `bev` carries a
  filter or TLS stream: then it is freed with that one. NULL is ignored.
 */
EVENT2_EXPORT_SYMBOL
void bevel_free_when_flushed(struct bufferevent* bev);

/* --- Pending output --- */

/** Everything that was written to `bev` has reached the kernel. Runs on the loop's stack. It may
 * free `bev`. */
typedef void (*bevel_drain_cb)(struct bufferevent* bev, void* arg);

/**
  Asks to be told each time the last pending byte has left: for TLS and filters when it has left the
  lowest layer, which the write callback does not say. What a filter function holds back itself, as
  compression does for want of more, is not seen. NULL: no more.
 */
EVENT2_EXPORT_SYMBOL
int bevel_set_drain_cb(struct bufferevent* bev, bevel_drain_cb callback, void* arg);

/** An event (beside BEV_EVENT_*): the output has reached the limit set with
 * bevel_set_output_limit(). */
#define BEVEL_EVENT_OUTPUT_LIMIT 0x100

/**
  A hard limit on bytes that wait to leave, in this bufferevent and those under it.
  bufferevent_write() and bufferevent_write_buffer() that would pass it add nothing and return -1
  with ENOBUFS; reaching it raises BEVEL_EVENT_OUTPUT_LIMIT (deferred), once until the output has
  been below it again; a refused write alone does not. Bytes added straight to
  bufferevent_get_output() are not refused, but counted. What waits already when the limit is set
  raises nothing, and what a filter function holds back itself is not seen. 0: no limit, the default.
 */
EVENT2_EXPORT_SYMBOL
int bevel_set_output_limit(struct bufferevent* bev, size_t bytes);

/* --- Pipes --- */

/** Flags of bevel_pipe(). */
#define BEVEL_PIPE_CLOSE_ON_END \
  0x01 /**< free both when both directions have ended, or one broke \
                                      */

/** Hears of the end of a pipe: `error` is 0 after both ends were relayed, else the errno value.
   Runs before the two are freed (with BEVEL_PIPE_CLOSE_ON_END), and may free them itself. */
typedef void (*bevel_pipe_cb)(struct bufferevent* a, struct bufferevent* b, int error, void* arg);

/**
  Splices two bufferevents of one event_base: what arrives at one is written to the other, both
  ways, by moving chains. A side that takes bytes slower than they come stops the other side's
  reading (at most 256 KiB wait in each input and output, or below a filter with a function what that
  makes of as much, on top of 128 KiB; a pair hands over in one piece what its partner has written),
  and an end of one side is passed on as a half close. The callbacks of both are taken, which the
  program must not set meanwhile and which are NULL afterwards, and their marks for reading until the
  pipe is over; both directions of both are enabled; limits of the output do not bind it. A timeout
  ends it with ETIMEDOUT. Free one of them to end the pipe at once, without `done`: the other one is
  left as it is, without callbacks. If what was read can never be written, since whoever would take it
  has gone, the pipe ends with EPIPE; the end of a pair knows that its partner has gone if it was made
  with BEVEL_PAIR_EOF_ON_FREE.

  @param a, b  the tops of two stacks
  @param done  called once when the pipe is over; may be NULL
  @return -1 with EINVAL also for two ends of one pair, two layers of one stack, or one that carries a
  filter or TLS stream, which has its callbacks; with EALREADY if one of them is in a pipe
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
  held while a callback runs; both are added to `options` if the bases differ. Without threads they
  are refused with EINVAL.

  @param options  bufferevent_options; BEV_OPT_DEFER_CALLBACKS is always on
  @param flags    BEVEL_PAIR_*
 */
EVENT2_EXPORT_SYMBOL
int bevel_pair_new(struct event_base* first, struct event_base* second, int options, int flags,
                   struct bufferevent* pair[2]);

/* --- Rate limits ---

  Additions to the limits of event2/bufferevent.h; docs/rate_limits.md explains the model. Functions
  on groups may be called from every thread once threads are enabled, except while the group is made
  or freed. */

/** How tokens come back between the ticks. */
enum bevel_refill {
  /** The first tick's worth at once, and from the end of that tick on continuously; what a late turn
     of the loop missed while somebody waited is made up for. What ev_token_bucket_cfg_new() makes. The
     getters of event2/bufferevent.h report whole ticks all the same. */
  BEVEL_REFILL_SMOOTH = 0,
  /** A whole tick's worth at each tick, nothing in between. */
  BEVEL_REFILL_TICKS = 1,
  /** Continuously, and in any interval t no more moves than burst + rate * t, to the byte. Time is that
   * of the loop, which reads the clock when it wakes: what moves late, behind a callback that took
   * long, comes closer to what follows. */
  BEVEL_REFILL_EXACT = 2
};

/**
  ev_token_bucket_cfg_new() with ticks of any length.

  @param read_rate, write_rate    bytes per tick, 1 to EV_RATE_LIMIT_MAX; a direction that shall not
  be limited gets EV_RATE_LIMIT_MAX twice
  @param read_burst, write_burst  the most that is saved up, at least the rate
  @param tick_nanoseconds  1 to 2^63-1. Fractions of a byte are never lost: 3 bytes in 7 ns are just
  that
  @return the configuration, to be freed with ev_token_bucket_cfg_free(); NULL with EINVAL or ENOMEM
 */
EVENT2_EXPORT_SYMBOL
struct ev_token_bucket_cfg* bevel_token_bucket_cfg_new(size_t read_rate, size_t read_burst,
                                                       size_t write_rate, size_t write_burst,
                                                       ev_uint64_t tick_nanoseconds,
                                                       enum bevel_refill mode);

/**
  Puts a group below another: what its members move is taken from it and from all groups above it.
  Trees are up to 32 levels deep. The groups may have different event_bases; the timer of the
  topmost one serves all. Members that wait ask again at the new place.

  A group that is freed leaves the tree; the groups below it are on their own then.

  @param parent  NULL: none any more
  @return -1 with EINVAL, and nothing changed, if `parent` is the group or below it, or the tree
  became too deep
 */
EVENT2_EXPORT_SYMBOL
int bevel_rate_limit_group_set_parent(struct bufferevent_rate_limit_group* group,
                                      struct bufferevent_rate_limit_group* parent);

/** Of what its parent has, a group gets a part in proportion to its weight among the siblings (and
   streams) that want some. At least 1, the default. */
EVENT2_EXPORT_SYMBOL
int bevel_rate_limit_group_set_weight(struct bufferevent_rate_limit_group* group, unsigned weight);

/**
  Assures a group of a part of what its parent has. Below these rates it goes before its siblings;
  what it wants above them, up to its own limit, it borrows from what they leave. The assured rates
  of the children should not add up to more than the parent has.

  @param read_rate, write_rate  bytes per tick; 0: everything is borrowed, the default
  @param tick_nanoseconds       at least 1; of no meaning if everything is borrowed
 */
EVENT2_EXPORT_SYMBOL
int bevel_rate_limit_group_set_assured(struct bufferevent_rate_limit_group* group, size_t read_rate,
                                       size_t write_rate, ev_uint64_t tick_nanoseconds);

/** The weight of a bufferevent among the members of its group, and of groups that it joins later.
   At least 1, the default. */
EVENT2_EXPORT_SYMBOL
int bevel_set_rate_limit_weight(struct bufferevent* bev, unsigned weight);

/**
  Counts packets, not only payload: each transfer costs `overhead` bytes for every begun segment, so
  that a limit of 1 MB/s is 1 MB/s on the wire. Getters of limits go on counting what is taken from
  the bucket, totals and statistics payload.

  @param overhead      bytes of headers per packet: 40 for TCP over IPv4, 78 with Ethernet's frame;
  0: none, the default
  @param segment_size  payload of a full packet; 0: what the kernel says of the connection now, so
  call this when it is connected
  @return -1 with EINVAL if one of them is above 65535, and with the kernel's error if it is asked
  for the segment size and there is no TCP connection below
 */
EVENT2_EXPORT_SYMBOL
int bevel_set_segment_overhead(struct bufferevent* bev, size_t overhead, size_t segment_size);

/**
  A limit on reading slows the peer down only when the kernel's receive buffer is full, and that may
  hold megabytes. This makes the buffer, and with TCP the window, as small as the limit needs it.
  It stays so when the limit is removed. Best before data flows: what is on its way and does not fit
  any more the kernel drops, and such a connection may stay far below its limit for a while.

  @param bytes  0: the read burst of the bufferevent's limits (its own and its group's, the smaller
  one), but at least 32 KiB: TCP does not get up to speed with less. The kernel has a minimum of some
  KiB as well
  @return -1 with EINVAL if its reading has no limit to take `bytes` from, or with the kernel's error
 */
EVENT2_EXPORT_SYMBOL
int bevel_clamp_receive_window(struct bufferevent* bev, size_t bytes);

/** What limits have done to a bufferevent or a group. */
struct bevel_rate_limit_stats {
  size_t size; /**< set it to sizeof(struct bevel_rate_limit_stats): later versions have more */
  ev_uint64_t bytes_read;         /**< payload; of a group, of all below it as well */
  ev_uint64_t bytes_written;      /**< the same */
  ev_uint64_t read_waits;         /**< how often somebody had to wait for tokens */
  ev_uint64_t write_waits;        /**< the same */
  ev_uint64_t read_throttled_ns;  /**< for how long; of a group: how long it was out of tokens while
                                     somebody waited */
  ev_uint64_t write_throttled_ns; /**< the same */
};

/** Fills `stats`, for the time since the first limit or group was set (all 0 without any). */
EVENT2_EXPORT_SYMBOL
int bevel_get_rate_limit_stats(struct bufferevent* bev, struct bevel_rate_limit_stats* stats);

/** The same of a group, since it was made. */
EVENT2_EXPORT_SYMBOL
int bevel_rate_limit_group_get_stats(struct bufferevent_rate_limit_group* group,
                                     struct bevel_rate_limit_stats* stats);

/* ---- TLS, with every library -------------------------------------------------------------------- */

/**
 * Begins to use new keys for what is written from now on (TLS 1.3's key update).
 *
 * @param bev      a TLS stream of any library whose handshake is complete
 * @param ask_peer nonzero: the peer shall change its keys too
 * @return -1 with EINVAL for other kinds, with ENOTCONN before the handshake is complete and after
 *   our direction has ended, and with EOPNOTSUPP before TLS 1.3 (see bufferevent_ssl_renegotiate())
 *   and if the library refuses: mbedTLS has no such function, GnuTLS allows few in a second (and
 *   fails the connection when both ends ask each other at once)
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
 * - mbedTLS: an asynchronous private key (MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS): one of
 *   mbedtls_ssl_conf_async_private_cb(), or, where mbedTLS is built without that, one of
 *   mbedtls_pk_setup_rsa_alt() whose function returns this number
 * - GnuTLS: a callback that returns GNUTLS_E_AGAIN or GNUTLS_E_INTERRUPTED
 *
 * Meanwhile no bytes move, and no event is raised but those of timeouts. The callback is called
 * again, from the loop. Calling this too early is harmless.
 *
 * @return -1 with EINVAL if `bev` is no TLS stream
 */
EVENT2_EXPORT_SYMBOL
int bevel_tls_resume(struct bufferevent* bev);

#ifdef __cplusplus
}
#endif

#endif

#ifndef EVENT2_BUFFEREVENT_H_INCLUDED_
#define EVENT2_BUFFEREVENT_H_INCLUDED_

/**
 * @file event2/bufferevent.h
 *
 * A bufferevent is a stream of bytes with two buffers. What arrives is put into the input buffer
 * and the read callback is called; what the program puts into the output buffer is sent, and the
 * write callback is called when it has left. The event callback is told of connects, ends, errors
 * and timeouts.
 *
 * @code
 *   struct bufferevent *bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
 *   bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
 *   bufferevent_enable(bev, EV_READ);
 * @endcode
 *
 * There are sockets, pairs (two streams connected in memory), filters (which transform what passes
 * to another stream) and TLS streams (event2/bufferevent_ssl.h). All share the functions below;
 * where a kind differs, the function says so.
 *
 * **Sending.** Output is not sent while it is added. What a callback wrote is sent together when
 * the callback has returned, anything else before the loop waits next. A stream whose peer is gone
 * gets an error, never a SIGPIPE.
 *
 * **Threads.** A bufferevent belongs to one thread unless made with #BEV_OPT_THREADSAFE; then its
 * functions take its lock. Callbacks run with the lock held unless #BEV_OPT_UNLOCK_CALLBACKS, so
 * two bufferevents that write to each other from their callbacks in two threads need that option.
 *
 * Conventions for results and pointers: see event2/event.h.
 */

#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <sys/time.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;
struct evbuffer;
struct evdns_base;
struct sockaddr;

/** A stream of bytes. Its layout is in event2/bufferevent_struct.h. */
struct bufferevent;

/** @name What the event callback is told */
/**@{*/
#define BEV_EVENT_READING 0x01   /**< it happened while reading */
#define BEV_EVENT_WRITING 0x02   /**< it happened while writing */
#define BEV_EVENT_EOF 0x10       /**< the peer has ended the stream */
#define BEV_EVENT_ERROR 0x20     /**< it failed; EVUTIL_SOCKET_ERROR() tells why */
#define BEV_EVENT_TIMEOUT 0x40   /**< a timeout passed */
#define BEV_EVENT_CONNECTED 0x80 /**< a connection or a TLS handshake is complete */
/**@}*/

/**
 * The read and the write callback. Reading: there is new data and the input is at or above its low
 * mark. Writing: the output is at or below its low mark, because data has left, writing was enabled,
 * or a shutdown of a socket found nothing to move. On filters and with bufferevent_trigger() it may run
 * inside the program's own call; BEV_OPT_DEFER_CALLBACKS keeps all callbacks on the loop's stack.
 */
typedef void (*bufferevent_data_cb)(struct bufferevent* bev, void* ctx);

/**
 * The event callback. After EOF or ERROR on a socket or TLS stream the direction is disabled; pairs
 * and filters, which only relay what happened elsewhere, leave it as it is. With READING, data that
 * arrived before is in the input; when writing fails, some may still come.
 *
 * @param what a combination of BEV_EVENT_*; deferred calls are told everything since the last one
 */
typedef void (*bufferevent_event_cb)(struct bufferevent* bev, short what, void* ctx);

/** Options for new bufferevents. */
enum bufferevent_options {
  /** Free what lies underneath with the bufferevent: the socket, the other stream, the SSL object.
   */
  BEV_OPT_CLOSE_ON_FREE = 1 << 0,
  /** Give it a lock. Before threads are enabled (event2/thread.h), sockets and pairs are refused; a
   * filter, which has the lock of what lies underneath, and a TLS stream of any kind do without. */
  BEV_OPT_THREADSAFE = 1 << 1,
  BEV_OPT_DEFER_CALLBACKS = 1 << 2, /**< call callbacks later in the loop, never nested */
  BEV_OPT_UNLOCK_CALLBACKS = 1 << 3 /**< without its lock; requires BEV_OPT_DEFER_CALLBACKS */
};

/** @name Sockets */
/**@{*/
/**
 * Make a bufferevent over a socket. Writing is enabled, reading is not.
 *
 * @param fd a non-blocking stream socket; -1 if it comes later, by bufferevent_setfd() or by
 *   connecting
 * @param options a combination of enum bufferevent_options
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_socket_new(struct event_base* base,
                                                                evutil_socket_t fd, int options);

/**
 * Connect to an address. The result arrives as BEV_EVENT_CONNECTED or BEV_EVENT_ERROR, never before
 * the function has returned. Data written meanwhile is sent once connected. A filter, or a TLS
 * stream over another bufferevent, connects the lowest bufferevent, which has the socket.
 *
 * @param sa the address; NULL if the program has already begun to connect the socket
 * @return -1 if connecting could not begin; a socket made for it is closed. A unix-domain socket
 *   that nobody listens on is refused at once: both directions are disabled. One that failed later
 *   stays until bufferevent_replacefd(bev, -1), after which it may be tried again, or until the
 *   bufferevent is freed with BEV_OPT_CLOSE_ON_FREE; without that option it is the program's
 */
EVENT2_EXPORT_SYMBOL int bufferevent_socket_connect(struct bufferevent* bev,
                                                    const struct sockaddr* sa, int socklen);

/**
 * Resolve a name and connect to its addresses, the next one being tried soon if one does not answer
 * (RFC 8305), without waiting. Results arrive as from bufferevent_socket_connect(); if the name
 * cannot be resolved, bufferevent_socket_get_dns_error() tells why. A socket that the bufferevent
 * has already is connected to the first address only.
 *
 * @param dns_base NULL: the system's resolver, which the library runs in a thread of its own
 * @param family AF_INET, AF_INET6, or AF_UNSPEC for both
 * @param port 1 to 65535
 */
EVENT2_EXPORT_SYMBOL int bufferevent_socket_connect_hostname(struct bufferevent* bev,
                                                             struct evdns_base* dns_base,
                                                             int family, const char* hostname,
                                                             int port);

/** bufferevent_socket_connect_hostname() with hints as evutil_getaddrinfo() takes, but not NULL. */
EVENT2_EXPORT_SYMBOL int bufferevent_socket_connect_hostname_hints(
    struct bufferevent* bev, struct evdns_base* dns_base, const struct evutil_addrinfo* hints,
    const char* hostname, int port);

/** EVUTIL_EAI_* if the last lookup failed, else 0; text by evutil_gai_strerror(). */
EVENT2_EXPORT_SYMBOL int bufferevent_socket_get_dns_error(struct bufferevent* bev);

/**
 * Use another socket. The old one is not closed. A TLS stream begins a new handshake. What waits in
 * the output leaves by the new socket; of a TLS stream, what is not encrypted yet. The socket of a
 * stream over another bufferevent is that of the lowest one.
 *
 * @param fd -1 for none
 * @return -1 for a pair, and inside a callback of a TLS library
 */
EVENT2_EXPORT_SYMBOL int bufferevent_setfd(struct bufferevent* bev, evutil_socket_t fd);

/** bufferevent_setfd() that closes the old socket, unless it is the new one. */
EVENT2_EXPORT_SYMBOL int bufferevent_replacefd(struct bufferevent* bev, evutil_socket_t fd);

/** The socket, of a filter the one underneath; -1 if there is none. */
EVENT2_EXPORT_SYMBOL evutil_socket_t bufferevent_getfd(struct bufferevent* bev);
/**@}*/

/** @name All kinds */
/**@{*/
/**
 * Free a bufferevent. Output that was not sent is lost. None of its callbacks is called any more by
 * this thread; deferred ones are dropped. May be called from its callbacks.
 */
EVENT2_EXPORT_SYMBOL void bufferevent_free(struct bufferevent* bev);

/**
 * Keep a bufferevent alive, even if it is freed: the memory stays until as many
 * bufferevent_decref(). Each also locks and unlocks it for a moment.
 */
EVENT2_EXPORT_SYMBOL void bufferevent_incref(struct bufferevent* bev);

/** Undo bufferevent_incref(). @return 1 if that was the last reference and it is gone, else 0 */
EVENT2_EXPORT_SYMBOL int bufferevent_decref(struct bufferevent* bev);

/** Take the lock, recursively. Nothing happens without #BEV_OPT_THREADSAFE. */
EVENT2_EXPORT_SYMBOL void bufferevent_lock(struct bufferevent* bev);

/** Release the lock. */
EVENT2_EXPORT_SYMBOL void bufferevent_unlock(struct bufferevent* bev);

/** Set the callbacks and their argument; NULL for those of no interest. */
EVENT2_EXPORT_SYMBOL void bufferevent_setcb(struct bufferevent* bev, bufferevent_data_cb readcb,
                                            bufferevent_data_cb writecb,
                                            bufferevent_event_cb eventcb, void* cbarg);

/** The callbacks and their argument. Any output may be NULL. */
EVENT2_EXPORT_SYMBOL void bufferevent_getcb(struct bufferevent* bev,
                                            bufferevent_data_cb* readcb_ptr,
                                            bufferevent_data_cb* writecb_ptr,
                                            bufferevent_event_cb* eventcb_ptr, void** cbarg_ptr);

/** Start to read and/or write. @param event EV_READ and/or EV_WRITE. Timeouts start again. */
EVENT2_EXPORT_SYMBOL int bufferevent_enable(struct bufferevent* bev, short event);

/** Stop reading and/or writing. Both buffers keep their data. */
EVENT2_EXPORT_SYMBOL int bufferevent_disable(struct bufferevent* bev, short event);

/** What is enabled: EV_READ and/or EV_WRITE. At first EV_WRITE. */
EVENT2_EXPORT_SYMBOL short bufferevent_get_enabled(struct bufferevent* bev);

/** Add a copy of size bytes to the output. Always allowed, even while writing is disabled. */
EVENT2_EXPORT_SYMBOL int bufferevent_write(struct bufferevent* bev, const void* data, size_t size);

/** Move all of a buffer to the output. */
EVENT2_EXPORT_SYMBOL int bufferevent_write_buffer(struct bufferevent* bev, struct evbuffer* buf);

/** Take up to size bytes from the input. @return how many; 0 if there are none */
EVENT2_EXPORT_SYMBOL size_t bufferevent_read(struct bufferevent* bev, void* data, size_t size);

/** Move all of the input to the back of a buffer. */
EVENT2_EXPORT_SYMBOL int bufferevent_read_buffer(struct bufferevent* bev, struct evbuffer* buf);

/** The input buffer, which belongs to the bufferevent. The program may take data, but not add. */
EVENT2_EXPORT_SYMBOL struct evbuffer* bufferevent_get_input(struct bufferevent* bev);

/** The output buffer, which belongs to the bufferevent. The program may add data, but not take. */
EVENT2_EXPORT_SYMBOL struct evbuffer* bufferevent_get_output(struct bufferevent* bev);

/**
 * Set how long to wait for the peer. The time counts while the bufferevent would really read or
 * write: enabled, not held back by a watermark or a rate limit and, for writing, with output. When
 * it has passed the direction is disabled and BEV_EVENT_TIMEOUT is reported, together with
 * BEV_EVENT_READING or BEV_EVENT_WRITING. While a socket is connecting, the time for writing counts,
 * too, and is reported each time it passes; so does that of a filter while its lowest bufferevent is
 * connecting for it. Behind bufferevent_socket_connect_hostname() it begins when the name is resolved
 * and is for all addresses together: it is reported once, and no address is tried any more. A TLS
 * handshake that takes longer than either, as a whole and whatever it waits for, ends the stream with
 * BEV_EVENT_TIMEOUT alone; setting timeouts meanwhile gives it the new ones from then on.
 *
 * @param timeout_read the longest time without reading anything; NULL or zero for none, not negative
 * @param timeout_write the longest time without writing anything; NULL or zero for none, not negative
 */
EVENT2_EXPORT_SYMBOL int bufferevent_set_timeouts(struct bufferevent* bev,
                                                  const struct timeval* timeout_read,
                                                  const struct timeval* timeout_write);

/**
 * Set watermarks. For reading, the read callback is called only with at least lowmark bytes in the
 * input, and reading pauses while there are highmark or more. Only bufferevent_flush() passes
 * highmark, and filters that disregard their limit. For writing, the write callback is called when
 * the output has sunk to lowmark; highmark binds filters that write into this bufferevent, but not
 * the program.
 *
 * @param events EV_READ and/or EV_WRITE
 * @param lowmark 0 at first
 * @param highmark 0, as at first, for no limit
 */
EVENT2_EXPORT_SYMBOL void bufferevent_setwatermark(struct bufferevent* bev, short events,
                                                   size_t lowmark, size_t highmark);

/**
 * The watermarks of one direction. Any output may be NULL.
 *
 * @param events EV_READ or EV_WRITE
 * @return -1 if it is neither, or both
 */
EVENT2_EXPORT_SYMBOL int bufferevent_getwatermark(struct bufferevent* bev, short events,
                                                  size_t* lowmark, size_t* highmark);

/** The base. */
EVENT2_EXPORT_SYMBOL struct event_base* bufferevent_get_base(struct bufferevent* bev);

/**
 * Move an idle socket or TLS socket bufferevent to another base.
 *
 * @return -1 for other kinds (EINVAL), or with EBUSY if the old base waits for something of it: a
 *   direction that is enabled on a descriptor, a timeout, a deferred callback, a connection
 */
EVENT2_EXPORT_SYMBOL int bufferevent_base_set(struct event_base* base, struct bufferevent* bev);

/** Set the priority of its events and callbacks. @return -1 for pairs and filters, or out of range */
EVENT2_EXPORT_SYMBOL int bufferevent_priority_set(struct bufferevent* bev, int pri);

/** The priority. */
EVENT2_EXPORT_SYMBOL int bufferevent_get_priority(const struct bufferevent* bev);

/** The stream under a filter or a TLS filter; NULL for others. */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_get_underlying(struct bufferevent* bev);

/** How urgently bufferevent_flush() moves data. */
enum bufferevent_flush_mode {
  BEV_NORMAL = 0,  /**< what is convenient */
  BEV_FLUSH = 1,   /**< as much as possible */
  BEV_FINISHED = 2 /**< all, and then comes the end of the stream */
};

/**
 * Move data now. Pairs pass it to (EV_WRITE) or from (EV_READ) the partner without regard to
 * watermarks, and with BEV_FINISHED report BEV_EVENT_EOF to it, each time. Filters run, heeding
 * watermarks with BEV_NORMAL only, and then flush the stream underneath; the read callback follows
 * from the loop, if the program has not taken the data by then: also beyond the high mark, and ahead
 * of an end; while reading is disabled, once it is enabled again. Sockets and TLS streams do
 * nothing: they send as soon as they can.
 *
 * @param iotype EV_READ and/or EV_WRITE
 * @return 1 if data was moved, 0 if there was none to move, -1 if the filter's function failed or
 *   the pair has no partner any more
 */
EVENT2_EXPORT_SYMBOL int bufferevent_flush(struct bufferevent* bev, short iotype,
                                           enum bufferevent_flush_mode mode);

/** Options for bufferevent_trigger() and bufferevent_trigger_event(). */
enum bufferevent_trigger_options {
  BEV_TRIG_IGNORE_WATERMARKS = 1 << 16,              /**< whatever the buffers hold */
  BEV_TRIG_DEFER_CALLBACKS = BEV_OPT_DEFER_CALLBACKS /**< from the loop, not from here */
};

/**
 * Call the read and/or write callback, if the buffers satisfy the low marks.
 *
 * @param iotype EV_READ and/or EV_WRITE
 * @param options a combination of enum bufferevent_trigger_options
 */
EVENT2_EXPORT_SYMBOL void bufferevent_trigger(struct bufferevent* bev, short iotype, int options);

/** Call the event callback. @param what BEV_EVENT_* @param options BEV_TRIG_DEFER_CALLBACKS or 0 */
EVENT2_EXPORT_SYMBOL void bufferevent_trigger_event(struct bufferevent* bev, short what,
                                                    int options);
/**@}*/

/** @name Filters */
/**@{*/
/** What a filter function achieved. */
enum bufferevent_filter_result {
  BEV_OK = 0,        /**< it wrote something; it is called again while there is work */
  BEV_NEED_MORE = 1, /**< it cannot write more without more input or another mode */
  BEV_ERROR = 2      /**< it cannot go on: behind what it wrote BEV_EVENT_ERROR is reported, and the
                        direction stops; no end is reported any more */
};

/**
 * Transforms data: takes it from src and adds it to dst.
 *
 * @param dst_limit how much it should add at most, -1 for any amount; more passes a high mark. Who
 *   added that much may hold more back, and is called again when there is room, src empty or not
 * @param mode BEV_FINISHED if nothing will follow, as when the peer ended the stream; that is not
 *   before it has taken, or said that it needs more for, all that came before
 */
typedef enum bufferevent_filter_result (*bufferevent_filter_cb)(struct evbuffer* src,
                                                                struct evbuffer* dst,
                                                                ev_ssize_t dst_limit,
                                                                enum bufferevent_flush_mode mode,
                                                                void* ctx);

/**
 * Make a bufferevent whose input is the transformed input of another, and whose output goes,
 * transformed, into the output of the other. It sets the callbacks of the other, which the program
 * must not change, enables it, and holds its reading back whenever nobody would take the data. Data
 * stays in the output of the filter while the output of the other has reached its highmark, or
 * without one 128 KiB: a peer that takes nothing is noticed by write callbacks and write timeouts of
 * the filter, too. bufferevent_flush() does not wait for that, and bufferevent_free() without
 * BEV_OPT_CLOSE_ON_FREE passes on what is there.
 *
 * @param underlying the other; freed with the filter if BEV_OPT_CLOSE_ON_FREE is set, else
 *   usable again afterwards. It carries one filter or TLS stream at a time: until that one is freed, a
 *   second one is refused with EINVAL. Freed first, it serves that one until the end
 * @param input_filter NULL passes data through unchanged
 * @param output_filter NULL passes data through unchanged
 * @param free_context called with ctx when the filter is gone, which may be after
 * bufferevent_free() has returned, but not if this function fails; may be NULL
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_filter_new(
    struct bufferevent* underlying, bufferevent_filter_cb input_filter,
    bufferevent_filter_cb output_filter, int options, void (*free_context)(void*), void* ctx);
/**@}*/

/** @name Pairs */
/**@{*/
/**
 * Make two bufferevents, each of which reads what the other writes. Data moves when the writer has
 * EV_WRITE enabled and the reader EV_READ. Freeing one does not end the stream of the other, which
 * is just not connected any more: it reads and writes nothing, and no timeout of it runs.
 *
 * @param options BEV_OPT_DEFER_CALLBACKS is always set, BEV_OPT_CLOSE_ON_FREE has no effect
 * @param pair receives the two, each of which the caller frees
 */
EVENT2_EXPORT_SYMBOL int bufferevent_pair_new(struct event_base* base, int options,
                                              struct bufferevent* pair[2]);

/** The other one of a pair; NULL if it was freed, or bev is not one of a pair. */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_pair_get_partner(struct bufferevent* bev);
/**@}*/

/**
 * @name Rate limits
 *
 * Each direction has a bucket of bytes. Moving data takes from it, and while it is empty the
 * direction pauses and its timeout does not count. Every tick adds one rate to it, up to the burst;
 * it starts with one rate. A bufferevent may have buckets of its own, share those of a group, or
 * both: then the lower limit holds. Only the program's bytes count (on TLS streams those of the
 * socket).
 */
/**@{*/
/** Rates and bursts. May be used by any number of bufferevents and groups. */
struct ev_token_bucket_cfg;

/** A number of bufferevents with a limit on what they move together. */
struct bufferevent_rate_limit_group;

#define EV_RATE_LIMIT_MAX EV_SSIZE_MAX /**< the greatest rate and burst */

/**
 * Make a configuration.
 *
 * @param read_rate bytes per tick, 1 to the burst
 * @param read_burst the most bytes at once
 * @param tick_len 1 millisecond or longer, in whole milliseconds; tv_sec at most INT_MAX / 1000; NULL
 *   means one second
 */
EVENT2_EXPORT_SYMBOL struct ev_token_bucket_cfg* ev_token_bucket_cfg_new(
    size_t read_rate, size_t read_burst, size_t write_rate, size_t write_burst,
    const struct timeval* tick_len);

/** Free a configuration. Bufferevents and groups that use it keep it for as long as they do. */
EVENT2_EXPORT_SYMBOL void ev_token_bucket_cfg_free(struct ev_token_bucket_cfg* cfg);

/**
 * Limit a bufferevent. Another limit in force is replaced; its buckets are only cut to the new
 * burst, so that a greater rate is felt from the next tick on.
 *
 * @param cfg may be freed at once; NULL removes the limit
 */
EVENT2_EXPORT_SYMBOL int bufferevent_set_rate_limit(struct bufferevent* bev,
                                                    struct ev_token_bucket_cfg* cfg);

/** The configuration that limits a bufferevent, or NULL. */
EVENT2_EXPORT_SYMBOL const struct ev_token_bucket_cfg* bufferevent_get_token_bucket_cfg(
    const struct bufferevent* bev);

/**
 * Make a group without members. They share its buckets evenly over time.
 *
 * @param base runs its timer; the members may be on other bases. The loop of such a member does not
 *   wait for the group's tokens if it has nothing else: keep it with EVLOOP_NO_EXIT_ON_EMPTY
 */
EVENT2_EXPORT_SYMBOL struct bufferevent_rate_limit_group* bufferevent_rate_limit_group_new(
    struct event_base* base, const struct ev_token_bucket_cfg* cfg);

/** Change the limit of a group; its buckets are cut to the new burst. */
EVENT2_EXPORT_SYMBOL int bufferevent_rate_limit_group_set_cfg(
    struct bufferevent_rate_limit_group* group, const struct ev_token_bucket_cfg* cfg);

/**
 * Set the fewest bytes that it is worth waking a member for. If there is less for each, some get
 * this much and the others wait.
 *
 * @param min_share 64 at first; never more than a rate of the group; 0 for no such limit
 */
EVENT2_EXPORT_SYMBOL int bufferevent_rate_limit_group_set_min_share(
    struct bufferevent_rate_limit_group* group, size_t min_share);

/** Free a group. Its members leave it and are no longer limited by it. */
EVENT2_EXPORT_SYMBOL void bufferevent_rate_limit_group_free(
    struct bufferevent_rate_limit_group* group);

/** Make a bufferevent a member, and no longer one of another group. @param group NULL: of none */
EVENT2_EXPORT_SYMBOL int bufferevent_add_to_rate_limit_group(
    struct bufferevent* bev, struct bufferevent_rate_limit_group* group);

/** Take a bufferevent out of its group, if it is in one. */
EVENT2_EXPORT_SYMBOL int bufferevent_remove_from_rate_limit_group(struct bufferevent* bev);

/**
 * Set the most that is read in one turn of the loop, so that one busy stream does not starve
 * others.
 *
 * @param size 0, or more than EV_SSIZE_MAX, restores the default of 262144
 */
EVENT2_EXPORT_SYMBOL int bufferevent_set_max_single_read(struct bufferevent* bev, size_t size);

/** Set the most that is written in one turn. @param size as for reading */
EVENT2_EXPORT_SYMBOL int bufferevent_set_max_single_write(struct bufferevent* bev, size_t size);

/** The most that is read in one turn. */
EVENT2_EXPORT_SYMBOL ev_ssize_t bufferevent_get_max_single_read(struct bufferevent* bev);

/** The most that is written in one turn. */
EVENT2_EXPORT_SYMBOL ev_ssize_t bufferevent_get_max_single_write(struct bufferevent* bev);

/** What its own read bucket holds, in whole ticks (event2/bevel.h tells what may really move);
 * perhaps less than 0; EV_SSIZE_MAX without a limit. */
EVENT2_EXPORT_SYMBOL ev_ssize_t bufferevent_get_read_limit(struct bufferevent* bev);

/** The same of its own write bucket. */
EVENT2_EXPORT_SYMBOL ev_ssize_t bufferevent_get_write_limit(struct bufferevent* bev);

/** How much it would read now under all limits together; not less than 0. */
EVENT2_EXPORT_SYMBOL ev_ssize_t bufferevent_get_max_to_read(struct bufferevent* bev);

/** How much it would write now under all limits together; not less than 0. */
EVENT2_EXPORT_SYMBOL ev_ssize_t bufferevent_get_max_to_write(struct bufferevent* bev);

/** What the read bucket of a group holds, perhaps less than 0. */
EVENT2_EXPORT_SYMBOL ev_ssize_t
bufferevent_rate_limit_group_get_read_limit(struct bufferevent_rate_limit_group* group);

/** What the write bucket of a group holds, perhaps less than 0. */
EVENT2_EXPORT_SYMBOL ev_ssize_t
bufferevent_rate_limit_group_get_write_limit(struct bufferevent_rate_limit_group* group);

/**
 * Take from its own read bucket for bytes that were moved otherwise; its group's is not touched.
 *
 * @param decr negative gives bytes back
 * @return -1 if it has no limit of its own
 */
EVENT2_EXPORT_SYMBOL int bufferevent_decrement_read_limit(struct bufferevent* bev, ev_ssize_t decr);

/** Take from its own write bucket. @see bufferevent_decrement_read_limit */
EVENT2_EXPORT_SYMBOL int bufferevent_decrement_write_limit(struct bufferevent* bev,
                                                           ev_ssize_t decr);

/** Take from the read bucket of a group; its members' own are not touched. */
EVENT2_EXPORT_SYMBOL int bufferevent_rate_limit_group_decrement_read(
    struct bufferevent_rate_limit_group* group, ev_ssize_t decr);

/** Take from the write bucket of a group; its members' own are not touched. */
EVENT2_EXPORT_SYMBOL int bufferevent_rate_limit_group_decrement_write(
    struct bufferevent_rate_limit_group* group, ev_ssize_t decr);

/** How much the members, former ones included, have moved since the start. Outputs may be NULL. */
EVENT2_EXPORT_SYMBOL void bufferevent_rate_limit_group_get_totals(
    struct bufferevent_rate_limit_group* group, ev_uint64_t* total_read_out,
    ev_uint64_t* total_written_out);

/** Start the totals again from 0. */
EVENT2_EXPORT_SYMBOL void bufferevent_rate_limit_group_reset_totals(
    struct bufferevent_rate_limit_group* group);
/**@}*/

#ifdef __cplusplus
}
#endif

#endif

#ifndef EVENT2_LISTENER_H_INCLUDED_
#define EVENT2_LISTENER_H_INCLUDED_

/**
 * @file event2/listener.h
 *
 * A listener accepts connections on a socket and hands each to a callback.
 *
 * Conventions for results, pointers and threads: see event2/event.h.
 */

#include <event2/event.h>

#ifdef __cplusplus
extern "C" {
#endif

struct sockaddr;

/** Accepts connections. */
struct evconnlistener;

/**
 * Called for each new connection, without the lock of the listener, which it may free.
 *
 * @param fd the connection, non-blocking unless LEV_OPT_LEAVE_SOCKETS_BLOCKING; the callee owns and
 *   closes it
 * @param sa the address of the peer, valid during the call only
 * @param socklen its size
 * @param ptr the argument given with the callback
 */
typedef void (*evconnlistener_cb)(struct evconnlistener* lev, evutil_socket_t fd,
                                  struct sockaddr* sa, int socklen, void* ptr);

/**
 * Called when accept() failed for a reason that concerns more than the one connection, such as
 * having no free descriptor; EVUTIL_SOCKET_ERROR() tells which. The listener pauses for 10
 * milliseconds, then longer and up to a second, and tries again.
 *
 * @param ptr the argument given with the connection callback
 */
typedef void (*evconnlistener_errorcb)(struct evconnlistener* lev, void* ptr);

/** @name Options for new listeners */
/**@{*/
#define LEV_OPT_LEAVE_SOCKETS_BLOCKING (1u << 0) /**< do not make connections non-blocking */
#define LEV_OPT_CLOSE_ON_FREE (1u << 1)          /**< close the socket with the listener */
#define LEV_OPT_CLOSE_ON_EXEC (1u << 2)          /**< close-on-exec, for connections too */
#define LEV_OPT_REUSEABLE (1u << 3)              /**< evutil_make_listen_socket_reuseable() */
#define LEV_OPT_THREADSAFE (1u << 4)             /**< give it a lock, if threads are enabled */
#define LEV_OPT_DISABLED (1u << 5) /**< do not accept before evconnlistener_enable() */
/** evutil_make_tcp_listen_socket_deferred(). Only for protocols in which the client speaks first.
 */
#define LEV_OPT_DEFERRED_ACCEPT (1u << 6)
#define LEV_OPT_REUSEABLE_PORT (1u << 7)     /**< evutil_make_listen_socket_reuseable_port() */
#define LEV_OPT_BIND_IPV6ONLY (1u << 8)      /**< evutil_make_listen_socket_ipv6only() */
#define LEV_OPT_BIND_IPV4_AND_IPV6 (1u << 9) /**< an IPv6 socket that accepts IPv4 too */
/**@}*/

/**
 * Make a listener over a bound socket.
 *
 * @param cb may be NULL: the listener is then disabled until evconnlistener_set_cb()
 * @param flags a combination of LEV_OPT_*; those that concern binding have no effect
 * @param backlog how many connections may wait to be accepted; negative for a usual number, 0 if
 *   the socket is listening already
 * @param fd is made non-blocking; on failure it stays the caller's
 */
EVENT2_EXPORT_SYMBOL struct evconnlistener* evconnlistener_new(struct event_base* base,
                                                               evconnlistener_cb cb, void* ptr,
                                                               unsigned flags, int backlog,
                                                               evutil_socket_t fd);

/**
 * Make a socket, bind it and make a listener over it. Use LEV_OPT_CLOSE_ON_FREE, unless the program
 * closes evconnlistener_get_fd() itself. SO_KEEPALIVE is set for its connections.
 *
 * @param backlog as for evconnlistener_new(), but not 0
 * @param sa the address: AF_INET, AF_INET6 or AF_UNIX
 * @return NULL also if the address is in use, or its family does not know an option;
 *   EVUTIL_SOCKET_ERROR() tells
 */
EVENT2_EXPORT_SYMBOL struct evconnlistener* evconnlistener_new_bind(struct event_base* base,
                                                                    evconnlistener_cb cb, void* ptr,
                                                                    unsigned flags, int backlog,
                                                                    const struct sockaddr* sa,
                                                                    int socklen);

/** Free a listener. May be called from its callbacks. */
EVENT2_EXPORT_SYMBOL void evconnlistener_free(struct evconnlistener* lev);

/** Start to accept connections, as at first. */
EVENT2_EXPORT_SYMBOL int evconnlistener_enable(struct evconnlistener* lev);

/** Stop accepting; connections wait in the backlog. */
EVENT2_EXPORT_SYMBOL int evconnlistener_disable(struct evconnlistener* lev);

/** The base. */
EVENT2_EXPORT_SYMBOL struct event_base* evconnlistener_get_base(struct evconnlistener* lev);

/** The socket. */
EVENT2_EXPORT_SYMBOL evutil_socket_t evconnlistener_get_fd(struct evconnlistener* lev);

/** Set the callback and its argument. NULL pauses the listener. */
EVENT2_EXPORT_SYMBOL void evconnlistener_set_cb(struct evconnlistener* lev, evconnlistener_cb cb,
                                                void* arg);

/** Set the callback for errors; NULL, as at first, for messages in the log. */
EVENT2_EXPORT_SYMBOL void evconnlistener_set_error_cb(struct evconnlistener* lev,
                                                      evconnlistener_errorcb errorcb);

#ifdef __cplusplus
}
#endif

#endif

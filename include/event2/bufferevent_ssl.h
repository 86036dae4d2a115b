#ifndef EVENT2_BUFFEREVENT_SSL_H_INCLUDED_
#define EVENT2_BUFFEREVENT_SSL_H_INCLUDED_

/**
 * @file event2/bufferevent_ssl.h
 *
 * Bufferevents that speak TLS by means of OpenSSL or of mbedTLS. Programs link with -levent_openssl
 * or -levent_mbedtls too. For GnuTLS see event2/bevel_gnutls.h.
 *
 * What is said here for OpenSSL holds for mbedTLS as well.
 *
 * The program makes and configures the SSL object (certificates, verification, host name) and hands
 * it over. The handshake begins by itself; when it is complete the event callback is told
 * BEV_EVENT_CONNECTED. Input and output are plain text.
 *
 * The SSL object is used inside the loop and inside the functions of the bufferevent, under its
 * lock. A program that uses it elsewhere must hold the lock, by bufferevent_lock().
 *
 * A peer may begin new handshakes on an open connection (TLS 1.2, if the library is told to allow
 * it), but not without end: a few at once, and then one for each 256 KiB of plaintext. More of them
 * end the connection with BEV_EVENT_ERROR.
 *
 * Freeing a bufferevent sends no close_notify, so the peer sees a connection that was cut off. A
 * program that wants to end it properly calls bevel_shutdown() or bevel_free_when_flushed()
 * (event2/bevel.h), or SSL_shutdown() on bufferevent_openssl_get_ssl() first.
 */

#include <event2/bufferevent.h>
#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/** OpenSSL's SSL. */
struct ssl_st;

/** What mbedTLS calls by these names. */
struct mbedtls_ssl_context;
struct mbedtls_ssl_config;

/** A context that belongs to a bufferevent or will. */
typedef struct mbedtls_ssl_context mbedtls_dyncontext;

/** Where a new bufferevent begins. */
enum bufferevent_ssl_state {
  BUFFEREVENT_SSL_OPEN = 0,       /**< the handshake was already done by the program */
  BUFFEREVENT_SSL_CONNECTING = 1, /**< with the handshake, as the client */
  BUFFEREVENT_SSL_ACCEPTING = 2   /**< with the handshake, as the server */
};

/**
 * Make a TLS stream over a socket. If that fails, the socket and the SSL object stay the caller's.
 *
 * @param fd a non-blocking socket; -1 for the one that the SSL object has, or one that is set by
 *   bufferevent_setfd() or bufferevent_socket_connect() later
 * @param ssl freed with the bufferevent if BEV_OPT_CLOSE_ON_FREE is set, like the socket. Otherwise
 *   both are the program's again when bufferevent_free() returns, in a callback too (in one of
 *   OpenSSL's own, when that is over), and it may go on with them: nothing was read ahead of what
 *   OpenSSL asked for, which costs system calls. Only output that the kernel does not take any more
 *   then is lost, after which nothing can be written
 * @param options a combination of enum bufferevent_options
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_openssl_socket_new(
    struct event_base* base, evutil_socket_t fd, struct ssl_st* ssl,
    enum bufferevent_ssl_state state, int options);

/**
 * Make a TLS stream over another bufferevent, whose callbacks the program must not change. If that
 * fails, the other bufferevent and the SSL object stay the caller's.
 *
 * @param base that of the other bufferevent; NULL means just that
 * @param underlying freed with the new one if BEV_OPT_CLOSE_ON_FREE is set, like the SSL object.
 *   It carries one filter or TLS stream at a time: until that one is freed, a second one is refused
 *   with EINVAL
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_openssl_filter_new(
    struct event_base* base, struct bufferevent* underlying, struct ssl_st* ssl,
    enum bufferevent_ssl_state state, int options);

/** The SSL object of a TLS stream, which stays its; NULL for other kinds. */
EVENT2_EXPORT_SYMBOL struct ssl_st* bufferevent_openssl_get_ssl(struct bufferevent* bev);

/**
 * Take the first error of OpenSSL that has happened on a TLS stream and was not taken yet, in the
 * form of ERR_get_error(); the next call takes the one after it.
 *
 * @return 0 if there is none, and for other kinds
 */
EVENT2_EXPORT_SYMBOL unsigned long bufferevent_get_openssl_error(struct bufferevent* bev);

/**
 * Begin a new handshake on an open connection; BEV_EVENT_CONNECTED tells when it is complete.
 *
 * @return -1 for what is no TLS stream of any library, before the first handshake is complete, while
 *   another one is on its way, after the end of either direction, and with TLS 1.3, which has no such
 *   thing
 */
EVENT2_EXPORT_SYMBOL int bufferevent_ssl_renegotiate(struct bufferevent* bev);

/** @name Flags of a TLS stream. All are off at first. */
/**@{*/
/** Report a connection that ends without close_notify, or is reset by a peer that did not read all,
 * as BEV_EVENT_EOF and not as BEV_EVENT_ERROR. */
#define BUFFEREVENT_SSL_DIRTY_SHUTDOWN 1
/** Accepted for compatibility: pieces of the output are put together into full records anyhow. */
#define BUFFEREVENT_SSL_BATCH_WRITE 2

/** The flags in force; EV_UINT64_MAX for what is no TLS stream of any library. */
EVENT2_EXPORT_SYMBOL ev_uint64_t bufferevent_ssl_get_flags(struct bufferevent* bev);

/**
 * Set flags besides those in force. Unknown ones beside known ones are ignored.
 *
 * @param flags at least one known flag, so not 0
 * @return the flags before; EV_UINT64_MAX, and nothing changed, for other kinds and for flags none of
 *   which is known
 */
EVENT2_EXPORT_SYMBOL ev_uint64_t bufferevent_ssl_set_flags(struct bufferevent* bev,
                                                           ev_uint64_t flags);

/** Clear flags. @return as bufferevent_ssl_set_flags() */
EVENT2_EXPORT_SYMBOL ev_uint64_t bufferevent_ssl_clear_flags(struct bufferevent* bev,
                                                             ev_uint64_t flags);

/** Whether BUFFEREVENT_SSL_DIRTY_SHUTDOWN is set: 0 or 1, -1 for what is no TLS stream. */
EVENT2_EXPORT_SYMBOL int bufferevent_openssl_get_allow_dirty_shutdown(struct bufferevent* bev);

/** Set (nonzero) or clear BUFFEREVENT_SSL_DIRTY_SHUTDOWN. Other kinds are ignored. */
EVENT2_EXPORT_SYMBOL void bufferevent_openssl_set_allow_dirty_shutdown(struct bufferevent* bev,
                                                                       int allow_dirty_shutdown);
/**@}*/

/** @name The same by means of mbedTLS. Programs link with -levent_mbedtls too. */
/**@{*/

/**
 * Make a context in heap memory, as the functions below want it.
 *
 * @param conf must outlive the context. It also says which part the connection plays: a bufferevent
 *   that begins with BUFFEREVENT_SSL_ACCEPTING needs one for MBEDTLS_SSL_IS_SERVER
 * @return NULL without memory or if mbedTLS refuses the configuration
 */
EVENT2_EXPORT_SYMBOL mbedtls_dyncontext* bufferevent_mbedtls_dyncontext_new(
    struct mbedtls_ssl_config* conf);

/** Free a context that no bufferevent owns. NULL is ignored. */
EVENT2_EXPORT_SYMBOL void bufferevent_mbedtls_dyncontext_free(mbedtls_dyncontext* ctx);

/**
 * Like bufferevent_openssl_socket_new().
 *
 * @param fd a non-blocking socket; -1 for one that is set later
 * @param ctx its transport functions are replaced. Freed with the bufferevent if
 *   BEV_OPT_CLOSE_ON_FREE is set, by bufferevent_mbedtls_dyncontext_free(): then it must come from
 *   bufferevent_mbedtls_dyncontext_new(). Otherwise it is left talking to the socket.
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_mbedtls_socket_new(
    struct event_base* base, evutil_socket_t fd, mbedtls_dyncontext* ctx,
    enum bufferevent_ssl_state state, int options);

/** Like bufferevent_openssl_filter_new(). For `ctx` see bufferevent_mbedtls_socket_new(). */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_mbedtls_filter_new(
    struct event_base* base, struct bufferevent* underlying, mbedtls_dyncontext* ctx,
    enum bufferevent_ssl_state state, int options);

/** The context of a stream of mbedTLS, which stays its; NULL for other kinds. */
EVENT2_EXPORT_SYMBOL struct mbedtls_ssl_context* bufferevent_mbedtls_get_ssl(
    struct bufferevent* bev);

/**
 * Take the first error of mbedTLS that has happened on a stream and was not taken yet: what its
 * function returned, to be cast back to int; the next call takes the one after it.
 *
 * @return 0 if there is none, and for other kinds
 */
EVENT2_EXPORT_SYMBOL unsigned long bufferevent_get_mbedtls_error(struct bufferevent* bev);

/**
 * Begin a new handshake on an open connection; BEV_EVENT_CONNECTED tells when it is complete. The
 * configuration must allow it (mbedtls_ssl_conf_renegotiation()).
 *
 * A peer whose own configuration refuses may leave it, and what is written, waiting: mbedTLS does not
 * answer. Set timeouts.
 *
 * @return -1 for other kinds, if the configuration does not allow it, and with TLS 1.3
 */
EVENT2_EXPORT_SYMBOL int bufferevent_mbedtls_renegotiate(struct bufferevent* bev);

/** As bufferevent_openssl_get_allow_dirty_shutdown(). */
EVENT2_EXPORT_SYMBOL int bufferevent_mbedtls_get_allow_dirty_shutdown(struct bufferevent* bev);

/** As bufferevent_openssl_set_allow_dirty_shutdown(). */
EVENT2_EXPORT_SYMBOL void bufferevent_mbedtls_set_allow_dirty_shutdown(struct bufferevent* bev,
                                                                       int allow_dirty_shutdown);
/**@}*/

#ifdef __cplusplus
}
#endif

#endif

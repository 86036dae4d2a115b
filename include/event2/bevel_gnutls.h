#ifndef EVENT2_BEVEL_GNUTLS_H_INCLUDED_
#define EVENT2_BEVEL_GNUTLS_H_INCLUDED_

/**
 * @file event2/bevel_gnutls.h
 *
 * Bufferevents that speak TLS by means of GnuTLS. Programs link with -lbevel_gnutls too.
 *
 * They work like those of event2/bufferevent_ssl.h, with a session of GnuTLS in the place of the
 * SSL object: the program makes it with gnutls_init(), for the part that it plays, and sets
 * priorities, credentials and verification. Of that header, bufferevent_ssl_get_flags() and its
 * companions work on these too, and of event2/bevel.h bevel_tls_key_update() and
 * bevel_tls_resume().
 *
 * A session serves one connection. After the first bytes have passed, bufferevent_setfd() with any
 * socket, the same one too, is refused with EINVAL and changes nothing, not even a bevel_shutdown()
 * that is on its way; make a new session and a new bufferevent. -1 ends the connection as ever, and a
 * stream that began with BUFFEREVENT_SSL_OPEN goes on over the new socket.
 *
 * The session is used inside the loop and inside the functions of the bufferevent, under its lock.
 * A program that uses it elsewhere must hold the lock, by bufferevent_lock(). Its transport pointer
 * and functions are the bufferevent's for as long as that lives.
 */

#include <event2/bufferevent_ssl.h>
#include <event2/util.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/** GnuTLS's gnutls_session_t is a pointer to this. */
struct gnutls_session_int;

/**
 * Make a TLS stream over a socket. If that fails, the socket and the session stay the caller's.
 *
 * @param fd a non-blocking socket; -1 for the one that was set with gnutls_transport_set_int(), or
 *   one that is set by bufferevent_setfd() or bufferevent_socket_connect() later
 * @param session ended by gnutls_deinit() with the bufferevent if BEV_OPT_CLOSE_ON_FREE is set,
 * like the socket; otherwise it is left talking to the socket
 * @param state BUFFEREVENT_SSL_ACCEPTING for a session made with GNUTLS_SERVER,
 *   BUFFEREVENT_SSL_CONNECTING for one made with GNUTLS_CLIENT, BUFFEREVENT_SSL_OPEN for either if
 *   the handshake is complete
 * @param options a combination of enum bufferevent_options
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bevel_gnutls_socket_new(struct event_base* base,
                                                                 evutil_socket_t fd,
                                                                 struct gnutls_session_int* session,
                                                                 enum bufferevent_ssl_state state,
                                                                 int options);

/**
 * Make a TLS stream over another bufferevent, whose callbacks the program must not change. If that
 * fails, the other bufferevent and the session stay the caller's.
 *
 * @param base that of the other bufferevent, or NULL
 * @param underlying freed with the new one if BEV_OPT_CLOSE_ON_FREE is set, like the session.
 *   It carries one filter or TLS stream at a time: until that one is freed, a second one is refused
 *   with EINVAL
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bevel_gnutls_filter_new(struct event_base* base,
                                                                 struct bufferevent* underlying,
                                                                 struct gnutls_session_int* session,
                                                                 enum bufferevent_ssl_state state,
                                                                 int options);

/** The session of a stream of GnuTLS, which stays its; NULL for other kinds. */
EVENT2_EXPORT_SYMBOL struct gnutls_session_int* bevel_gnutls_get_session(struct bufferevent* bev);

/**
 * Take the first error of GnuTLS that has happened on a stream and was not taken yet: a negative
 * number as for gnutls_strerror(); the next call takes the one after it.
 *
 * @return 0 if there is none, and for other kinds
 */
EVENT2_EXPORT_SYMBOL int bevel_gnutls_get_error(struct bufferevent* bev);

/**
 * Begin a new handshake on an open connection; BEV_EVENT_CONNECTED tells when it is complete. It
 * needs the stream to read. A server that did not ask for it refuses new handshakes of the client.
 *
 * A client of GnuTLS cannot have plaintext of the server in the middle of its new handshake, and
 * fails with an error then: the server must have nothing on the way.
 *
 * @return -1 for other kinds, and with TLS 1.3, which has no such thing
 */
EVENT2_EXPORT_SYMBOL int bevel_gnutls_renegotiate(struct bufferevent* bev);

#ifdef __cplusplus
}
#endif

#endif

#ifndef EVENT2_BUFFEREVENT_COMPAT_H_INCLUDED_
#define EVENT2_BUFFEREVENT_COMPAT_H_INCLUDED_

/**
 * @file event2/bufferevent_compat.h
 *
 * The bufferevent functions of libevent 1.x, for old programs.
 */

#include <event2/bufferevent.h>

#ifdef __cplusplus
extern "C" {
#endif

#define evbuffercb bufferevent_data_cb /**< old name of bufferevent_data_cb */
#define everrorcb bufferevent_event_cb /**< old name of bufferevent_event_cb */

/**
 * Make a socket bufferevent on the base of event_init(), with its callbacks. The socket is not
 * closed with it.
 *
 * @return NULL also without such a base
 * @see bufferevent_socket_new, bufferevent_setcb
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bufferevent_new(evutil_socket_t fd, evbuffercb readcb,
                                                         evbuffercb writecb, everrorcb errorcb,
                                                         void* cbarg);

/** Set timeouts in seconds; 0 for none. @see bufferevent_set_timeouts */
EVENT2_EXPORT_SYMBOL void bufferevent_settimeout(struct bufferevent* bev, int timeout_read,
                                                 int timeout_write);

/** @name Old names of BEV_EVENT_* */
/**@{*/
#define EVBUFFER_READ BEV_EVENT_READING
#define EVBUFFER_WRITE BEV_EVENT_WRITING
#define EVBUFFER_EOF BEV_EVENT_EOF
#define EVBUFFER_ERROR BEV_EVENT_ERROR
#define EVBUFFER_TIMEOUT BEV_EVENT_TIMEOUT
/**@}*/

#define EVBUFFER_INPUT(x) bufferevent_get_input(x)   /**< old name of bufferevent_get_input() */
#define EVBUFFER_OUTPUT(x) bufferevent_get_output(x) /**< old name of bufferevent_get_output() */

#ifdef __cplusplus
}
#endif

#endif

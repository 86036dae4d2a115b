#ifndef EVENT2_BUFFEREVENT_STRUCT_H_INCLUDED_
#define EVENT2_BUFFEREVENT_STRUCT_H_INCLUDED_

/**
 * @file event2/bufferevent_struct.h
 *
 * The layout of struct bufferevent. It is part of the ABI since old programs look into it: names,
 * order and sizes never change. New programs should use the functions of event2/bufferevent.h.
 *
 * Only the library makes bufferevents, and each is larger than this structure: it must be
 * neither copied nor placed in memory of the program.
 */

#include <event2/bufferevent.h>
#include <event2/event_struct.h>

#ifdef __cplusplus
extern "C" {
#endif

struct bufferevent_ops;

/** The watermarks of one direction, in bytes; bufferevent_setwatermark(). */
struct event_watermark {
  size_t low;
  size_t high; /**< 0 for no limit */
};

/** A stream of bytes; see event2/bufferevent.h. */
struct bufferevent {
  struct event_base* ev_base;           /**< bufferevent_get_base() */
  const struct bufferevent_ops* be_ops; /**< unused */
  struct event ev_read;                 /**< waits for the socket to be readable, or a timer */
  struct event ev_write;                /**< waits for the socket to be writable, or a timer */
  struct evbuffer* input;               /**< bufferevent_get_input() */
  struct evbuffer* output;              /**< bufferevent_get_output() */
  struct event_watermark wm_read;       /**< of the input */
  struct event_watermark wm_write;      /**< of the output */
  bufferevent_data_cb readcb;           /**< bufferevent_setcb() */
  bufferevent_data_cb writecb;          /**< bufferevent_setcb() */
  bufferevent_event_cb errorcb;         /**< bufferevent_setcb(): the event callback */
  void* cbarg;                          /**< bufferevent_setcb() */
  struct timeval timeout_read;          /**< bufferevent_set_timeouts(); zero for none */
  struct timeval timeout_write;         /**< bufferevent_set_timeouts(); zero for none */
  short enabled;                        /**< bufferevent_get_enabled() */
};

#ifdef __cplusplus
}
#endif

#endif

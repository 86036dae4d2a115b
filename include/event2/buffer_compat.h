#ifndef EVENT2_BUFFER_COMPAT_H_INCLUDED_
#define EVENT2_BUFFER_COMPAT_H_INCLUDED_

/**
 * @file event2/buffer_compat.h
 *
 * The evbuffer functions of libevent 1.x, for old programs.
 */

#include <event2/buffer.h>

#ifdef __cplusplus
extern "C" {
#endif

/** evbuffer_readln() with EVBUFFER_EOL_ANY and without the length. */
EVENT2_EXPORT_SYMBOL char* evbuffer_readline(struct evbuffer* buffer);

/** Called after a buffer changed its length. */
typedef void (*evbuffer_cb)(struct evbuffer* buffer, size_t old_len, size_t new_len, void* arg);

/**
 * Remove all callbacks of a buffer and set this one, unless it is NULL. It must not be mixed with
 * evbuffer_add_cb().
 */
EVENT2_EXPORT_SYMBOL int evbuffer_setcb(struct evbuffer* buffer, evbuffer_cb cb, void* cbarg);

/**
 * Find the first occurrence of len bytes. The buffer is made contiguous, which evbuffer_search()
 * avoids.
 *
 * @return its first byte, valid until the buffer is changed; NULL if there is none
 */
EVENT2_EXPORT_SYMBOL unsigned char* evbuffer_find(struct evbuffer* buffer,
                                                  const unsigned char* what, size_t len);

#define EVBUFFER_LENGTH(x) evbuffer_get_length(x) /**< old name of evbuffer_get_length() */
#define EVBUFFER_DATA(x) evbuffer_pullup((x), -1) /**< all bytes of a buffer, contiguous */

#ifdef __cplusplus
}
#endif

#endif

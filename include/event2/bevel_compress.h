#ifndef EVENT2_BEVEL_COMPRESS_H_INCLUDED_
#define EVENT2_BEVEL_COMPRESS_H_INCLUDED_

/**
 * @file event2/bevel_compress.h
 *
 * Filtering bufferevents that compress what is written and expand what arrives. Programs link with
 * -lbevel_compress too.
 *
 * Compressing is about waiting: bytes are held back until there are enough of them. They leave
 *
 * - with bufferevent_flush(bev, EV_WRITE, BEV_FLUSH): all of them, so that the peer can expand them
 *   now; this costs a few bytes each time
 * - by themselves, if BEVEL_COMPRESS_PROMPT is set: a flush each time when all that was written has
 *   been compressed
 * - with bufferevent_flush(bev, EV_WRITE, BEV_FINISHED), or bevel_shutdown(): all of them and the
 *   end of the compressed stream. What is written afterwards begins a new one, which the peer
 *   expands as the continuation
 *
 * and are lost when the bufferevent is freed before.
 *
 * When what arrives is no compressed stream, or beyond a limit, and when it ends in the middle of
 * one (BEV_EVENT_EOF below), the event callback is told BEV_EVENT_ERROR | BEV_EVENT_READING, behind
 * the bytes that were good, and no BEV_EVENT_EOF. An end without a single byte is no error: whoever
 * writes nothing sends no stream.
 *
 * Watermarks hold: expanding stops at the high mark of the input, also when the peer has ended, and
 * compressing at that of the output below.
 */

#include <event2/bufferevent.h>
#include <event2/util.h>
#include <event2/visibility.h>

#ifdef __cplusplus
extern "C" {
#endif

/** @name Flags of struct bevel_compress_options */
/**@{*/
/**
 * Hold nothing back. For conversations of small messages. A rate limit that lets fewer than 64 bytes
 * through at once is exceeded by what ends a message, which is paid back before the next one.
 */
#define BEVEL_COMPRESS_PROMPT 0x01
/** Compress only; what arrives passes unchanged. */
#define BEVEL_COMPRESS_OUTPUT_ONLY 0x02
/** Expand only; what is written passes unchanged. */
#define BEVEL_COMPRESS_INPUT_ONLY 0x04
/**@}*/

/** Which framing bevel_filter_zlib_new() writes and expects. */
enum bevel_zlib_format {
  BEVEL_ZLIB_ZLIB = 0, /**< RFC 1950, "deflate" of HTTP */
  BEVEL_ZLIB_GZIP = 1, /**< RFC 1952 */
  BEVEL_ZLIB_RAW = 2   /**< RFC 1951, without check sums */
};

/**
 * How a compression filter works. Set all of it to zero and then what you care about; zero always
 * means the default.
 */
struct bevel_compress_options {
  /** For zlib 1 (fast) to 9 (small), default 6; for zstd up to 22, negative ones are faster still,
   *  default 3. */
  int level;
  /** BEVEL_COMPRESS_*. */
  unsigned flags;
  /** An enum bevel_zlib_format; not for zstd. */
  int format;
  /** The most bytes that all compressed streams together may expand to. Default: no limit. */
  ev_uint64_t max_output;
  /** The most bytes that one compressed byte may expand to, on average since the beginning; the
   *  first MiB is free. Against small input that expands to endless output; zlib cannot exceed
   * 1032, zstd has no such bound. Default: no limit. */
  ev_uint64_t max_ratio;
  /** The largest window, in bytes, that a compressed stream may ask us to remember; for zstd only,
   *  rounded down to a power of two. Default: 8 MiB. */
  size_t max_window;
};

/**
 * Make a filter that speaks zstd on top of another bufferevent, as bufferevent_filter_new() does.
 *
 * zstd takes the memory for its state from malloc(), not from event_set_mem_functions().
 *
 * @param underlying freed with the filter if BEV_OPT_CLOSE_ON_FREE is set; carries one filter or TLS
 *   stream at a time
 * @param how may be NULL: the defaults; not needed after the call
 * @param options a combination of enum bufferevent_options
 * @return NULL with errno: EINVAL for options that make no sense and for an underlying one that carries
 *   another, ENOMEM, ENOSYS if built without zstd
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bevel_filter_zstd_new(
    struct bufferevent* underlying, const struct bevel_compress_options* how, int options);

/** The same with zlib (ENOSYS if built without). Its memory comes from event_set_mem_functions().
 */
EVENT2_EXPORT_SYMBOL struct bufferevent* bevel_filter_zlib_new(
    struct bufferevent* underlying, const struct bevel_compress_options* how, int options);

#ifdef __cplusplus
}
#endif

#endif

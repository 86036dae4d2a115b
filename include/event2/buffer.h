#ifndef EVENT2_BUFFER_H_INCLUDED_
#define EVENT2_BUFFER_H_INCLUDED_

/**
 * @file event2/buffer.h
 *
 * An evbuffer is a queue of bytes: data is added at the back and taken from the front, at a cost
 * that does not grow with what is in between. The bytes lie in several pieces of memory, which
 * moving data between buffers hands over instead of copying; evbuffer_peek() shows them in place,
 * and evbuffer_pullup() makes a range contiguous.
 *
 * A buffer belongs to one thread unless evbuffer_enable_locking() gave it a lock. Every function
 * takes the lock itself; evbuffer_lock() holds it over several of them.
 *
 * Sizes are in bytes. A function that would let the length pass #EV_SSIZE_MAX fails. Conventions
 * for results and pointers: see event2/event.h.
 */

#include <event2/event-config.h>
#include <event2/util.h>
#include <event2/visibility.h>
#include <stdarg.h>
#include <sys/types.h>
#include <sys/uio.h>

#ifdef __cplusplus
extern "C" {
#endif

struct event_base;

/** A queue of bytes. */
struct evbuffer;

/** A position in a buffer. Any change of the buffer makes it invalid. */
struct evbuffer_ptr {
  ev_ssize_t pos; /**< the distance from the front; -1 means that nothing was found */
  /** Where that is in memory. Not for programs. */
  struct {
    void* chain;
    size_t pos_in_chain;
  } internal_;
};

/** A piece of memory, iov_len bytes at iov_base: the system's own type. */
#define evbuffer_iovec iovec
/** Tells that it is. */
#define EVBUFFER_IOVEC_IS_NATIVE_

/** @name Buffers */
/**@{*/
/** Make an empty buffer. It holds no memory for data before there is some. */
EVENT2_EXPORT_SYMBOL struct evbuffer* evbuffer_new(void);

/**
 * Free a buffer and its data; cleanup functions of references run. Allowed in its callbacks. With
 * evbuffer_defer_callbacks() callbacks that are due still run from the loop, and what is to be cleaned
 * up waits for them: remove the callbacks first if their arguments go away. NULL is ignored.
 */
EVENT2_EXPORT_SYMBOL void evbuffer_free(struct evbuffer* buf);

/** The number of bytes in a buffer. */
EVENT2_EXPORT_SYMBOL size_t evbuffer_get_length(const struct evbuffer* buf);

/** The number of bytes that lie contiguously at the front. */
EVENT2_EXPORT_SYMBOL size_t evbuffer_get_contiguous_space(const struct evbuffer* buf);

/**
 * Give a buffer a lock, so that several threads may use it.
 *
 * @param lock a lock of the program, made with the functions set in event2/thread.h, which must
 *   outlive the buffer; NULL makes one
 * @return -1 if the buffer has a lock, or threads are not enabled
 */
EVENT2_EXPORT_SYMBOL int evbuffer_enable_locking(struct evbuffer* buf, void* lock);

/** Take the lock of a buffer, recursively. Nothing happens if it has none. */
EVENT2_EXPORT_SYMBOL void evbuffer_lock(struct evbuffer* buf);

/** Release the lock of a buffer. */
EVENT2_EXPORT_SYMBOL void evbuffer_unlock(struct evbuffer* buf);

/** The data will leave by evbuffer_write() only, so that files added from now on need no memory. */
#define EVBUFFER_FLAG_DRAINS_TO_FD 1

/** Set flags: EVBUFFER_FLAG_DRAINS_TO_FD. */
EVENT2_EXPORT_SYMBOL int evbuffer_set_flags(struct evbuffer* buf, ev_uint64_t flags);

/** Clear flags. */
EVENT2_EXPORT_SYMBOL int evbuffer_clear_flags(struct evbuffer* buf, ev_uint64_t flags);

/**
 * Forbid changes at one end: adding at the back, or prepending and taking at the front. What is
 * forbidden fails. A bufferevent freezes the ends that it works on itself.
 *
 * @param at_front nonzero for the front, 0 for the back
 */
EVENT2_EXPORT_SYMBOL int evbuffer_freeze(struct evbuffer* buf, int at_front);

/** Allow changes at one end again. */
EVENT2_EXPORT_SYMBOL int evbuffer_unfreeze(struct evbuffer* buf, int at_front);
/**@}*/

/** @name Adding data. -1 if the end is frozen and there is something to add, there is no memory, or the
 * length would overflow. */
/**@{*/
/** Add a copy of datlen bytes at the back. */
EVENT2_EXPORT_SYMBOL int evbuffer_add(struct evbuffer* buf, const void* data, size_t datlen);

/** Add a copy of size bytes in front of all others. */
EVENT2_EXPORT_SYMBOL int evbuffer_prepend(struct evbuffer* buf, const void* data, size_t size);

/** Make room, so that the next datlen bytes can be added without asking for memory. */
EVENT2_EXPORT_SYMBOL int evbuffer_expand(struct evbuffer* buf, size_t datlen);

/**
 * Add text as printf() makes it, without its final zero.
 *
 * @return how many bytes were added, or -1
 */
EVENT2_EXPORT_SYMBOL int evbuffer_add_printf(struct evbuffer* buf, const char* fmt, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 3)))
#endif
    ;

/** evbuffer_add_printf() with the arguments as va_list. */
EVENT2_EXPORT_SYMBOL int evbuffer_add_vprintf(struct evbuffer* buf, const char* fmt, va_list ap)
#ifdef __GNUC__
    __attribute__((format(printf, 2, 0)))
#endif
    ;

/** Add copies of n_vec pieces, in order. @return how many bytes were added; 0 on failure */
EVENT2_EXPORT_SYMBOL size_t evbuffer_add_iovec(struct evbuffer* buffer, struct evbuffer_iovec* vec,
                                               int n_vec);

/**
 * Get memory at the back to write data into directly. It becomes part of the buffer by
 * evbuffer_commit_space(), before any other change of the buffer, or else is forgotten.
 *
 * @param size how much room is needed; the pieces together have at least that
 * @param vec receives the pieces
 * @param n_vec how many pieces are acceptable; 1 asks for contiguous memory, 2 avoids most copies
 * @return how many pieces were filled in, or -1
 */
EVENT2_EXPORT_SYMBOL int evbuffer_reserve_space(struct evbuffer* buf, ev_ssize_t size,
                                                struct evbuffer_iovec* vec, int n_vec);

/**
 * Add what was written into reserved memory.
 *
 * @param vec the pieces of evbuffer_reserve_space(), with iov_len set to the bytes used
 * @param n_vecs how many pieces are used; only the last may be partly empty
 * @return -1 if the pieces are not those, or say more than was reserved
 */
EVENT2_EXPORT_SYMBOL int evbuffer_commit_space(struct evbuffer* buf, struct evbuffer_iovec* vec,
                                               int n_vecs);
/**@}*/

/** @name Taking data. -1 if the front is frozen and there is something to take. */
/**@{*/
/** Copy up to datlen bytes from the front and drop them. @return how many bytes, or -1 */
EVENT2_EXPORT_SYMBOL int evbuffer_remove(struct evbuffer* buf, void* data, size_t datlen);

/** Copy up to datlen bytes from the front and keep them. @return how many bytes, or -1 */
EVENT2_EXPORT_SYMBOL ev_ssize_t evbuffer_copyout(struct evbuffer* buf, void* data_out,
                                                 size_t datlen);

/** evbuffer_copyout() from a position; NULL means the front. */
EVENT2_EXPORT_SYMBOL ev_ssize_t evbuffer_copyout_from(struct evbuffer* buf,
                                                      const struct evbuffer_ptr* pos,
                                                      void* data_out, size_t datlen);

/** Drop len bytes from the front, or all if there are not so many. */
EVENT2_EXPORT_SYMBOL int evbuffer_drain(struct evbuffer* buf, size_t len);

/**
 * Make the first size bytes contiguous, copying if they are not. Large ranges are better read with
 * evbuffer_peek().
 *
 * @param size negative for all bytes
 * @return the first byte, valid until the buffer is changed; NULL if size is 0, the buffer has
 *   fewer bytes, or there is no memory. Bytes of references and files must not be written to.
 */
EVENT2_EXPORT_SYMBOL unsigned char* evbuffer_pullup(struct evbuffer* buf, ev_ssize_t size);

/**
 * Look at data in place.
 *
 * @param len how many bytes to look at; negative for as many as the pieces given can show
 * @param start_at where to begin; NULL means the front
 * @param vec_out receives the pieces, which are read-only and valid until the buffer is changed
 * @param n_vec how many pieces vec_out can take
 * @return how many pieces are needed to show len bytes, which may be more than n_vec
 */
EVENT2_EXPORT_SYMBOL int evbuffer_peek(struct evbuffer* buffer, ev_ssize_t len,
                                       struct evbuffer_ptr* start_at,
                                       struct evbuffer_iovec* vec_out, int n_vec);

/** What ends a line. */
enum evbuffer_eol_style {
  EVBUFFER_EOL_ANY,         /**< any sequence of CR and LF; best avoided */
  EVBUFFER_EOL_CRLF,        /**< LF, or CR LF */
  EVBUFFER_EOL_CRLF_STRICT, /**< CR LF */
  EVBUFFER_EOL_LF,          /**< LF */
  EVBUFFER_EOL_NUL          /**< a zero byte */
};

/**
 * Take one line from the front, with its end.
 *
 * @param n_read_out receives the length of the line without its end; may be NULL
 * @return the line without its end but with a zero, which the caller frees with free(); NULL if
 * there is no complete line
 */
EVENT2_EXPORT_SYMBOL char* evbuffer_readln(struct evbuffer* buffer, size_t* n_read_out,
                                           enum evbuffer_eol_style eol_style);
/**@}*/

/** @name Moving and sharing data between buffers */
/**@{*/
/** Move all of inbuf, whose front must not be frozen, to the back of outbuf without copying. */
EVENT2_EXPORT_SYMBOL int evbuffer_add_buffer(struct evbuffer* outbuf, struct evbuffer* inbuf);

/** Move all of src, whose front must not be frozen, in front of dst without copying. */
EVENT2_EXPORT_SYMBOL int evbuffer_prepend_buffer(struct evbuffer* dst, struct evbuffer* src);

/**
 * Move up to datlen bytes from the front of src to the back of dst. At most one piece is copied.
 *
 * @return how many bytes were moved, or -1
 */
EVENT2_EXPORT_SYMBOL int evbuffer_remove_buffer(struct evbuffer* src, struct evbuffer* dst,
                                                size_t datlen);

/**
 * Add the data of inbuf to outbuf and leave it in inbuf: both share the memory, which neither may
 * change from then on. Later changes of inbuf do not reach outbuf.
 *
 * @return -1 also if inbuf holds files or data shared from another buffer
 */
EVENT2_EXPORT_SYMBOL int evbuffer_add_buffer_reference(struct evbuffer* outbuf,
                                                       struct evbuffer* inbuf);

/** Called when no buffer needs the memory any more, perhaps with a lock held. */
typedef void (*evbuffer_ref_cleanup_cb)(const void* data, size_t datalen, void* extra);

/**
 * Add memory of the program at the back without copying it. It must stay unchanged until the
 * cleanup function is called.
 *
 * @param cleanupfn may be NULL; not called if the function fails
 */
EVENT2_EXPORT_SYMBOL int evbuffer_add_reference(struct evbuffer* outbuf, const void* data,
                                                size_t datlen, evbuffer_ref_cleanup_cb cleanupfn,
                                                void* cleanupfn_arg);
/**@}*/

/** @name Files */
/**@{*/
/**
 * Add a part of a file at the back. With #EVBUFFER_FLAG_DRAINS_TO_FD the system copies it from the
 * file to the socket (sendfile); otherwise it is mapped or read. The file must not shrink
 * meanwhile.
 *
 * @param fd a file, which the buffer owns from now on and closes; on failure it stays the caller's
 * @param length in bytes; -1 means to the end of the file
 */
EVENT2_EXPORT_SYMBOL int evbuffer_add_file(struct evbuffer* outbuf, int fd, ev_off_t offset,
                                           ev_off_t length);

/** A part of a file that can be added to many buffers, or many times. It counts its users. */
struct evbuffer_file_segment;

#define EVBUF_FS_CLOSE_ON_FREE 0x01    /**< close the file with the segment */
#define EVBUF_FS_DISABLE_MMAP 0x02     /**< do not map the file into memory */
#define EVBUF_FS_DISABLE_SENDFILE 0x04 /**< do not send it with sendfile() */
#define EVBUF_FS_DISABLE_LOCKING 0x08  /**< one thread only: no lock */

/** Called when a segment is no longer used, before the file is closed; flags are the segment's. */
typedef void (*evbuffer_file_segment_cleanup_cb)(struct evbuffer_file_segment const* seg, int flags,
                                                 void* arg);

/**
 * Make a segment.
 *
 * @param fd must stay open as long as the segment is used
 * @param length in bytes; -1 means to the end of the file
 * @param flags a combination of EVBUF_FS_*
 */
EVENT2_EXPORT_SYMBOL struct evbuffer_file_segment* evbuffer_file_segment_new(int fd,
                                                                             ev_off_t offset,
                                                                             ev_off_t length,
                                                                             unsigned flags);

/** Give up a segment. It goes away when no buffer holds it any more. */
EVENT2_EXPORT_SYMBOL void evbuffer_file_segment_free(struct evbuffer_file_segment* seg);

/** Set the function to call when a segment goes away. */
EVENT2_EXPORT_SYMBOL void evbuffer_file_segment_add_cleanup_cb(struct evbuffer_file_segment* seg,
                                                               evbuffer_file_segment_cleanup_cb cb,
                                                               void* arg);

/**
 * Add a part of a segment at the back.
 *
 * @param offset within the segment
 * @param length in bytes; -1 means the rest of the segment
 */
EVENT2_EXPORT_SYMBOL int evbuffer_add_file_segment(struct evbuffer* buf,
                                                   struct evbuffer_file_segment* seg,
                                                   ev_off_t offset, ev_off_t length);
/**@}*/

/** @name Reading and writing descriptors. On failure EVUTIL_SOCKET_ERROR() tells why: EPERM if the end
 * is frozen, EINVAL if there is nothing to write, EOVERFLOW if no more fits, or what the kernel said. */
/**@{*/
/**
 * Write what a buffer holds to a descriptor and drop what was written. A closed connection is an
 * error (EPIPE), never a SIGPIPE.
 *
 * @return how many bytes were written, or -1, also if there are none
 */
EVENT2_EXPORT_SYMBOL int evbuffer_write(struct evbuffer* buffer, evutil_socket_t fd);

/** evbuffer_write() of at most howmuch bytes; negative for all. */
EVENT2_EXPORT_SYMBOL int evbuffer_write_atmost(struct evbuffer* buffer, evutil_socket_t fd,
                                               ev_ssize_t howmuch);

/**
 * Read from a descriptor and add the bytes at the back.
 *
 * @param howmuch the most to read; negative for evbuffer_get_max_read(), which is the limit anyhow
 * @return how many bytes were read, 0 at the end of the stream and if howmuch is 0, or -1
 */
EVENT2_EXPORT_SYMBOL int evbuffer_read(struct evbuffer* buffer, evutil_socket_t fd, int howmuch);

/**
 * Set the most that one evbuffer_read() reads.
 *
 * @param max 1 to INT_MAX; 0 means 16384, as at first
 */
EVENT2_EXPORT_SYMBOL int evbuffer_set_max_read(struct evbuffer* buf, size_t max);

/** The most that one evbuffer_read() reads. */
EVENT2_EXPORT_SYMBOL size_t evbuffer_get_max_read(struct evbuffer* buf);
/**@}*/

/** @name Searching. A result with pos == -1 means that nothing was found. */
/**@{*/
/**
 * Find the first occurrence of len bytes.
 *
 * @param start where to begin; NULL means the front
 */
EVENT2_EXPORT_SYMBOL struct evbuffer_ptr evbuffer_search(struct evbuffer* buffer, const char* what,
                                                         size_t len,
                                                         const struct evbuffer_ptr* start);

/** evbuffer_search() for an occurrence that ends at a position or before; NULL means the back. */
EVENT2_EXPORT_SYMBOL struct evbuffer_ptr evbuffer_search_range(struct evbuffer* buffer,
                                                               const char* what, size_t len,
                                                               const struct evbuffer_ptr* start,
                                                               const struct evbuffer_ptr* end);

/**
 * Find the end of a line.
 *
 * @param start where to begin; NULL means the front
 * @param eol_len_out receives how long the end of the line is; may be NULL
 * @return the first byte of the end of the line
 */
EVENT2_EXPORT_SYMBOL struct evbuffer_ptr evbuffer_search_eol(struct evbuffer* buffer,
                                                             struct evbuffer_ptr* start,
                                                             size_t* eol_len_out,
                                                             enum evbuffer_eol_style eol_style);

/** How evbuffer_ptr_set() counts. */
enum evbuffer_ptr_how {
  EVBUFFER_PTR_SET, /**< from the front */
  EVBUFFER_PTR_ADD  /**< from where the position is now */
};

/**
 * Set a position.
 *
 * @param position 0 up to the distance to the back
 * @return -1 if that is behind the back: the position is then invalid, that is pos == -1; and if the
 *   sum would overflow or `how` is neither, in which case it is left as it was
 */
EVENT2_EXPORT_SYMBOL int evbuffer_ptr_set(struct evbuffer* buffer, struct evbuffer_ptr* ptr,
                                          size_t position, enum evbuffer_ptr_how how);
/**@}*/

/** @name Callbacks: telling the program that a buffer changed */
/**@{*/
/** What changed. The length was then orig_size + n_added - n_deleted; a callback that was called before
 * this one may have changed it again. */
struct evbuffer_cb_info {
  size_t orig_size; /**< the length before */
  size_t n_added;   /**< how many bytes were added since the last call */
  size_t n_deleted; /**< how many bytes were dropped since the last call */
};

/**
 * Called after a buffer changed. It runs inside the function that made the change, with the
 * buffer's lock held, unless evbuffer_defer_callbacks() put it off. It may change the buffer.
 */
typedef void (*evbuffer_cb_func)(struct evbuffer* buffer, const struct evbuffer_cb_info* info,
                                 void* arg);

/** A callback of a buffer. */
struct evbuffer_cb_entry;

/**
 * Add a callback. A buffer may have many, of which the one added last is called first.
 *
 * @return a handle, valid until the callback is removed or the buffer freed
 */
EVENT2_EXPORT_SYMBOL struct evbuffer_cb_entry* evbuffer_add_cb(struct evbuffer* buffer,
                                                               evbuffer_cb_func cb, void* cbarg);

/** Remove a callback and free its handle. */
EVENT2_EXPORT_SYMBOL int evbuffer_remove_cb_entry(struct evbuffer* buffer,
                                                  struct evbuffer_cb_entry* ent);

/** Remove the callback with this function and argument. @return -1 if there is none */
EVENT2_EXPORT_SYMBOL int evbuffer_remove_cb(struct evbuffer* buffer, evbuffer_cb_func cb,
                                            void* cbarg);

#define EVBUFFER_CB_ENABLED 1 /**< the callback is called; set at first */

/** Set flags of a callback: EVBUFFER_CB_ENABLED. */
EVENT2_EXPORT_SYMBOL int evbuffer_cb_set_flags(struct evbuffer* buffer,
                                               struct evbuffer_cb_entry* cb, ev_uint32_t flags);

/** Clear flags of a callback. Changes that it was not told about are not told later; deferred callbacks
 * are told what has changed until the loop calls them, whoever was enabled when. */
EVENT2_EXPORT_SYMBOL int evbuffer_cb_clear_flags(struct evbuffer* buffer,
                                                 struct evbuffer_cb_entry* cb, ev_uint32_t flags);

/**
 * Let the callbacks be called by a loop instead of the function that makes a change, once for all
 * changes until then. The base must outlive the buffer.
 */
EVENT2_EXPORT_SYMBOL int evbuffer_defer_callbacks(struct evbuffer* buffer, struct event_base* base);
/**@}*/

#ifdef __cplusplus
}
#endif

#endif

// event2/buffer.h, in its order. What can be changed from outside is locked, and kept, by a
// BufferUse.
#include "buffer/buffer.h"

#include <event2/buffer.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <memory>

#include "buffer/callbacks.h"
#include "buffer/file_segment.h"
#include "buffer/use.h"
#include "loop/loop.h"
#include "sys/door.h"

namespace {

// What the calls that answer an int can report.
std::size_t reportable(std::size_t size) noexcept {
  return std::min(size, static_cast<std::size_t>(INT_MAX));
}

int report(const ev::IoResult& result) noexcept {
  if (result.count < 0 && result.error != 0) errno = result.error;
  return static_cast<int>(result.count);
}

ev::End end_of(int at_front) noexcept { return at_front != 0 ? ev::End::front : ev::End::back; }

struct ReleaseSegment {
  void operator()(evbuffer_file_segment* segment) const noexcept { segment->release(); }
};
using OwnedSegment = std::unique_ptr<evbuffer_file_segment, ReleaseSegment>;

int set_enabled(evbuffer* buf, evbuffer_cb_entry* cb, ev_uint32_t flags, bool on) noexcept {
  if (cb == nullptr) return -1;
  ev::BufferUse use(*buf);
  if ((flags & EVBUFFER_CB_ENABLED) != 0) cb->enabled = on;
  return 0;
}

int set_flags(evbuffer* buf, ev_uint64_t flags, bool on) noexcept {
  ev::BufferUse use(*buf);
  if ((flags & EVBUFFER_FLAG_DRAINS_TO_FD) != 0) buf->set_drains_to_fd(on);
  return 0;
}

}  // namespace

extern "C" {

evbuffer* evbuffer_new(void) {
  return ev::made_or_null([] { return new evbuffer(); });
}

void evbuffer_free(evbuffer* buf) {
  if (buf != nullptr) evbuffer::destroy(buf);
}

int evbuffer_enable_locking(evbuffer* buf, void* lock) {
  if (buf->has_lock() || (lock == nullptr && !ev::threads_enabled())) return -1;
  return ev::status(
      [&] { buf->enable_locking(lock != nullptr ? ev::Lock::borrow(lock) : ev::Lock::make()); });
}

void evbuffer_lock(evbuffer* buf) { buf->lock().lock(); }

void evbuffer_unlock(evbuffer* buf) { buf->lock().unlock(); }

int evbuffer_set_flags(evbuffer* buf, ev_uint64_t flags) { return set_flags(buf, flags, true); }

int evbuffer_clear_flags(evbuffer* buf, ev_uint64_t flags) { return set_flags(buf, flags, false); }

int evbuffer_set_max_read(evbuffer* buf, size_t max) {
  ev::BufferUse use(*buf);
  return ev::status([&] { return buf->set_max_read(max); });
}

size_t evbuffer_get_max_read(evbuffer* buf) {
  ev::BufferUse use(*buf);
  return buf->max_read();
}

size_t evbuffer_get_length(const evbuffer* buf) {
  ev::BufferUse use(*buf);
  return buf->size();
}

size_t evbuffer_get_contiguous_space(const evbuffer* buf) {
  ev::BufferUse use(*buf);
  return buf->contiguous_size();
}

int evbuffer_expand(evbuffer* buf, size_t datlen) {
  ev::BufferUse use(*buf);
  return ev::status([&] { return buf->expand(datlen); });
}

int evbuffer_reserve_space(evbuffer* buf, ev_ssize_t size, evbuffer_iovec* vec, int n_vec) {
  ev::BufferUse use(*buf);
  return ev::value_or(-1, [&] { return buf->reserve(size, vec, n_vec); });
}

int evbuffer_commit_space(evbuffer* buf, evbuffer_iovec* vec, int n_vecs) {
  ev::BufferUse use(*buf);
  return ev::status([&] { return buf->commit(vec, n_vecs); });
}

int evbuffer_add(evbuffer* buf, const void* data, size_t datlen) {
  ev::BufferUse use(*buf);
  return ev::status([&] { return buf->append(data, datlen); });
}

int evbuffer_remove(evbuffer* buf, void* data, size_t datlen) {
  ev::BufferUse use(*buf);
  return static_cast<int>(buf->remove(data, reportable(datlen)));
}

ev_ssize_t evbuffer_copyout(evbuffer* buf, void* data_out, size_t datlen) {
  ev::BufferUse use(*buf);
  return buf->copy_out(data_out, datlen);
}

ev_ssize_t evbuffer_copyout_from(evbuffer* buf, const evbuffer_ptr* pos, void* data_out,
                                 size_t datlen) {
  ev::BufferUse use(*buf);
  return pos != nullptr ? buf->copy_out_from(*pos, data_out, datlen)
                        : buf->copy_out(data_out, datlen);
}

int evbuffer_remove_buffer(evbuffer* src, evbuffer* dst, size_t datlen) {
  ev::BufferPairUse use(*src, *dst);
  return ev::value_or(-1,
                      [&] { return static_cast<int>(src->remove_to(*dst, reportable(datlen))); });
}

char* evbuffer_readln(evbuffer* buffer, size_t* n_read_out, evbuffer_eol_style eol_style) {
  ev::BufferUse use(*buffer);
  return ev::made_or_null([&] { return buffer->read_line(n_read_out, eol_style); });
}

int evbuffer_add_buffer(evbuffer* outbuf, evbuffer* inbuf) {
  ev::BufferPairUse use(*outbuf, *inbuf);
  return ev::status([&] { return outbuf->append_buffer(*inbuf); });
}

int evbuffer_add_buffer_reference(evbuffer* outbuf, evbuffer* inbuf) {
  ev::BufferPairUse use(*outbuf, *inbuf);
  return ev::status([&] { return outbuf->append_shared(*inbuf); });
}

int evbuffer_add_reference(evbuffer* outbuf, const void* data, size_t datlen,
                           evbuffer_ref_cleanup_cb cleanupfn, void* cleanupfn_arg) {
  ev::BufferUse use(*outbuf);
  return ev::status(
      [&] { return outbuf->append_reference(data, datlen, cleanupfn, cleanupfn_arg); });
}

int evbuffer_add_file(evbuffer* outbuf, int fd, ev_off_t offset, ev_off_t length) {
  ev::BufferUse use(*outbuf);
  return ev::status([&] {
    const OwnedSegment segment(evbuffer_file_segment::make(fd, offset, length, 0));
    if (segment == nullptr || !outbuf->append_file(*segment, 0, -1)) return false;
    // Only now: after a failure the descriptor is still the caller's.
    segment->close_on_free();
    return true;
  });
}

evbuffer_file_segment* evbuffer_file_segment_new(int fd, ev_off_t offset, ev_off_t length,
                                                 unsigned flags) {
  return ev::made_or_null([&] { return evbuffer_file_segment::make(fd, offset, length, flags); });
}

void evbuffer_file_segment_free(evbuffer_file_segment* seg) {
  if (seg != nullptr) seg->release();
}

void evbuffer_file_segment_add_cleanup_cb(evbuffer_file_segment* seg,
                                          evbuffer_file_segment_cleanup_cb cb, void* arg) {
  seg->set_cleanup(cb, arg);
}

int evbuffer_add_file_segment(evbuffer* buf, evbuffer_file_segment* seg, ev_off_t offset,
                              ev_off_t length) {
  ev::BufferUse use(*buf);
  return ev::status([&] { return buf->append_file(*seg, offset, length); });
}

int evbuffer_add_printf(evbuffer* buf, const char* fmt, ...) {
  va_list arguments;
  va_start(arguments, fmt);
  const int size = evbuffer_add_vprintf(buf, fmt, arguments);
  va_end(arguments);
  return size;
}

int evbuffer_add_vprintf(evbuffer* buf, const char* fmt, va_list ap) {
  ev::BufferUse use(*buf);
  return ev::value_or(-1, [&] { return buf->append_format(fmt, ap); });
}

int evbuffer_drain(evbuffer* buf, size_t len) {
  ev::BufferUse use(*buf);
  return ev::status([&] { return buf->drain(len); });
}

int evbuffer_write(evbuffer* buffer, evutil_socket_t fd) {
  return evbuffer_write_atmost(buffer, fd, -1);
}

int evbuffer_write_atmost(evbuffer* buffer, evutil_socket_t fd, ev_ssize_t howmuch) {
  ev::BufferUse use(*buffer);
  const ev_ssize_t most = howmuch < 0 ? INT_MAX : std::min<ev_ssize_t>(howmuch, INT_MAX);
  return report(buffer->write(fd, most));
}

int evbuffer_read(evbuffer* buffer, evutil_socket_t fd, int howmuch) {
  ev::BufferUse use(*buffer);
  return ev::value_or(-1, [&] { return report(buffer->read(fd, howmuch)); });
}

evbuffer_ptr evbuffer_search(evbuffer* buffer, const char* what, size_t len,
                             const evbuffer_ptr* start) {
  return evbuffer_search_range(buffer, what, len, start, nullptr);
}

evbuffer_ptr evbuffer_search_range(evbuffer* buffer, const char* what, size_t len,
                                   const evbuffer_ptr* start, const evbuffer_ptr* end) {
  ev::BufferUse use(*buffer);
  return buffer->search(what, len, start, end);
}

int evbuffer_ptr_set(evbuffer* buffer, evbuffer_ptr* ptr, size_t position, evbuffer_ptr_how how) {
  ev::BufferUse use(*buffer);
  return buffer->set_position(*ptr, position, how) ? 0 : -1;
}

evbuffer_ptr evbuffer_search_eol(evbuffer* buffer, evbuffer_ptr* start, size_t* eol_len_out,
                                 evbuffer_eol_style eol_style) {
  ev::BufferUse use(*buffer);
  return buffer->search_end_of_line(start, eol_len_out, eol_style);
}

int evbuffer_peek(evbuffer* buffer, ev_ssize_t len, evbuffer_ptr* start_at, evbuffer_iovec* vec_out,
                  int n_vec) {
  ev::BufferUse use(*buffer);
  return buffer->peek(vec_out, n_vec, len, start_at);
}

evbuffer_cb_entry* evbuffer_add_cb(evbuffer* buffer, evbuffer_cb_func cb, void* cbarg) {
  ev::BufferUse use(*buffer);
  return ev::made_or_null([&] { return buffer->add_callback(cb, cbarg); });
}

int evbuffer_remove_cb_entry(evbuffer* buffer, evbuffer_cb_entry* ent) {
  ev::BufferUse use(*buffer);
  return buffer->remove_callback(ent) ? 0 : -1;
}

int evbuffer_remove_cb(evbuffer* buffer, evbuffer_cb_func cb, void* cbarg) {
  ev::BufferUse use(*buffer);
  return buffer->remove_callback(cb, cbarg) ? 0 : -1;
}

int evbuffer_cb_set_flags(evbuffer* buffer, evbuffer_cb_entry* cb, ev_uint32_t flags) {
  return set_enabled(buffer, cb, flags, true);
}

int evbuffer_cb_clear_flags(evbuffer* buffer, evbuffer_cb_entry* cb, ev_uint32_t flags) {
  return set_enabled(buffer, cb, flags, false);
}

unsigned char* evbuffer_pullup(evbuffer* buf, ev_ssize_t size) {
  ev::BufferUse use(*buf);
  return reinterpret_cast<unsigned char*>(ev::made_or_null([&] { return buf->pull_up(size); }));
}

int evbuffer_prepend(evbuffer* buf, const void* data, size_t size) {
  ev::BufferUse use(*buf);
  return ev::status([&] { return buf->prepend(data, size); });
}

int evbuffer_prepend_buffer(evbuffer* dst, evbuffer* src) {
  ev::BufferPairUse use(*dst, *src);
  return ev::status([&] { return dst->prepend_buffer(*src); });
}

int evbuffer_freeze(evbuffer* buf, int at_front) {
  ev::BufferUse use(*buf);
  buf->freeze(end_of(at_front));
  return 0;
}

int evbuffer_unfreeze(evbuffer* buf, int at_front) {
  ev::BufferUse use(*buf);
  buf->unfreeze(end_of(at_front));
  return 0;
}

int evbuffer_defer_callbacks(evbuffer* buffer, event_base* base) {
  if (base == nullptr) return -1;
  ev::BufferUse use(*buffer);
  const auto middle = static_cast<std::uint8_t>(base->priorities() / 2);
  return ev::status([&] { buffer->defer_callbacks(*base, middle); });
}

size_t evbuffer_add_iovec(evbuffer* buffer, evbuffer_iovec* vec, int n_vec) {
  ev::BufferUse use(*buffer);
  return ev::value_or(std::size_t{0}, [&] { return buffer->append_vectors(vec, n_vec); });
}

}  // extern "C"

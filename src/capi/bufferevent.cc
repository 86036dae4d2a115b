// The C functions of event2/bufferevent.h, in its order; those about limits are in
// bufferevent_limits.cc.
#include <event2/bufferevent.h>

#include <cerrno>

#include "buffer/use.h"
#include "capi/current_base.h"
#include "capi/stream_door.h"
#include "stream/fd_stream.h"
#include "stream/filter.h"
#include "stream/pair.h"
#include "stream/socket_stream.h"
#include "sys/log.h"

using ev::Hold;
using ev::on_stream;
using ev::Stream;

namespace {

// Unlocked callbacks run from the loop's own stack, or they would run in the middle of the
// caller's. A stream cannot be safe for threads before there are locks.
bool options_make_sense(int options) {
  const bool unlock = (options & BEV_OPT_UNLOCK_CALLBACKS) != 0;
  const bool defer = (options & BEV_OPT_DEFER_CALLBACKS) != 0;
  const bool thread_safe = (options & BEV_OPT_THREADSAFE) != 0;
  if (unlock && !defer) ev::log_warn("BEV_OPT_UNLOCK_CALLBACKS needs BEV_OPT_DEFER_CALLBACKS");
  return (!unlock || defer) && (!thread_safe || ev::threads_enabled());
}

// The socket is the lowest layer's, whose lock is that of the whole stack.
template <class Connect>
int connect_lowest(bufferevent* bev, Connect connect) noexcept {
  return on_stream(bev, [&](Stream& top) {
    ev::FdStream* stream = top.lowest().as_fd_stream();
    if (stream == nullptr) return errno = EINVAL, false;
    top.link_layers();  // their timeouts count meanwhile
    return connect(*stream);
  });
}

}  // namespace

bufferevent* bufferevent_socket_new(event_base* base, evutil_socket_t fd, int options) {
  event_base* loop = base != nullptr ? base : ev::current_base;
  if (loop == nullptr || !options_make_sense(options)) return errno = EINVAL, nullptr;
  return ev::made_or_null([&] { return ev::new_socket_stream(*loop, fd, options); });
}

int bufferevent_socket_connect(bufferevent* bev, const sockaddr* address, int length) {
  return connect_lowest(bev, [&](ev::FdStream& it) { return it.connect(address, length); });
}

int bufferevent_socket_connect_hostname(bufferevent* bev, evdns_base* dns, int family,
                                        const char* host, int port) {
  evutil_addrinfo hints{};
  hints.ai_family = family;
  hints.ai_protocol = IPPROTO_TCP;
  hints.ai_socktype = SOCK_STREAM;
  return bufferevent_socket_connect_hostname_hints(bev, dns, &hints, host, port);
}

int bufferevent_socket_connect_hostname_hints(bufferevent* bev, evdns_base*,
                                              const evutil_addrinfo* hints, const char* host,
                                              int port) {
  if (hints == nullptr) return ev::refused();
  return connect_lowest(bev,
                        [&](ev::FdStream& it) { return it.connect_hostname(*hints, host, port); });
}

int bufferevent_socket_get_dns_error(bufferevent* bev) {
  if (bev == nullptr) return ev::refused();
  Hold hold(Stream::of(bev));
  return Stream::of(bev).lowest().dns_error();
}

int bufferevent_base_set(event_base* base, bufferevent* bev) {
  if (base == nullptr) return ev::refused();
  return on_stream(bev, [&](Stream& stream) { return stream.set_base(*base); });
}

event_base* bufferevent_get_base(bufferevent* bev) {
  return bev == nullptr ? nullptr : bev->ev_base;
}

int bufferevent_priority_set(bufferevent* bev, int priority) {
  return on_stream(bev, [&](Stream& stream) { return stream.set_priority(priority); });
}

int bufferevent_get_priority(const bufferevent* bev) {
  return bev == nullptr ? -1 : Stream::of(const_cast<bufferevent*>(bev)).priority();
}

void bufferevent_free(bufferevent* bev) {
  if (bev == nullptr) return;
  Stream::of(bev).lock().lock();
  Stream::of(bev).free_and_unlock();
}

void bufferevent_setcb(bufferevent* bev, bufferevent_data_cb read, bufferevent_data_cb write,
                       bufferevent_event_cb event, void* arg) {
  on_stream(bev, [&](Stream& stream) { stream.set_callbacks(read, write, event, arg); });
}

void bufferevent_getcb(bufferevent* bev, bufferevent_data_cb* read, bufferevent_data_cb* write,
                       bufferevent_event_cb* event, void** arg) {
  on_stream(bev, [&](Stream& stream) {
    if (read != nullptr) *read = stream.readcb;
    if (write != nullptr) *write = stream.writecb;
    if (event != nullptr) *event = stream.errorcb;
    if (arg != nullptr) *arg = stream.cbarg;
  });
}

int bufferevent_setfd(bufferevent* bev, evutil_socket_t fd) {
  return on_stream(bev, [&](Stream& stream) { return stream.set_fd(fd); });
}

int bufferevent_replacefd(bufferevent* bev, evutil_socket_t fd) {
  return on_stream(bev, [&](Stream& stream) {
    const int old = stream.fd();
    if (!stream.set_fd(fd)) return false;
    if (old >= 0 && old != fd) evutil_closesocket(old);
    return true;
  });
}

evutil_socket_t bufferevent_getfd(bufferevent* bev) {
  if (bev == nullptr) return ev::refused();
  Hold hold(Stream::of(bev));
  return Stream::of(bev).fd();
}

bufferevent* bufferevent_get_underlying(bufferevent* bev) {
  if (bev == nullptr) return nullptr;
  Hold hold(Stream::of(bev));
  return Stream::of(bev).underlying();
}

int bufferevent_write(bufferevent* bev, const void* data, size_t size) {
  return ev::write_to_stream(
      bev, [&](Stream& stream) { return stream.append_output(data, size); },
      [&](ev::Mailbox& mailbox) { return mailbox.post(data, size); });
}

int bufferevent_write_buffer(bufferevent* bev, evbuffer* buffer) {
  if (buffer == nullptr) return ev::refused();
  const ev::BufferUse use(*buffer);  // the stream's lock is only tried behind it
  return ev::write_to_stream(
      bev,
      [&](Stream& stream) {
        if (!stream.output_has_room(buffer->size())) return errno = ENOBUFS, false;
        return stream.output->append_buffer(*buffer);
      },
      [&](ev::Mailbox& mailbox) { return mailbox.post(*buffer); });
}

size_t bufferevent_read(bufferevent* bev, void* data, size_t size) {
  if (bev == nullptr) return 0;
  Hold hold(Stream::of(bev));
  return static_cast<size_t>(bev->input->remove(data, size));
}

int bufferevent_read_buffer(bufferevent* bev, evbuffer* buffer) {
  if (buffer == nullptr) return ev::refused();
  return on_stream(bev, [&](Stream& stream) {
    const ev::BufferUse use(*buffer);
    return buffer->append_buffer(*stream.input);
  });
}

evbuffer* bufferevent_get_input(bufferevent* bev) { return bev == nullptr ? nullptr : bev->input; }

evbuffer* bufferevent_get_output(bufferevent* bev) {
  return bev == nullptr ? nullptr : bev->output;
}

int bufferevent_enable(bufferevent* bev, short event) {
  return on_stream(bev, [&](Stream& stream) { return stream.enable(event); });
}

int bufferevent_disable(bufferevent* bev, short event) {
  return on_stream(bev, [&](Stream& stream) { return stream.disable(event); });
}

short bufferevent_get_enabled(bufferevent* bev) {
  if (bev == nullptr) return 0;
  Hold hold(Stream::of(bev));
  return bev->enabled;
}

int bufferevent_set_timeouts(bufferevent* bev, const timeval* read, const timeval* write) {
  return on_stream(bev, [&](Stream& stream) { stream.set_timeouts(read, write); });
}

void bufferevent_setwatermark(bufferevent* bev, short events, size_t low, size_t high) {
  on_stream(bev, [&](Stream& stream) { stream.set_watermarks(events, low, high); });
}

int bufferevent_getwatermark(bufferevent* bev, short events, size_t* low, size_t* high) {
  if (events != EV_READ && events != EV_WRITE) return ev::refused();
  return on_stream(bev, [&](Stream& stream) {
    const event_watermark& mark = events == EV_READ ? stream.wm_read : stream.wm_write;
    if (low != nullptr) *low = mark.low;
    if (high != nullptr) *high = mark.high;
  });
}

void bufferevent_lock(bufferevent* bev) {
  if (bev == nullptr) return;
  Stream::of(bev).lock().lock();
  Stream::of(bev).retain();
}

void bufferevent_unlock(bufferevent* bev) {
  if (bev != nullptr) Stream::of(bev).release_and_unlock();
}

void bufferevent_incref(bufferevent* bev) {
  on_stream(bev, [](Stream& stream) { stream.retain(); });
}

int bufferevent_decref(bufferevent* bev) {
  if (bev == nullptr) return 0;
  Stream::of(bev).lock().lock();
  return Stream::of(bev).release_and_unlock() ? 1 : 0;
}

int bufferevent_flush(bufferevent* bev, short iotype, bufferevent_flush_mode mode) {
  if (bev == nullptr) return ev::refused();
  Hold hold(Stream::of(bev));
  return ev::value_or(-1, [&] { return Stream::of(bev).flush(iotype, mode); });
}

void bufferevent_trigger(bufferevent* bev, short iotype, int options) {
  on_stream(bev, [&](Stream& stream) { stream.trigger(iotype, options); });
}

void bufferevent_trigger_event(bufferevent* bev, short what, int options) {
  on_stream(bev, [&](Stream& stream) { stream.trigger_event(what, options); });
}

bufferevent* bufferevent_filter_new(bufferevent* underlying, bufferevent_filter_cb input_filter,
                                    bufferevent_filter_cb output_filter, int options,
                                    void (*free_context)(void*), void* context) {
  // It has the lock of what lies underneath, and that has none before there are any.
  if (!ev::threads_enabled()) options &= ~BEV_OPT_THREADSAFE;
  if (underlying == nullptr || !options_make_sense(options)) return errno = EINVAL, nullptr;
  return ev::made_or_null([&] {
    return ev::new_filter(Stream::of(underlying),
                          {input_filter, output_filter, free_context, context}, options);
  });
}

int bufferevent_pair_new(event_base* base, int options, bufferevent* pair[2]) {
  options |= BEV_OPT_DEFER_CALLBACKS;
  if (base == nullptr || pair == nullptr || !options_make_sense(options)) return ev::refused();
  return ev::status([&] { ev::new_pair(*base, options, pair); });
}

bufferevent* bufferevent_pair_get_partner(bufferevent* bev) {
  if (bev == nullptr) return nullptr;
  Hold hold(Stream::of(bev));
  return Stream::of(bev).partner();
}

// The C functions of event2/bevel.h, in its order.
#include <event2/bevel.h>

#include <cerrno>

#include "capi/stream_door.h"
#include "stream/pair.h"
#include "stream/pipe.h"

using ev::on_stream;
using ev::Stream;

namespace {

// Bytes would go round and round between them.
bool are_ends_of_one_stream(Stream& a, Stream& b) {
  return &a.lowest() == &b.lowest() || a.lowest().partner() == &b.lowest();
}

void free_stream(bufferevent* bev, bevel_shutdown_outcome, void*) { bufferevent_free(bev); }

// How long a stream that nobody owns any more may take to say goodbye.
constexpr timeval farewell_time{30, 0};

}  // namespace

int bevel_shutdown(bufferevent* bev, short how, const timeval* timeout, bevel_shutdown_cb done,
                   void* arg) {
  if ((how & EV_WRITE) == 0 || (how & ~(EV_READ | EV_WRITE)) != 0) return ev::refused();
  const bool wait_for_peer = (how & EV_READ) != 0;
  return on_stream(
      bev, [&](Stream& stream) { return stream.shut_down(wait_for_peer, timeout, done, arg); });
}

void bevel_free_when_flushed(bufferevent* bev) {
  if (bev == nullptr) return;
  const int begun = on_stream(bev, [](Stream& stream) {
    if (stream.carries_another()) return false;
    stream.drop_callbacks();
    stream.end_shutdown();
    if (!stream.shut_down(true, &farewell_time, free_stream, nullptr)) return false;
    stream.leave_to_shutdown();
    return true;
  });
  if (begun != 0) bufferevent_free(bev);
}

int bevel_set_drain_cb(bufferevent* bev, bevel_drain_cb callback, void* arg) {
  return on_stream(bev, [&](Stream& stream) { stream.set_drain_callback(callback, arg); });
}

int bevel_set_output_limit(bufferevent* bev, size_t bytes) {
  return on_stream(bev, [&](Stream& stream) { stream.set_output_limit(bytes); });
}

int bevel_pipe(bufferevent* a, bufferevent* b, int flags, bevel_pipe_cb done, void* arg) {
  if (a == nullptr || b == nullptr || a->ev_base != b->ev_base) return ev::refused();
  if ((flags & ~BEVEL_PIPE_CLOSE_ON_END) != 0) return ev::refused();
  Stream& first = Stream::of(a);
  Stream& second = Stream::of(b);
  const bool in_order = first.lock().comes_before(second.lock());
  return on_stream(in_order ? a : b, [&](Stream&) {
    const ev::Hold hold(in_order ? second : first);
    const bool are_tops = first.may_carry() && second.may_carry();
    if (!are_tops || are_ends_of_one_stream(first, second)) return errno = EINVAL, false;
    if (first.has_owner_of_callbacks() || second.has_owner_of_callbacks()) {
      return errno = EALREADY, false;
    }
    ev::splice(first, second, flags, done, arg);
    return true;
  });
}

int bevel_pair_new(event_base* first, event_base* second, int options, int flags,
                   bufferevent* pair[2]) {
  if (first == nullptr || second == nullptr || pair == nullptr) return ev::refused();
  if ((flags & ~BEVEL_PAIR_EOF_ON_FREE) != 0) return ev::refused();
  if (first != second) options |= BEV_OPT_THREADSAFE | BEV_OPT_UNLOCK_CALLBACKS;
  if ((options & BEV_OPT_THREADSAFE) != 0 && !ev::threads_enabled()) return ev::refused();
  const ev::PairOptions extra{(flags & BEVEL_PAIR_EOF_ON_FREE) != 0};
  return ev::status(
      [&] { ev::new_pair(*first, *second, options | BEV_OPT_DEFER_CALLBACKS, extra, pair); });
}

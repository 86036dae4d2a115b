// The door for C calls on a bufferevent: refuse null, lock, hold, and turn failures into -1.
#pragma once

#include <cerrno>

#include "stream/stream.h"
#include "sys/door.h"

namespace ev {

inline int refused() noexcept {
  errno = EINVAL;
  return -1;
}

template <class Call>
int on_stream(bufferevent* bev, Call call) noexcept {
  if (bev == nullptr) return refused();
  Stream& stream = Stream::of(bev);
  Hold hold(stream);
  return status([&] { return call(stream); });
}

// Writing does not wait for a stream that is busy in another thread: `post(mailbox)` leaves the
// bytes for its loop.
template <class Write, class Post>
int write_to_stream(bufferevent* bev, Write write, Post post) noexcept {
  if (bev == nullptr) return refused();
  Stream& stream = Stream::of(bev);
  if (!stream.lock().try_lock()) return status([&] { return post(*stream.mailbox()); });
  const Hold hold(stream, std::adopt_lock);
  return status([&] {
    stream.deliver_mail();
    return write(stream);
  });
}

}  // namespace ev

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

}  // namespace ev

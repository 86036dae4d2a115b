// The second door into a stream: everything that the loop calls. Locks, holds a reference, and
// turns "no memory" into an error event.
#pragma once

#include <cerrno>
#include <new>

#include "stream/stream.h"

namespace ev {

template <class Call>
void from_loop(Stream& stream, Call call) noexcept {
  stream.lock().lock();
  if (stream.is_dead()) {  // freed by another thread; its end is queued behind us
    stream.lock().unlock();
    return;
  }
  const Hold hold(stream, std::adopt_lock);
  try {
    call();
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    stream.trigger_event(BEV_EVENT_ERROR, 0);
  }
}

}  // namespace ev

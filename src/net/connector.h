// Connects to the first address of a list that answers (Happy Eyeballs, RFC 8305): addresses of
// both families take turns, the next attempt starts when one fails or when it is slow, the first
// success closes the others.
#pragma once

#include <netdb.h>

#include "sys/clock.h"

struct event_base;

namespace ev {

using Loop = ::event_base;

// `fd` >= 0 is connected, non-blocking and now the callee's; otherwise `error` (errno) tells why
// the most telling attempt failed, ETIMEDOUT after the deadline. Runs in the loop's thread with no
// lock held, never from inside start().
using Connected = void (*)(int fd, int error, void* argument);

struct ConnectorTiming {
  Duration attempt_delay = std::chrono::milliseconds(250);  // RFC 8305, Connection Attempt Delay
  Duration deadline = Duration::max();                      // for all attempts together; max: none
};

class Connector {
 public:
  // Takes `list` (freeaddrinfo) and starts the first attempt. An empty list fails like one whose
  // addresses all fail: through the callback. The connector is gone when its callback has returned.
  // Throws std::bad_alloc, and then nothing has happened and the list is still the caller's.
  static Connector* start(Loop& loop, addrinfo* list, Connected callback, void* argument,
                          const ConnectorTiming& timing = {});

  // Closes what is open and frees the connector; the callback will not run. As with
  // ev::cancel(ResolveRequest*), this does nothing while the callback runs, never waits for one,
  // and is right after the loop was freed.
  void cancel() noexcept;

  Connector(const Connector&) = delete;
  Connector& operator=(const Connector&) = delete;

 protected:
  Connector() = default;
  ~Connector() = default;
};

}  // namespace ev

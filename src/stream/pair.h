// Two bufferevents connected to each other without a socket: what is written to one arrives in the
// other.
#pragma once

struct bufferevent;
struct event_base;

namespace ev {

struct PairOptions {
  bool eof_on_free = false;  // the partner of a freed end sees the end of the stream
};

// Both ends on one loop. Callbacks are always deferred. Throws std::bad_alloc, and then `pair` is
// untouched.
void new_pair(event_base& loop, int options, bufferevent* pair[2]);

// The ends on two loops, which may run in two threads (then with BEV_OPT_THREADSAFE).
void new_pair(event_base& first, event_base& second, int options, PairOptions extra,
              bufferevent* pair[2]);

}  // namespace ev

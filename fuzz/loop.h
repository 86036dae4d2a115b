// Running an event loop to its rest, and small helpers around its streams.
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

#include <string>

#include "input.h"

namespace fuzz {

// Runs until nothing is left to do. No target uses timeouts or descriptors, so whatever goes on for
// longer than its bytes could keep it busy is a loop that spins.
inline void settle(event_base* base) {
  constexpr int most_turns = 300000;
  for (int turn = 0; turn < most_turns; ++turn) {
    if (event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK) == 1) return;
  }
  demand(false);
}

inline std::string take_all(evbuffer* buffer) {
  std::string bytes(evbuffer_get_length(buffer), '\0');
  const int count = evbuffer_remove(buffer, bytes.data(), bytes.size());
  demand(count == static_cast<int>(bytes.size()));
  return bytes;
}

inline std::string take_input(bufferevent* bev) { return take_all(bufferevent_get_input(bev)); }

inline std::size_t input_size(bufferevent* bev) {
  return evbuffer_get_length(bufferevent_get_input(bev));
}
inline std::size_t output_size(bufferevent* bev) {
  return evbuffer_get_length(bufferevent_get_output(bev));
}

}  // namespace fuzz

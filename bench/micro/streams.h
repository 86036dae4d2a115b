// Two connected streams in one process, for the pair and filter benchmarks.
#pragma once

#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include <array>
#include <cstdint>
#include <string>

#include "micro/support.h"

namespace bench {

using Stream = std::unique_ptr<bufferevent, Freed<bufferevent_free>>;

// A read callback that throws everything away; its argument counts the bytes.
inline void count_and_discard(bufferevent* stream, void* bytes) {
  evbuffer* input = bufferevent_get_input(stream);
  *static_cast<std::uint64_t*>(bytes) += evbuffer_get_length(input);
  evbuffer_drain(input, evbuffer_get_length(input));
}

inline std::array<Stream, 2> new_pair(event_base* base) {
  std::array<bufferevent*, 2> ends{};
  if (bufferevent_pair_new(base, 0, ends.data()) != 0) std::abort();
  return {Stream(ends[0]), Stream(ends[1])};
}

inline void enable(bufferevent* stream, bufferevent_data_cb on_read, void* arg) {
  bufferevent_setcb(stream, on_read, nullptr, nullptr, arg);
  bufferevent_enable(stream, EV_READ | EV_WRITE);
}

enum class Write { copied, referenced };

// Writes `per_turn` messages of `size` bytes into `from`, then turns the loop until they have
// arrived at the other end, where `arrived` is counted up.
inline void run_turns(benchmark::State& state, event_base* base, bufferevent* from,
                      const std::uint64_t& arrived, Write how) {
  const std::string message(static_cast<std::size_t>(state.range(0)), 'x');
  const auto per_turn = state.range(1);
  std::uint64_t expected = 0;
  for (auto _ : state) {
    for (std::int64_t i = 0; i < per_turn; ++i) {
      if (how == Write::copied) {
        bufferevent_write(from, message.data(), message.size());
      } else {
        evbuffer_add_reference(bufferevent_get_output(from), message.data(), message.size(),
                               nullptr, nullptr);
      }
    }
    expected += message.size() * static_cast<std::uint64_t>(per_turn);
    event_base_loop(base, EVLOOP_NONBLOCK);
    while (arrived < expected) event_base_loop(base, EVLOOP_ONCE);
  }
  set_items(state, per_turn);
}

}  // namespace bench

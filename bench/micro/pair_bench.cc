// Question: what does one write through a bufferevent pair cost (write, transfer, read callback,
// drain), and how far is that from copying the bytes in and out?

#include <cstring>
#include <vector>

#include "micro/streams.h"

namespace bench {
namespace {

void run_pair(benchmark::State& state, Write how) {
  const Base base = new_base();
  const auto ends = new_pair(base.get());
  std::uint64_t arrived = 0;
  enable(ends[0].get(), nullptr, nullptr);
  enable(ends[1].get(), count_and_discard, &arrived);
  run_turns(state, base.get(), ends[0].get(), arrived, how);
}

void pair(benchmark::State& state) { run_pair(state, Write::copied); }
void pair_reference(benchmark::State& state) { run_pair(state, Write::referenced); }

// Inside one run of the loop: each end sends back what it gets.
void pair_ping_pong(benchmark::State& state) {
  struct Game {
    event_base* base;
    int left;
  };
  constexpr int hops = 1000;
  const Base base = new_base();
  const auto ends = new_pair(base.get());
  Game game{base.get(), 0};
  const auto send_back = [](bufferevent* stream, void* arg) {
    Game& self = *static_cast<Game*>(arg);
    bufferevent_write_buffer(stream, bufferevent_get_input(stream));
    if (--self.left == 0) event_base_loopbreak(self.base);
  };
  for (const Stream& end : ends) enable(end.get(), send_back, &game);
  const std::string message(static_cast<std::size_t>(state.range(0)), 'x');
  bufferevent_write(ends[0].get(), message.data(), message.size());
  for (auto _ : state) {
    game.left = hops;
    event_base_loop(base.get(), EVLOOP_NO_EXIT_ON_EMPTY);
  }
  set_items(state, hops);
}

// As many messages as one turn carries, copied into memory; nobody copies them out, as the reader
// drains.
void memcpy_limit(benchmark::State& state) {
  const auto size = static_cast<std::size_t>(state.range(0));
  const auto per_turn = static_cast<std::size_t>(state.range(1));
  const std::vector<char> message(size, 'x');
  std::vector<char> space(size * per_turn);
  for (auto _ : state) {
    for (std::size_t i = 0; i < per_turn; ++i) {
      std::memcpy(space.data() + i * size, message.data(), size);
      benchmark::ClobberMemory();
    }
  }
  set_items(state, state.range(1));
}

void shapes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Args({64, 1})->Args({64, 16})->Args({4096, 1})->Args({4096, 16});
  benchmark->Args({65536, 1})->Args({65536, 16});
}

BENCHMARK(pair)->Apply(shapes);
BENCHMARK(pair_reference)->Args({65536, 1})->Args({65536, 16});
BENCHMARK(pair_ping_pong)->Arg(64)->Arg(4096);
BENCHMARK(memcpy_limit)->Apply(shapes);

}  // namespace
}  // namespace bench

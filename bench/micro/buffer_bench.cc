// Question: what does each common operation on an evbuffer cost, and what does a search over 62 KiB
// cost at best and at worst?

#include <event2/buffer.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <string>

#include "micro/support.h"

namespace {

using bench::set_items;
using Buffer = std::unique_ptr<evbuffer, bench::Freed<evbuffer_free>>;

constexpr std::size_t message_size = 64;
constexpr std::size_t haystack_size = 62 * 1024;

Buffer new_buffer() { return Buffer(evbuffer_new()); }

void drain_all(evbuffer* buffer) { evbuffer_drain(buffer, evbuffer_get_length(buffer)); }

void copies_alone_limit(benchmark::State& state) {
  std::array<char, message_size> message{}, between{}, out{};
  for (auto _ : state) {
    std::memcpy(between.data(), message.data(), message_size);
    benchmark::DoNotOptimize(between);
    std::memcpy(out.data(), between.data(), message_size);
    benchmark::DoNotOptimize(out);
  }
  set_items(state);
}

void add_remove(benchmark::State& state) {
  const Buffer buffer = new_buffer();
  std::string message(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) {
    evbuffer_add(buffer.get(), message.data(), message.size());
    evbuffer_remove(buffer.get(), message.data(), message.size());
  }
  set_items(state);
}

void add_256_times_then_drain(benchmark::State& state) {
  const Buffer buffer = new_buffer();
  const std::array<char, message_size> message{};
  for (auto _ : state) {
    for (int i = 0; i < 256; ++i) evbuffer_add(buffer.get(), message.data(), message.size());
    drain_all(buffer.get());
  }
  set_items(state, 256);
}

void add_then_add_buffer_then_drain(benchmark::State& state) {
  const Buffer from = new_buffer(), to = new_buffer();
  const std::array<char, message_size> message{};
  for (auto _ : state) {
    evbuffer_add(from.get(), message.data(), message.size());
    evbuffer_add_buffer(to.get(), from.get());
    drain_all(to.get());
  }
  set_items(state);
}

void new_free(benchmark::State& state) {
  for (auto _ : state) evbuffer_free(evbuffer_new());
  set_items(state);
}

void add_reference_then_drain(benchmark::State& state) {
  const Buffer buffer = new_buffer();
  const std::array<char, message_size> message{};
  for (auto _ : state) {
    evbuffer_add_reference(buffer.get(), message.data(), message.size(), nullptr, nullptr);
    drain_all(buffer.get());
  }
  set_items(state);
}

void add_printf_then_drain(benchmark::State& state) {
  const Buffer buffer = new_buffer();
  int length = 0;
  for (auto _ : state) {
    evbuffer_add_printf(buffer.get(), "%s: %d\r\n", "Content-Length", ++length);
    drain_all(buffer.get());
  }
  set_items(state);
}

void readln(benchmark::State& state) {
  constexpr int lines = 64;
  const Buffer buffer = new_buffer();
  std::string text;
  for (int i = 0; i < lines; ++i) text += "Content-Type: text/plain\r\n";
  for (auto _ : state) {
    evbuffer_add(buffer.get(), text.data(), text.size());
    while (char* line = evbuffer_readln(buffer.get(), nullptr, EVBUFFER_EOL_CRLF)) std::free(line);
  }
  set_items(state, lines);
}

void prepend_then_drain(benchmark::State& state) {
  const Buffer buffer = new_buffer();
  const std::array<char, message_size> message{};
  for (auto _ : state) {
    evbuffer_prepend(buffer.get(), message.data(), message.size());
    drain_all(buffer.get());
  }
  set_items(state);
}

void reserve_commit_then_drain(benchmark::State& state) {
  const Buffer buffer = new_buffer();
  for (auto _ : state) {
    evbuffer_iovec space;
    evbuffer_reserve_space(buffer.get(), 4096, &space, 1);
    space.iov_len = message_size;
    evbuffer_commit_space(buffer.get(), &space, 1);
    drain_all(buffer.get());
  }
  set_items(state);
}

// One line end at the very end of 62 KiB.
void search_crlf_62k(benchmark::State& state) {
  const Buffer buffer = new_buffer();
  const std::string text = std::string(haystack_size, 'a') + "\r\n";
  evbuffer_add(buffer.get(), text.data(), text.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        evbuffer_search_eol(buffer.get(), nullptr, nullptr, EVBUFFER_EOL_CRLF_STRICT));
  }
  set_items(state);
}

// Every position of the text looks like a match for three bytes.
void search_hostile_62k(benchmark::State& state) {
  const Buffer buffer = new_buffer();
  const std::string text(haystack_size, 'a');
  evbuffer_add(buffer.get(), text.data(), text.size());
  for (auto _ : state) {
    benchmark::DoNotOptimize(evbuffer_search(buffer.get(), "aaab", 4, nullptr));
  }
  set_items(state);
}

BENCHMARK(copies_alone_limit);
BENCHMARK(add_remove)->Arg(64)->Arg(4096)->Arg(65536);
BENCHMARK(add_256_times_then_drain);
BENCHMARK(add_then_add_buffer_then_drain);
BENCHMARK(new_free);
BENCHMARK(add_reference_then_drain);
BENCHMARK(add_printf_then_drain);
BENCHMARK(readln);
BENCHMARK(prepend_then_drain);
BENCHMARK(reserve_commit_then_drain);
BENCHMARK(search_crlf_62k);
BENCHMARK(search_hostile_62k);

}  // namespace

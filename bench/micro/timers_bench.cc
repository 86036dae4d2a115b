// Question: what does it cost to add, push back and delete one of N timers with random deadlines of
// 1 to 61 seconds, the same with a common timeout, and to fire N timers spread over 100 ms?

#include <event2/event_struct.h>

#include <algorithm>
#include <random>
#include <vector>

#include "micro/support.h"

namespace {

using bench::Base;
using bench::new_base;
using bench::seconds_in_callback;
using bench::set_items;

timeval from_microseconds(long microseconds) {
  return {.tv_sec = microseconds / 1000000, .tv_usec = microseconds % 1000000};
}

// N timers, and an order to visit them in that has nothing to do with their deadlines: that of their
// addresses, or with `shuffled` none at all, which measures above all the memory of the machine.
class Timers {
 public:
  Timers(event_base* base, std::size_t count, bool shuffled = false)
      : events_(count), delays_(count), order_(count) {
    std::mt19937 random(1);
    std::uniform_int_distribution<long> delay(1000000, 61000000);
    for (std::size_t i = 0; i < count; ++i) {
      delays_[i] = from_microseconds(delay(random));
      order_[i] = static_cast<unsigned>(i);
      event_assign(
          &events_[i], base, -1, 0, [](evutil_socket_t, short, void*) {}, nullptr);
    }
    if (shuffled) std::shuffle(order_.begin(), order_.end(), random);
  }
  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;
  ~Timers() { remove_all(); }

  void add_all() {
    for (const unsigned i : order_) event_add(&events_[i], &delays_[i]);
  }
  void add_all(const timeval* same_delay) {
    for (const unsigned i : order_) event_add(&events_[i], same_delay);
  }
  void remove_all() {
    for (const unsigned i : order_) event_del(&events_[i]);
  }
  void spread_over(long microseconds) {
    const auto count = static_cast<long>(events_.size());
    for (long i = 0; i < count; ++i) {
      delays_[static_cast<std::size_t>(i)] = from_microseconds(i * microseconds / count);
    }
  }

 private:
  std::vector<event> events_;
  std::vector<timeval> delays_;
  std::vector<unsigned> order_;
};

void add(benchmark::State& state) {
  const Base base = new_base();
  Timers timers(base.get(), static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    state.SetIterationTime(seconds_in_callback(base.get(), [&] { timers.add_all(); }));
    timers.remove_all();
  }
  set_items(state, state.range(0));
}

void push_back(benchmark::State& state) {
  const Base base = new_base();
  Timers timers(base.get(), static_cast<std::size_t>(state.range(0)));
  timers.add_all();
  for (auto _ : state) {
    state.SetIterationTime(seconds_in_callback(base.get(), [&] { timers.add_all(); }));
  }
  set_items(state, state.range(0));
}

void push_back_shuffled(benchmark::State& state) {
  const Base base = new_base();
  Timers timers(base.get(), static_cast<std::size_t>(state.range(0)), true);
  timers.add_all();
  for (auto _ : state) {
    state.SetIterationTime(seconds_in_callback(base.get(), [&] { timers.add_all(); }));
  }
  set_items(state, state.range(0));
}

void remove(benchmark::State& state) {
  const Base base = new_base();
  Timers timers(base.get(), static_cast<std::size_t>(state.range(0)));
  for (auto _ : state) {
    timers.add_all();
    state.SetIterationTime(seconds_in_callback(base.get(), [&] { timers.remove_all(); }));
  }
  set_items(state, state.range(0));
}

void push_back_common(benchmark::State& state) {
  const Base base = new_base();
  const timeval delay = from_microseconds(30000000);
  const timeval* common = event_base_init_common_timeout(base.get(), &delay);
  Timers timers(base.get(), static_cast<std::size_t>(state.range(0)));
  timers.add_all(common);
  for (auto _ : state) {
    state.SetIterationTime(seconds_in_callback(base.get(), [&] { timers.add_all(common); }));
  }
  set_items(state, state.range(0));
}

// Processor time of the whole dispatch, so waiting for the last deadline costs nothing.
void fire_spread(benchmark::State& state) {
  const Base base = new_base();
  Timers timers(base.get(), static_cast<std::size_t>(state.range(0)));
  timers.spread_over(100000);
  for (auto _ : state) {
    timers.add_all();
    const double before = bench::cpu_seconds();
    event_base_dispatch(base.get());
    state.SetIterationTime(bench::cpu_seconds() - before);
  }
  set_items(state, state.range(0));
}

void sizes(benchmark::internal::Benchmark* benchmark) {
  benchmark->Arg(1000)->Arg(100000)->Arg(1000000)->UseManualTime();
}

BENCHMARK(add)->Apply(sizes);
BENCHMARK(push_back)->Apply(sizes);
BENCHMARK(push_back_shuffled)->Apply(sizes);
BENCHMARK(remove)->Apply(sizes);
BENCHMARK(push_back_common)->Apply(sizes);
BENCHMARK(fire_spread)->Apply(sizes)->Iterations(1);

}  // namespace

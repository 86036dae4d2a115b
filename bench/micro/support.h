// What the micro benchmarks share. They use the C API only, so that the same source measures the
// system's libevent and this library.
#pragma once

#include <benchmark/benchmark.h>
#include <event2/event.h>

#include <ctime>
#include <functional>
#include <memory>

namespace bench {

template <auto free_function>
struct Freed {
  template <class Object>
  void operator()(Object* object) const {
    free_function(object);
  }
};

using Base = std::unique_ptr<event_base, Freed<event_base_free>>;
using Event = std::unique_ptr<event, Freed<event_free>>;

inline Base new_base() { return Base(event_base_new()); }

// Processor time of this thread, in seconds.
inline double cpu_seconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Runs `work` inside a callback of the loop, as programs do, and returns the processor time it
// took.
inline double seconds_in_callback(event_base* base, const std::function<void()>& work) {
  struct Run {
    const std::function<void()>& work;
    double seconds = 0;
  } run{work};
  const auto callback = [](evutil_socket_t, short, void* arg) {
    Run& self = *static_cast<Run*>(arg);
    const double before = cpu_seconds();
    self.work();
    self.seconds = cpu_seconds() - before;
  };
  const timeval at_once{};
  event_base_once(base, -1, EV_TIMEOUT, callback, &run, &at_once);
  event_base_loop(base, EVLOOP_ONCE);
  return run.seconds;
}

// Every benchmark reports through this: the driver compares items per second.
inline void set_items(benchmark::State& state, std::int64_t per_iteration = 1) {
  state.SetItemsProcessed(state.iterations() * per_iteration);
}

}  // namespace bench

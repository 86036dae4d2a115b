// The measured part of a run: after a warm-up, for a fixed time. Counts what the client completes
// in it and what processor time the server spends in it.
#pragma once

#include <sys/types.h>

#include <array>
#include <chrono>
#include <cstdint>

namespace bench {

using Clock = std::chrono::steady_clock;

// Processor time of all threads of a process, in nanoseconds, as the scheduler counts it.
std::uint64_t cpu_time_of(pid_t process);

// Latencies in buckets of 1/16 of a power of two: a percentile is right to about 6 %.
class Latencies {
 public:
  void add(Clock::duration latency);
  // The upper edge of the bucket that holds this share (0 to 1) of all latencies, in microseconds.
  double percentile(double share) const;

 private:
  std::array<std::uint64_t, 64 * 16> buckets_{};
  std::uint64_t count_ = 0;
};

class Window {
 public:
  Window(double warm_up_seconds, double measured_seconds, pid_t server);

  // False when the time is over. To be called once per batch of work, since it reads the clock.
  bool open();

  // One more unit of work is complete; nothing is counted outside the measured time.
  void count(std::uint64_t bytes, Clock::time_point started);
  void count(std::uint64_t bytes);

  // One line of JSON, for the driver.
  void print() const;

 private:
  enum class Phase { warming_up, measuring, over };

  void start(Clock::time_point now);
  void finish(Clock::time_point now);

  Phase phase_ = Phase::warming_up;
  Clock::duration length_;
  Clock::time_point next_change_;
  Clock::time_point started_{};
  Clock::duration elapsed_{};
  pid_t server_;
  std::uint64_t server_cpu_ = 0;
  std::uint64_t units_ = 0;
  std::uint64_t bytes_ = 0;
  Latencies latencies_;
};

}  // namespace bench

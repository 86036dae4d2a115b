// Time. Deadlines are points on CLOCK_MONOTONIC; nothing below capi/ ever looks at the wall clock,
// and whoever can takes the time as an argument instead of asking.
#pragma once

#include <sys/time.h>
#include <time.h>

#include <chrono>
#include <cstdint>

namespace ev {

using Duration = std::chrono::nanoseconds;
using TimePoint = std::chrono::time_point<std::chrono::steady_clock, Duration>;
// Coarser, and so good for much longer.
using Deadline = std::chrono::time_point<std::chrono::steady_clock, std::chrono::microseconds>;

inline TimePoint monotonic_now() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return TimePoint(Duration(std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec));
}

// Saturates instead of overflowing: a timeval of years becomes "about 290 years".
Duration to_duration(const timeval& time) noexcept;
timeval to_timeval(Duration duration) noexcept;  // truncates to microseconds

// For the kernel's relative timeouts. Not negative.
inline timespec to_timespec(Duration duration) noexcept {
  return {duration.count() / 1'000'000'000, duration.count() % 1'000'000'000};
}

}  // namespace ev

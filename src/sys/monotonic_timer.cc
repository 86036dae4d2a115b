#include "sys/monotonic_timer.h"

void evutil_monotonic_timer::configure(int flags) noexcept {
  wall_clock_ = (flags & EV_MONOT_FALLBACK) != 0;
  offset_ = {};
  last_ = {};
}

timeval evutil_monotonic_timer::now() noexcept {
  if (!wall_clock_) return ev::to_timeval(ev::monotonic_now().time_since_epoch());
  timeval wall;
  ::gettimeofday(&wall, nullptr);
  const ev::Duration read = ev::to_duration(wall);
  if (read + offset_ < last_) offset_ = last_ - read;
  last_ = read + offset_;
  return ev::to_timeval(last_);
}

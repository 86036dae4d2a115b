#include "loop/turn_clock.h"

namespace ev {
namespace {

Duration wall_clock() noexcept {
  timeval now;
  gettimeofday(&now, nullptr);
  return to_duration(now);
}

}  // namespace

timeval TurnClock::wall_time() noexcept {
  if (!caching_) return to_timeval(wall_clock());
  const TimePoint point = now();
  return to_timeval(point.time_since_epoch() + wall_offset());
}

timeval TurnClock::wall_time_of(Deadline point) noexcept {
  using std::chrono::microseconds;
  const microseconds since_epoch =
      point.time_since_epoch() + std::chrono::floor<microseconds>(wall_offset());
  return {since_epoch.count() / 1'000'000, since_epoch.count() % 1'000'000};
}

Duration TurnClock::wall_offset() noexcept {
  if (!wall_known_) {
    wall_offset_ = wall_clock() - read_().time_since_epoch();
    wall_known_ = caching_;
  }
  return wall_offset_;
}

}  // namespace ev

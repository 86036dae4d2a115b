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
  return wall_time_of(now());
}

timeval TurnClock::wall_time_of(TimePoint point) noexcept {
  if (!wall_known_) {
    wall_offset_ = wall_clock() - read_().time_since_epoch();
    wall_known_ = caching_;
  }
  return to_timeval(point.time_since_epoch() + wall_offset_);
}

}  // namespace ev

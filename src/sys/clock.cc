#include "sys/clock.h"

namespace ev {
namespace {
constexpr std::int64_t nanoseconds_per_second = 1'000'000'000;
}  // namespace

Duration to_duration(const timeval& time) noexcept {
  constexpr std::int64_t most_seconds = Duration::max().count() / nanoseconds_per_second - 1;
  if (time.tv_sec >= most_seconds) return Duration::max();
  if (time.tv_sec <= -most_seconds) return Duration::min();
  return Duration(time.tv_sec * nanoseconds_per_second + time.tv_usec * 1000);
}

timeval to_timeval(Duration duration) noexcept {
  std::int64_t seconds = duration.count() / nanoseconds_per_second;
  std::int64_t rest = duration.count() % nanoseconds_per_second;
  if (rest < 0) {
    rest += nanoseconds_per_second;
    seconds--;
  }
  timeval result;
  result.tv_sec = seconds;
  result.tv_usec = rest / 1000;
  return result;
}

}  // namespace ev

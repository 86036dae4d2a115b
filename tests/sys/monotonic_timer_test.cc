#include "sys/monotonic_timer.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace {

long seconds_of(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return now.tv_sec;
}

TEST(MonotonicTimer, IsTheMonotonicClockWhateverTheFlags) {
  for (const int flags : {0, EV_MONOT_PRECISE, -1 & ~EV_MONOT_FALLBACK}) {
    evutil_monotonic_timer timer;
    timer.configure(flags);
    EXPECT_LE(std::labs(timer.now().tv_sec - seconds_of(CLOCK_MONOTONIC)), 1) << flags;
  }
}

TEST(MonotonicTimer, NeedsNoConfiguration) {
  evutil_monotonic_timer timer;
  EXPECT_LE(std::labs(timer.now().tv_sec - seconds_of(CLOCK_MONOTONIC)), 1);
}

TEST(MonotonicTimer, FallsBackToTheWallClock) {
  evutil_monotonic_timer timer;
  timer.configure(EV_MONOT_FALLBACK);
  EXPECT_LE(std::labs(timer.now().tv_sec - seconds_of(CLOCK_REALTIME)), 1);
}

TEST(MonotonicTimer, NeverGoesBack) {
  for (const int flags : {EV_MONOT_PRECISE, EV_MONOT_FALLBACK}) {
    evutil_monotonic_timer timer;
    timer.configure(flags);
    timeval last = timer.now();
    for (int i = 0; i < 1000; i++) {
      const timeval now = timer.now();
      EXPECT_FALSE(evutil_timercmp(&now, &last, <));
      last = now;
    }
  }
}

}  // namespace

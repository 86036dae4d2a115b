// The clock that programs get from evutil_monotonic_timer_new(). The C tag is the class. One thread
// at a time.
#pragma once

#include <event2/util.h>

#include "sys/clock.h"
#include "sys/memory.h"

struct evutil_monotonic_timer final : ev::Allocated {
 public:
  // EV_MONOT_FALLBACK follows the wall clock, held where it was while that is set back; everything
  // else is CLOCK_MONOTONIC, which is precise and no dearer than its coarse variant is worth.
  void configure(int flags) noexcept;

  // Never less than the answer before.
  timeval now() noexcept;

 private:
  bool wall_clock_ = false;
  ev::Duration offset_{};  // what the steps back of the wall clock amount to
  ev::Duration last_{};
};

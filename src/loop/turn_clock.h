// The time as the callbacks of one turn see it: read at most once between two waits. Protected by
// the loop's lock.
#pragma once

#include "sys/clock.h"
#include "sys/quick_clock.h"

namespace ev {

class TurnClock {
 public:
  using Read = TimePoint (*)();

  // `source` is monotonic_now(), or a test's own clock.
  TurnClock(Read source, bool may_cache) noexcept : read_(source), may_cache_(may_cache) {}

  TimePoint now() noexcept;
  TimePoint read() const noexcept { return read_(); }  // never cached
  // Where a delay begins: now(), or a little later when nothing is cached.
  TimePoint start_of_delay() noexcept;
  // The time of the system's clock at now(). The system's clock is asked once per turn.
  timeval wall_time() noexcept;
  // The same for a point of the monotonic clock, which may be thousands of years away.
  timeval wall_time_of(Deadline point) noexcept;

  // From here on the first time that anybody asks for is kept.
  void start_turn() noexcept {
    forget();
    caching_ = may_cache_;
  }
  void end_turn() noexcept {
    forget();
    caching_ = false;
  }
  // What is kept is out of date: read again when asked.
  void forget() noexcept {
    known_ = false;
    wall_known_ = false;
  }

 private:
  Duration wall_offset() noexcept;

  Read read_;
  bool may_cache_;
  bool caching_ = false;
  bool known_ = false;
  bool wall_known_ = false;
  TimePoint now_{};
  Duration wall_offset_{};  // what the system's clock is ahead
  QuickClock quick_;
};

inline TimePoint TurnClock::start_of_delay() noexcept {
  return caching_ || read_ != monotonic_now ? now() : quick_.now();
}

inline TimePoint TurnClock::now() noexcept {
  if (known_) return now_;
  now_ = read_();
  known_ = caching_;
  return now_;
}

}  // namespace ev

// How many tokens there are and since when more are due: the exact arithmetic under a bucket.
// Fractions of a byte are kept, so no sequence of refills, however frequent, gains or loses
// anything against one long refill.
//
//     tokens_                 may be negative: a debt, paid back before anything is granted again
//     remainder_ / tick       the fraction of the next byte that has already been earned
//     earned_until_           refilled up to here; in the future: nothing is due before
//
// A clock that stands still or steps back changes nothing.
#pragma once

#include <cstdint>

#include "limit/rate.h"

namespace ev {

class TokenLevel {
 public:
  TokenLevel(std::uint64_t tokens, TimePoint due_from)
      : tokens_(static_cast<std::int64_t>(tokens)), earned_until_(due_from) {}

  std::int64_t tokens() const { return tokens_; }
  TimePoint due_from() const { return earned_until_; }

  // Adds what came since the last call, up to `capacity`; a level above it stays as it is.
  void flow(const Rate& rate, std::uint64_t capacity, TimePoint now);
  // The same at whole ticks only, but a level above `capacity` is cut. True when a tick has passed.
  bool step(const Rate& rate, std::uint64_t capacity, TimePoint now);

  void add(std::int64_t tokens);  // negative: takes away; stops at the limits of the type
  void clip(std::uint64_t capacity);
  void restart(std::int64_t tokens, TimePoint due_from) {
    tokens_ = tokens;
    remainder_ = 0;
    earned_until_ = due_from;
  }
  // The rate becomes another one: nothing is gained by it, and no wait becomes longer than one new
  // tick.
  void change_rate(const Rate& before, const Rate& now_valid, TimePoint now);

  // When `target` tokens will be there if nobody takes any; TimePoint::max() if that is too far
  // away to be told.
  TimePoint when_flowing(std::uint64_t target, const Rate& rate) const;
  TimePoint when_stepping(std::uint64_t target, const Rate& rate) const;

 private:
  Wide missing(std::uint64_t target) const;
  TimePoint later(Wide nanoseconds) const;
  void gain(Wide tokens, std::uint64_t capacity);

  std::int64_t tokens_;
  std::uint64_t remainder_ = 0;
  TimePoint earned_until_;
};

}  // namespace ev

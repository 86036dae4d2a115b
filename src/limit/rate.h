// A rate as the interface states it: so many bytes per tick. Only this pair is exact; "bytes per
// second" would already have lost something, so all arithmetic keeps the pair and works with 128
// bits in between.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "sys/clock.h"

namespace ev {

__extension__ typedef unsigned __int128 Wide;
__extension__ typedef __int128 SignedWide;

// Nothing in this layer counts further than this; it is EV_RATE_LIMIT_MAX.
inline constexpr std::uint64_t max_tokens = std::numeric_limits<std::int64_t>::max();

struct Rate {
  std::uint64_t bytes = 1;                  // 1 to max_tokens
  Duration tick = std::chrono::seconds(1);  // at least 1 ns

  // Whole bytes that `span` brings, at most max_tokens.
  constexpr std::uint64_t over(Duration span) const {
    if (span <= Duration::zero()) return 0;
    const Wide whole = Wide{bytes} * static_cast<std::uint64_t>(span.count()) / ticks();
    return static_cast<std::uint64_t>(std::min(whole, Wide{max_tokens}));
  }

  // How long so many bytes take to come.
  constexpr Duration span_of(std::uint64_t count) const {
    const Wide span = (Wide{count} * ticks() + bytes - 1) / bytes;
    return Duration(static_cast<Duration::rep>(std::min(span, Wide{max_tokens})));
  }

  constexpr std::uint64_t ticks() const { return static_cast<std::uint64_t>(tick.count()); }
  friend constexpr bool operator==(const Rate&, const Rate&) = default;
};

// How tokens come back between the ticks.
enum class RefillMode : unsigned char {
  smooth,  // continuously; what a late turn missed while somebody waited is made up for
  ticks,   // a whole tick's worth at each tick and nothing in between
  exact,   // continuously; the bytes of any interval t never exceed burst + rate * t
};

// One direction of a configuration.
struct Limit {
  Rate rate;
  std::uint64_t burst = 1;  // at least rate.bytes, at most max_tokens
  RefillMode mode = RefillMode::smooth;

  constexpr bool valid() const {
    return rate.bytes >= 1 && rate.bytes <= burst && burst <= max_tokens &&
           rate.tick >= Duration(1);
  }
};

}  // namespace ev

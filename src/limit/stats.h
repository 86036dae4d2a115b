// What a limit has done to somebody, for one direction.
#pragma once

#include <cstdint>

#include "sys/clock.h"

namespace ev {

struct LimitStats {
  std::uint64_t bytes = 0;  // payload moved
  std::uint64_t waits = 0;  // how often somebody had to wait
  Duration
      throttled{};  // for how long; of a group: how long it was out of tokens while somebody waited
};

}  // namespace ev

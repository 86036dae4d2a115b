// What a stream's own limit lets it use of what its group hands out: so much now, more as time goes
// by. Without a limit of its own: everything.
#pragma once

#include <algorithm>
#include <cstdint>

#include "limit/rate.h"

namespace ev {

struct Means {
  std::uint64_t tokens = max_tokens;
  Rate rate;
  std::uint64_t most = max_tokens;

  bool are_limited() const { return tokens < max_tokens; }
  std::uint64_t after(Duration span) const {
    if (tokens >= most) return tokens;
    return tokens + std::min(rate.over(span), most - tokens);
  }
};

}  // namespace ev

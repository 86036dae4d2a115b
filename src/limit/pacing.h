// How a limit lets its bytes through: how often somebody is woken, and how much moves then. Follows
// from the limit alone, so that all buckets of one configuration share it, and thousands of them
// find it in the processor's caches.
#pragma once

#include <cstdint>

#include "limit/rate.h"

namespace ev {

struct Pacing {
  // No wait for a worthwhile amount is drawn out longer than this.
  static constexpr Duration patience = std::chrono::milliseconds(100);

  explicit Pacing(const Limit& limit);

  Limit limit;
  Duration round{};                // from one wake-up in turn to the next
  std::uint64_t in_turn = 1;       // what comes meanwhile
  std::uint32_t places = 2;        // in the round, shared by streams with the same limit
  bool may_lead = false;           // a tick is a whole number of rounds
  std::uint64_t chunk = 1;         // a wake-up is worth its cost from here on
  std::uint64_t portion = 1;       // what one of several waiters should get at once, at most
  std::uint64_t two_packets = 1;   // or what comes within our patience, if that is less
  std::uint64_t largest_take = 1;  // the burst; if that is less than a packet, two
  std::uint64_t stretched = 1;     // the burst while somebody waits
};

}  // namespace ev

#include "limit/pacing.h"

#include <algorithm>

namespace ev {
namespace {

using namespace std::chrono_literals;

// Wake-ups are not spaced closer than this by ticks, nor wider: a long tick says that coarse is
// fine.
constexpr Duration shortest_pace = 5ms;
constexpr Duration longest_pace = 50ms;
constexpr std::uint64_t packet = 1460;  // payload of a full Ethernet frame

// The next shorter one that divides our patience, or all of it: then any span that long sees the
// same number of wake-ups, however it falls.
Duration even_round(Duration longest) {
  constexpr Duration patience = Pacing::patience;
  if (longest > patience * 2 / 3) return patience;
  return patience / ((patience + longest - Duration(1)) / longest);
}

}  // namespace

Pacing::Pacing(const Limit& given) : limit(given) {
  const Rate& rate = limit.rate;
  const Duration pace = std::clamp(rate.tick / 2, shortest_pace, longest_pace);
  const std::uint64_t patient = rate.over(patience);
  const std::uint64_t one_packet = std::min(packet, patient);
  two_packets = std::min(2 * packet, patient);
  const std::uint64_t worthwhile = rate.tick < patience ? one_packet : two_packets;
  chunk = portion = std::max({rate.over(pace), worthwhile, std::uint64_t{1}});
  round = even_round(rate.span_of(chunk));
  // Few, so that a turn of the loop serves many: a loop that sleeps in between finds the
  // processor's caches cold.
  const Duration spacing = std::clamp(rate.tick, shortest_pace, longest_pace);
  places = static_cast<std::uint32_t>(std::max<Duration::rep>(round / spacing, 2));
  largest_take = stretched = limit.burst;
  in_turn = rate.over(round);
  may_lead = limit.mode == RefillMode::smooth && rate.tick % round == Duration::zero();
  switch (limit.mode) {
    case RefillMode::smooth:
      if (limit.burst < one_packet) largest_take = two_packets;
      stretched = std::max(chunk, in_turn) + patient;
      stretched = std::clamp(stretched, limit.burst, max_tokens);
      break;
    case RefillMode::ticks:
      chunk = 1;
      portion = limit.burst;
      break;
    case RefillMode::exact:
      // Waiting for a full bucket would lose whatever comes after it is full.
      chunk = portion = std::min(chunk, std::max<std::uint64_t>(limit.burst / 2, 1));
      round = std::clamp(rate.span_of(chunk), Duration(1), round);
      in_turn = chunk;
      break;
  }
}

}  // namespace ev

#include "limit/shares.h"

#include <algorithm>

namespace ev {
namespace {

constexpr std::uint64_t packet = 1460;
constexpr std::uint64_t largest_unit = std::uint64_t{1} << 30;
constexpr auto plenty = SignedWide{1} << 90;  // more than anybody is ever due

// Almost always 64 bits do, and dividing 128 costs a hundred instructions.
SignedWide quotient(SignedWide of, std::uint64_t by) {
  const auto narrow = static_cast<std::int64_t>(of);
  if (narrow == of) return narrow / static_cast<std::int64_t>(std::min(by, max_tokens));
  return of / static_cast<SignedWide>(by);
}

std::uint64_t fraction(std::uint64_t tokens, std::uint64_t weight, std::uint64_t of) {
  return static_cast<std::uint64_t>(std::min(Wide{tokens} * weight / of, Wide{tokens}));
}

}  // namespace

void Shares::adopt(Turn& turn, std::uint32_t weight) {
  turn.weight_ = weight;
  turn.seen_in_epoch_ = 0;
  all_weight_ += weight;
  start_anew(turn);
}

void Shares::reweigh(Turn& turn, std::uint32_t weight, bool waits) {
  all_weight_ += weight - std::uint64_t{turn.weight_};
  if (waits) waiting_weight_ += weight - std::uint64_t{turn.weight_};
  turn.weight_ = weight;
}

void Shares::enter_queue(const Turn& turn) {
  waiting_weight_ += turn.weight_;
  contenders_.note_queue(waiting_weight_);
}

// What a turn of weight 1 may move: up to two packets, or its part of the round if that is more; less
// than a packet with so many members that a round of full ones would take too long. In even rounds
// everybody has as many turns in a second as all others, whenever that begins.
void Shares::divide(const Round& round, const Style& style, std::uint64_t min_share) {
  round_ = round;
  served_weight_ = contenders_.served(competing());
  const std::uint64_t part = fraction(round.bytes, Contenders::scale, served_weight_);
  const std::uint64_t most = fraction(round.longest, Contenders::scale, served_weight_);
  const std::uint64_t in_a_second = 2 * most;
  std::uint64_t unit = std::max(style.rounds_above * part, std::min(packet, most));
  if (style.even && unit != 0 && unit <= in_a_second) {
    std::uint64_t turns = in_a_second / unit;
    if (style.turns_of_two != 0) {
      const std::uint64_t for_two = (in_a_second + 2 * packet - 1) / (2 * packet);
      turns = std::min(turns, std::max<std::uint64_t>(for_two, style.turns_of_two));
    }
    unit = in_a_second / turns;
  }
  unit_ = std::clamp<std::uint64_t>(std::max(unit, min_share), 1, largest_unit);
}

Shares::Round Shares::part_of(const Turn& turn) const {
  const std::uint64_t weight = turn.weight_ * Contenders::scale;
  return {fraction(round_.bytes, weight, served_weight_),
          fraction(round_.longest, weight, served_weight_)};
}

std::uint64_t Shares::even_part(const Turn& turn, std::uint64_t tokens) const {
  return fraction(tokens, turn.weight_, competing());
}

std::uint64_t Shares::least_part(const Turn& turn, std::uint64_t tokens) const {
  return fraction(tokens, turn.weight_, all_weight_);
}

// Two quanta.
std::int64_t Shares::furthest_ahead(const Turn& turn) const {
  return static_cast<std::int64_t>(std::min<Wide>(2 * Wide{quantum(turn)}, max_tokens / 2));
}

void Shares::charge(Turn& turn, std::uint64_t tokens) {
  count_part(turn);
  shared_ += tokens;
  turn.had_ += static_cast<std::int64_t>(tokens);
}

void Shares::take_back(Turn& turn, std::uint64_t tokens) {
  shared_ -= tokens;
  turn.had_ -= static_cast<std::int64_t>(tokens);
}

// Somebody who cannot use its part makes all others seem to have had too much. So whoever is
// furthest ahead is the measure for all: instead of letting what it had bring it further ahead, the
// parts of all grow until it is where it may be. That tells how much is not used. There is a little
// more room behind than ahead, as the others fall back until the one ahead has its next turn. What
// is out of bounds otherwise is forgotten, so nobody saves up an absence.
void Shares::count_part(Turn& turn) {
  if (turn.unit_seen_ > 2 * unit_) start_anew(turn);
  const std::uint64_t all = competing();
  const auto shared = std::min(static_cast<SignedWide>(shared_ - turn.shared_seen_), plenty);
  const SignedWide before = turn.lag_ + quotient(shared * turn.weight_, all);
  const SignedWide lag = before - turn.had_;
  const SignedWide most = furthest_ahead(turn);
  const SignedWide by =
      std::max<SignedWide>(-most - lag, 0) - std::max<SignedWide>(-most - before, 0);
  Wide unused = 0;
  if (by > 0) {
    const Wide grown = std::min(static_cast<Wide>(by), Wide{max_tokens}) * all / turn.weight_;
    shared_ += grown;
    // Those who wait will use their parts.
    unused = grown / all * (all - std::min(all, waiting_weight_));
  }
  contenders_.note_shared(turn.had_, unused);
  turn.lag_ = static_cast<std::int64_t>(std::clamp<SignedWide>(lag, -most, most + most / 4));
  turn.had_ = 0;
  turn.shared_seen_ = shared_;
  turn.unit_seen_ = unit_;
}

// Many have come: what it had while they were not there does not count against it, nor for them.
void Shares::start_anew(Turn& turn) const {
  turn.lag_ = 0;
  turn.had_ = 0;
  turn.shared_seen_ = shared_;
  turn.unit_seen_ = unit_;
}

void Shares::note_content(Turn& turn) { turn.lag_ = std::min(turn.lag_, turn.had_); }

std::uint64_t Shares::lag(const Turn& turn) const {
  const SignedWide lag = SignedWide{turn.lag_} - turn.had_;
  return static_cast<std::uint64_t>(std::clamp<SignedWide>(lag, 0, max_tokens));
}

// The quarter is for what is uneven by chance: where nobody is held up, nobody is late.
bool Shares::is_late(const Turn& turn) const {
  const std::uint64_t own = turn.weight_ * Contenders::scale;
  const std::uint64_t others = served_weight_ - std::min(served_weight_, own);
  return lag(turn) > Wide{quantum(turn)} * others / served_weight_ + quantum(turn) / 4;
}

}  // namespace ev

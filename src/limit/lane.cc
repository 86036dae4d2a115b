#include "limit/lane.h"

#include <algorithm>
#include <utility>

namespace ev {
namespace {

using namespace std::chrono_literals;

// A round over everybody who competes aims at this length: short enough that shares are even within
// a second, long against the time between two services, so that whoever was served is back before
// its next turn.
constexpr Duration round_length = 40ms;
// Shorter ones with short ticks that are strict or exact: nothing makes up for what overflows there
// while a limited member, or its group, waits for a turn.
constexpr Duration shortest_round = 1ms;
constexpr Duration longest_pace = 50ms;
// The same with so many members that a round of full packets takes longer.
constexpr Duration longest_round = 500ms;
// From here on a tick says that coarse is fine.
constexpr Duration coarse_tick = 100ms;

}  // namespace

Lane::Lane(const Pacing& pacing, TimePoint now) : Turn(Kind::lane), bucket_(pacing, now) {
  derive();
}

void Lane::derive() {
  const Limit& limit = bucket_.limit();
  const Duration shortest = limit.mode == RefillMode::smooth ? round_length : shortest_round;
  const Duration length = std::clamp(limit.rate.tick / 2, shortest, longest_pace);
  round_ = {limit.rate.over(length), limit.rate.over(longest_round)};
  divided_at_ = TimePoint::min();
}

bool Lane::has_unhurried_turns() const {
  return lane_ == nullptr && child_lanes_ == 0 && bucket_.limit().mode == RefillMode::smooth;
}

// Child groups take two rounds of the lane above for one of theirs: what they were late for, and
// what their buckets gathered meanwhile, must find room in a turn. Strict ticks and exact buckets
// overflow in a round that is longer than it must be, and in a tree a wait is one of several.
Shares::Style Lane::round_style() const {
  Shares::Style style;
  if (lane_ != nullptr) {
    style.rounds_above = 2;
    return style;
  }
  const Limit& limit = bucket_.limit();
  style.even = limit.mode == RefillMode::smooth;
  if (has_unhurried_turns()) style.turns_of_two = limit.rate.tick < coarse_tick ? 10 : 5;
  return style;
}

// A child group gets its part of the rounds above, however high its own limit is, and that is what
// it has for rounds of its own.
void Lane::divide(TimePoint now) {
  if (now == divided_at_) return;
  divided_at_ = now;
  if (lane_ == nullptr) return shares_.divide(round_, round_style(), min_share_);
  lane_->divide(now);
  const Shares::Round part = lane_->shares_.part_of(*this);
  const std::uint64_t assured = assured_ ? assured_->round : 0;
  const Shares::Round round = {std::min(round_.bytes, part.bytes + assured),
                               std::min(round_.longest, part.longest + assured)};
  shares_.divide(round, round_style(), min_share_);
}

Lane& Lane::root() {
  Lane* lane = this;
  while (lane->lane_ != nullptr) lane = lane->lane_;
  return *lane;
}

void Lane::adopt(Turn& turn, std::uint32_t weight) {
  turn.lane_ = this;
  turn.credit_ = 0;
  turn.left_at_ = TimePoint::min();
  turn.turn_at_ = TimePoint::max();
  if (turn.kind_ == Kind::lane) ++child_lanes_;
  shares_.adopt(turn, weight);
  divided_at_ = TimePoint::min();
}

void Lane::dismiss(Turn& turn) {
  shares_.dismiss(turn);
  if (turn.kind_ == Kind::lane) --child_lanes_;
  if (cut_short_ == &turn) cut_short_ = nullptr;
  turn.lane_ = nullptr;
  divided_at_ = TimePoint::min();
}

void Lane::reweigh(Turn& turn, std::uint32_t weight) {
  shares_.reweigh(turn, weight, turn.ring_ == &turns_);
  divided_at_ = TimePoint::min();
}

std::uint64_t Lane::claim(Seat& seat, std::uint64_t wanted, const Means& means, TimePoint now) {
  for (Turn* turn = &seat; turn->lane_ != nullptr; turn = turn->lane_) {
    turn->lane_->shares_.note(*turn, now);
  }
  divide(now);
  if (seat.state_ == Seat::State::moving) settle(seat, 0, 0, now);
  if (seat.state_ == Seat::State::waiting) return 0;
  if (seat.state_ == Seat::State::granted) return use_grant(seat, wanted);
  seat.means_ = means;
  seat.claimed_at_ = now;
  if (const std::uint64_t offer = offer_at_once(seat, wanted, now); offer != 0) {
    for (Lane* lane = this; lane != nullptr; lane = lane->lane_) lane->reserve(offer, now);
    seat.held_ = offer;
    seat.got_it_at_once_ = true;
    return use_grant(seat, wanted);
  }
  wait(seat, now);
  return seat.state_ == Seat::State::granted ? use_grant(seat, wanted) : 0;
}

// Tokens for a newcomer. Where somebody waits already, it has to queue behind; and whoever has just
// had its turn leaves what is over to those who are on their way back.
std::uint64_t Lane::offer_at_once(Seat& seat, std::uint64_t wanted, TimePoint now) {
  const TimePoint served_at = root().served_at_;
  const bool was_just_served = now < std::max(served_at, TimePoint{}) + service_spacing;
  if (seat.wants_more_ && seat.turn_at_ == served_at) return 0;
  std::uint64_t offer = wanted;
  for (Turn* turn = &seat; turn->lane_ != nullptr; turn = turn->lane_) {
    Lane& lane = *turn->lane_;
    if (!lane.empty() || lane.throttled()) return 0;
    const bool has_had_its_turn = was_just_served && turn->turn_at_ == served_at;
    if (has_had_its_turn && lane.shares_.besides(*turn)) return 0;
    const std::int64_t have = std::max<std::int64_t>(lane.bucket_.available(now), 0);
    const std::uint64_t even = lane.shares_.even_part(*turn, static_cast<std::uint64_t>(have));
    offer = std::min(offer, std::max(lane.shares_.quantum(*turn), even));
    offer = lane.bucket_.offer(now, offer, lane.bucket_.worth_taking(now));
    if (offer == 0) return 0;
  }
  seat.turn_at_ = served_at;
  return offer;
}

void Lane::reserve(std::uint64_t tokens, TimePoint now) {
  bucket_.reserve(tokens, now);
  added_ -= std::min(added_, tokens);
}

void Lane::wait(Seat& seat, TimePoint now) {
  seat.state_ = Seat::State::waiting;
  for (Lane* lane = this; lane != nullptr; lane = lane->lane_) ++lane->stats_.waits;
  insert(seat, now);
  activate(now);
  // Finds out which lane lacks tokens and from when on it will not; or that it was this seat's turn
  // anyway.
  root().dispatch(now);
}

std::uint64_t Lane::use_grant(Seat& seat, std::uint64_t wanted) {
  if (seat.queued()) seat.ring_->remove(seat);
  seat.state_ = Seat::State::moving;
  seat.given_ = std::min(seat.held_, wanted);
  seat.wants_more_ = seat.held_ < wanted;
  for (const Lane* lane = this; lane != nullptr; lane = lane->lane_) {
    seat.given_ = std::min(seat.given_, lane->bucket_.largest_transfer());
  }
  return seat.given_;
}

void Lane::settle(Seat& seat, std::uint64_t used, std::uint64_t payload, TimePoint now) {
  const bool moving = seat.state_ == Seat::State::moving;
  const std::uint64_t reserved = moving ? std::min(used, seat.held_) : 0;
  for (Lane* lane = this; lane != nullptr; lane = lane->lane_) {
    lane->bucket_.settle(reserved, used, now);
    lane->total_ += payload;
    lane->stats_.bytes += payload;
  }
  if (!moving) return;
  seat.held_ -= reserved;
  if (used < std::exchange(seat.given_, 0)) return decline(seat, used, now);
  seat.state_ = seat.held_ != 0 ? Seat::State::granted : Seat::State::idle;
  if (seat.held_ != 0) root().holders_.push_back(seat);
}

// It had less to move than it could have, so it is not in need, and neither is a group in which
// nobody else waits: else whoever asks often and needs nothing would go first for ever.
void Lane::decline(Seat& seat, std::uint64_t used, TimePoint now) {
  const bool is_most = seat.held_ >= used;
  seat.credit_ = 0;
  seat.wants_more_ = false;
  seat.state_ = Seat::State::idle;
  give_back(seat, now);
  shares_.note_content(seat);
  for (Lane* lane = this; lane->empty() && lane->lane_ != nullptr; lane = lane->lane_) {
    lane->lane_->shares_.note_content(*lane);
  }
  if (is_most) hand_on(now);
}

// What was given back goes to those who wait, as if it had been their turn: until the next service
// a strict tick may be over.
void Lane::hand_on(TimePoint now) {
  for (Lane* lane = this; lane != nullptr; lane = lane->lane_) {
    if (!lane->throttled() || lane->bucket_.available(now) <= 0) continue;
    lane->end_throttle(now);
    lane->activate(now);
  }
  root().dispatch(now);
}

void Lane::give_back(Seat& seat, TimePoint now) {
  const std::uint64_t tokens = std::exchange(seat.held_, 0);
  if (tokens == 0) return;
  for (Turn* turn = &seat; turn->lane_ != nullptr; turn = turn->lane_) {
    Lane& lane = *turn->lane_;
    lane.bucket_.settle(tokens, 0, now);
    if (!seat.got_it_at_once_) lane.take_back(*turn, tokens, now);
    lane.retime(now);
  }
}

// A seat begins its next turn anew.
void Lane::take_back(Turn& turn, std::uint64_t tokens, TimePoint now) {
  const bool is_lane = turn.kind_ == Kind::lane;
  if (is_lane) tokens -= refund_assured(static_cast<Lane&>(turn), tokens, now);
  if (is_lane && turn.queued()) {
    const bool was_over = turn.credit_ <= 0;
    const std::uint64_t most = shares_.quantum(turn);
    turn.credit_ += static_cast<std::int64_t>(std::min(tokens, most));
    turn.credit_ = std::min(turn.credit_, static_cast<std::int64_t>(most));
    if (was_over && turn.credit_ > 0) turns_.bring_to_front(turn);
  }
  shares_.take_back(turn, tokens);
}

void Lane::cancel(Seat& seat, TimePoint now) {
  switch (seat.state_) {
    case Seat::State::idle:
      break;
    case Seat::State::waiting:
      remove(seat, now);
      break;
    case Seat::State::granted:
    case Seat::State::moving:
      if (seat.queued()) seat.ring_->remove(seat);
      give_back(seat, now);
      break;
  }
  seat.given_ = 0;
  seat.credit_ = 0;
  seat.wants_more_ = false;
  seat.state_ = Seat::State::idle;
}

std::uint64_t Lane::share(const Seat& seat, TimePoint now) {
  if (seat.state_ == Seat::State::waiting) return 0;
  if (seat.held_ != 0) return seat.held_;
  std::uint64_t least = max_tokens;
  for (const Turn* turn = &seat; turn->lane_ != nullptr; turn = turn->lane_) {
    Lane& lane = *turn->lane_;
    const std::int64_t have = lane.reported(now);
    if (have <= 0) return 0;
    const auto tokens = static_cast<std::uint64_t>(have);
    const std::uint64_t part = std::max(lane.shares_.least_part(*turn, tokens), lane.min_share_);
    least = std::min({least, part, tokens});
  }
  return least;
}

void Lane::reconfigure(const Pacing& pacing, TimePoint now) {
  bucket_.reconfigure(pacing, now);
  derive();
  retime(now);
}

void Lane::adjust(std::int64_t tokens, TimePoint now) {
  bucket_.available(now);
  bucket_.adjust(tokens);
  retime(now);
  if (tokens <= 0) return;
  added_ = std::min(added_ + static_cast<std::uint64_t>(tokens), max_tokens);
  root().served_at_ = now;  // this is a service like any other
  hand_on(now);
}

bool Lane::owes(TimePoint now) {
  for (Lane* lane = this; lane != nullptr; lane = lane->lane_) {
    if (lane->bucket_.available(now) < 0) return true;
  }
  return false;
}

void Lane::set_assured(const std::optional<Rate>& rate, TimePoint now) {
  const bool was_queued = lane_ != nullptr && queued();
  if (was_queued) lane_->remove(*this, now);
  assured_.reset();
  divided_at_ = TimePoint::min();
  if (rate) {
    const std::uint64_t capacity = std::max<std::uint64_t>(rate->over(credit_life), 1);
    const std::uint64_t some = std::max<std::uint64_t>(capacity / 16, 1);
    assured_.emplace(
        Assured{*rate, rate->over(round_length), capacity, some, TokenLevel(capacity, now)});
  }
  if (was_queued) activate(now);
}

LimitStats Lane::stats(TimePoint now) const {
  LimitStats result = stats_;
  if (throttled()) result.throttled += std::max(now - throttled_since_, Duration::zero());
  return result;
}

}  // namespace ev

// Serving: whose turn it is, what it gets, and when the next one is due.
#include <algorithm>

#include "limit/lane.h"

namespace ev {
namespace {

using namespace std::chrono_literals;

// What somebody came short of is kept over an absence of this length: a stream with a low limit of
// its own comes now and then.
constexpr Duration lag_life = 500ms;
// A grant is not left with somebody who does not come for it, or not for the rest of it.
constexpr Duration grant_life = 100ms;

}  // namespace

// The most that one gets in one grant. That the sum of all comes evenly is up to the root.
std::uint64_t Lane::largest_portion() const {
  const std::uint64_t most = lane_ == nullptr ? bucket_.portion() : bucket_.largest_grant();
  return std::max({most, min_share_, small_turn()});
}

// It is not broken up, as it would be if it were more than a service is made for.
std::uint64_t Lane::small_turn() const {
  return has_unhurried_turns() ? std::min(shares_.unit(), bucket_.two_packets()) : 0;
}

// Of what is left of its turn. But the last one that waits in a child lane may overdraw that by
// another turn: with it the lane leaves the ring above, and what is left of the lane's turn would be
// a piece that costs it a service for itself. One that is alone there takes no turns.
std::uint64_t Lane::portion(const Seat& seat, TimePoint now) const {
  auto due = static_cast<std::uint64_t>(seat.credit_);
  if (lane_ != nullptr && turns_.has_one() && turns_.first() == &seat) {
    due = shares_.besides(seat) ? std::max(due, shares_.quantum(seat)) : max_tokens;
  }
  return std::min({due, seat.means_.after(now - seat.claimed_at_), largest_portion()});
}

// A child lane may overdraw its credit by one grant; as that is never more than its quantum, one
// round makes up for it.
std::uint64_t Lane::portion(Lane& child, TimePoint now) {
  const auto at_least_none = [](std::int64_t tokens) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(tokens, 0));
  };
  if (!child.assured_turn_.queued())
    return std::min(largest_portion(),
                    std::max(shares_.quantum(child), at_least_none(child.credit_)));
  child.assured_now(now);  // brings the level up to date
  const std::uint64_t due = at_least_none(child.assured_->level.tokens()) + shares_.lag(child);
  return std::min(largest_portion(), std::max<std::uint64_t>(due, 1));
}

// Some of the assured rate is there, and enough of it to go before others with.
bool Lane::assured_now(TimePoint now) {
  assured_->level.flow(assured_->rate, assured_->capacity, now);
  return assured_->level.tokens() >= static_cast<std::int64_t>(assured_->some);
}

// Whoever lags goes first: who cannot use up a turn, because of a limit of its own for example,
// would else wait a whole round for each of the small portions it can use, and never get its part.
void Lane::insert(Turn& turn, TimePoint now) {
  const bool is_new = turn.left_at_ == TimePoint::min() || now - turn.left_at_ > lag_life;
  if (is_new) {
    shares_.start_anew(turn);
  } else {
    shares_.count_part(turn);
  }
  if (is_new || now - turn.left_at_ > credit_life) {
    turn.credit_ = 0;
    turn.lag_ = std::max<std::int64_t>(turn.lag_, 0);
  }
  if (empty()) bucket_.begin_wait(now);
  shares_.enter_queue(turn);
  const bool goes_on = turn.in_turn_ && turn.credit_ > 0;
  const bool is_late = !goes_on && shares_.is_late(turn);
  if (is_late) turn.credit_ = static_cast<std::int64_t>(shares_.quantum(turn));
  if (is_late || goes_on) {
    turns_.push_front(turn);
  } else {
    turns_.push_back(turn);
  }
  if (turn.kind_ == Kind::lane) enter_assured(static_cast<Lane&>(turn), now);
}

void Lane::remove(Turn& turn, TimePoint now) {
  turn.ring_->remove(turn);
  shares_.leave_queue(turn);
  turn.left_at_ = now;
  if (turn.kind_ == Kind::lane) leave_assured(static_cast<Lane&>(turn));
  if (!empty()) return;
  bucket_.end_wait(now);
  if (throttled()) {
    end_throttle(now);
  } else if (lane_ != nullptr && queued()) {
    lane_->remove(*this, now);
  }
}

// Now, or as soon as some of its assured rate has come together.
void Lane::enter_assured(Lane& child, TimePoint now) {
  if (!child.assured_) return;
  if (child.assured_now(now)) return assured_turns_.push_back(child.assured_turn_);
  const TimePoint due =
      child.assured_->level.when_flowing(child.assured_->some, child.assured_->rate);
  root().promotions_.add(child.promotion_hook_, due);
}

void Lane::leave_assured(Lane& child) {
  if (child.assured_turn_.queued()) assured_turns_.remove(child.assured_turn_);
  root().promotions_.remove(child.promotion_hook_);
}

// How many of them were of its assured rate, as far as the last grant tells.
std::uint64_t Lane::refund_assured(Lane& child, std::uint64_t tokens, TimePoint now) {
  if (!child.assured_) return 0;
  const std::uint64_t refund = std::min(tokens, child.assured_->taken);
  child.assured_->taken -= refund;
  child.assured_->level.add(static_cast<std::int64_t>(refund));
  if (child.queued() && !child.assured_turn_.queued()) {
    leave_assured(child);
    enter_assured(child, now);
  }
  return refund;
}

// Whose turn it is; null: nobody's for now, and the lane is throttled. A turn begins with a quantum.
// When quanta have become smaller since, by another rate or weight, an overdraft is forgiven and
// what is left of a turn is cut.
Turn* Lane::head(TimePoint served_at, TimePoint now) {
  if (Turn* first = assured_turns_.first()) return &static_cast<AssuredTurn*>(first)->owner;
  Turn& turn = *turns_.first();
  if (turn.credit_ <= 0 && turn.turn_at_ == served_at) {
    if (const auto until = rest_before(turn, now)) {
      throttle(*until, now);
      return nullptr;
    }
  }
  divide(now);
  const auto most = static_cast<std::int64_t>(shares_.quantum(turn));
  if (turn.credit_ <= 0) {
    turn.turn_at_ = served_at;
    turn.credit_ += most;
  }
  turn.credit_ = std::clamp<std::int64_t>(turn.credit_, 1, most);
  return &turn;
}

// Whoever has had its turn and is back first may find that nobody else waits: the others are still
// moving what they got, or have not come yet. What is left over is theirs as well. So the lane
// rests until a service is worth while; or, where waiting brings nothing, until the next one, which
// is not before the next turn of the loop. Empty: no need to, and what was added by hand is used at
// once.
std::optional<TimePoint> Lane::rest_before(const Turn& turn, TimePoint now) {
  const std::int64_t left = bucket_.available(now);
  if (left <= 0) added_ = 0;
  if (left <= 0 || added_ != 0) return std::nullopt;
  const bool is_seat = turn.kind_ == Kind::seat;
  if (is_seat && static_cast<const Seat&>(turn).got_it_at_once_) return now;
  if (!shares_.besides(turn)) return std::nullopt;
  if (!bucket_.is_flowing(now)) return now;
  if (left >= static_cast<std::int64_t>(bucket_.worth_waking())) return std::nullopt;
  return time_of(0, now);
}

// Lets this lane take turns above, and those above it in theirs, up to one that is out of tokens.
void Lane::activate(TimePoint now) {
  for (Lane* lane = this; lane->lane_ != nullptr; lane = lane->lane_) {
    if (lane->throttled() || lane->queued() || lane->empty()) return;
    lane->lane_->insert(*lane, now);
  }
}

// When there will be what is lacking, and enough for a service.
TimePoint Lane::time_of(std::uint64_t lacking, TimePoint now) {
  return bucket_.wake_time(now, std::max(lacking, bucket_.worth_waking()));
}

void Lane::throttle(TimePoint until, TimePoint now) {
  throttled_since_ = now;
  root().throttled_lanes_.add(throttle_hook_, until);
  if (lane_ != nullptr && queued()) lane_->remove(*this, now);
}

void Lane::end_throttle(TimePoint now) {
  root().throttled_lanes_.remove(throttle_hook_);
  stats_.throttled += std::max(now - throttled_since_, Duration::zero());
}

void Lane::retime(TimePoint now) {
  if (!throttled()) return;
  root().throttled_lanes_.add(throttle_hook_, time_of(0, now));
}

void Lane::wake_due(TimePoint now) {
  while (WakeHook* hook = throttled_lanes_.first()) {
    if (hook->due > now) return;
    Lane& lane = hook->lane;
    lane.end_throttle(now);
    lane.activate(now);
  }
}

void Lane::promote_due(TimePoint now) {
  while (WakeHook* hook = promotions_.first()) {
    if (hook->due > now) return;
    promotions_.remove(*hook);
    hook->lane.lane_->enter_assured(hook->lane, now);
  }
}

// A stream that has nothing to move after all does not sit on its grant. Its turn is not over.
void Lane::reclaim_due(TimePoint now) {
  while (Turn* turn = holders_.first()) {
    auto& seat = static_cast<Seat&>(*turn);
    if (now - seat.granted_at_ < grant_life) return;
    holders_.remove(seat);
    seat.state_ = Seat::State::idle;
    seat.lane_->give_back(seat, now);
  }
}

void Lane::serve(TimePoint now) {
  served_at_ = now;
  wake_due(now);
  dispatch(now);
}

void Lane::dispatch(TimePoint now) {
  reclaim_due(now);
  promote_due(now);
  while (!throttled() && !empty()) grant_next(now);
}

// Gives the next seat what is due to it, or takes the lane that lacks the tokens out of the round.
void Lane::grant_next(TimePoint now) {
  Turn* turn = head(served_at_, now);
  while (turn != nullptr && turn->kind_ == Kind::lane) {
    turn = static_cast<Lane*>(turn)->head(served_at_, now);
  }
  if (turn == nullptr) return;
  Lane& home = *turn->lane();
  Seat& seat = home.seat_in_turn(static_cast<Seat&>(*turn), woken_);

  std::uint64_t grant = seat.lane_->portion(seat, now);
  for (Lane* lane = seat.lane_; lane->lane_ != nullptr; lane = lane->lane_) {
    grant = std::min(grant, lane->lane_->portion(*lane, now));
  }
  for (const Turn* next = &seat; next->lane_ != nullptr; next = next->lane_) {
    Lane& lane = *next->lane_;
    const std::uint64_t least =
        std::max({lane.bucket_.worth_waking(), lane.min_share_, lane.small_turn()});
    std::uint64_t offer = lane.bucket_.grant(now, grant, least);
    if (offer == 0) {
      const std::uint64_t rest = lane.bucket_.rest_of_savings(now, grant);
      if (!lane.shares_.besides(*next)) offer = rest;
    }
    if (offer == 0) return lane.throttle(lane.time_of(std::min(grant, least), now), now);
    grant = offer;
  }
  charge(seat, grant, now);
  home.note_cut_short(seat);
  if (seat.state_ == Seat::State::granted)
    return;                // another piece, and its stream is yet to be told
  home.remove(seat, now);  // with its only turn gone a lane leaves the rings above
  seat.state_ = Seat::State::granted;
  seat.got_it_at_once_ = false;
  woken_.push_back(seat);
}

// A child group may have several turns in one dispatch, as at a strict tick. It then goes on with the
// seat whose turn its own was too short for, although that is not in the ring any more: it comes back
// only when everything has been handed out.
void Lane::note_cut_short(Seat& seat) {
  constexpr unsigned most_pieces = 8;  // small ones are not worth the work
  pieces_ = seat.state_ == Seat::State::granted ? pieces_ + 1 : 1;
  const bool has_rest = lane_ != nullptr && seat.in_turn_ && !seat.means_.are_limited();
  const bool may_go_on = pieces_ < most_pieces && seat.held_ < largest_portion();
  cut_short_ = has_rest && may_go_on ? &seat : nullptr;
}

Seat& Lane::seat_in_turn(Seat& first, const Ring& untold) const {
  return cut_short_ != nullptr && cut_short_->ring_ == &untold ? *cut_short_ : first;
}

void Lane::charge(Seat& seat, std::uint64_t tokens, TimePoint now) {
  seat.held_ += tokens;
  seat.granted_at_ = now;
  seat.turn_at_ = root().served_at_;
  seat.credit_ -= static_cast<std::int64_t>(tokens);
  seat.in_turn_ = seat.credit_ > 0;
  seat.lane_->shares_.charge(seat, tokens);
  for (Lane* lane = seat.lane_; lane != nullptr; lane = lane->lane_) {
    lane->reserve(tokens, now);
    if (lane->lane_ != nullptr) lane->lane_->charge_turn(*lane, tokens, now);
  }
}

// What a child gets of its assured rate does not count against its part of the rest. But being
// served costs it its place in the ring, so it may miss its turns there. What it missed by that it
// takes together with what is assured.
void Lane::charge_turn(Lane& child, std::uint64_t tokens, TimePoint now) {
  const bool goes_first = child.assured_turn_.queued();
  std::uint64_t assured = 0;
  child.turn_at_ = root().served_at_;
  if (goes_first) {
    assured = std::min(tokens, static_cast<std::uint64_t>(child.assured_->level.tokens()));
    child.assured_->level.add(-static_cast<std::int64_t>(assured));
    child.assured_->taken = assured;
  } else {
    if (child.assured_) child.assured_->taken = 0;
    child.credit_ -= static_cast<std::int64_t>(tokens);
    child.in_turn_ = child.credit_ > 0;
  }
  shares_.charge(child, tokens - assured);
  if (!goes_first) {
    if (!child.in_turn_) end_turn(child);
    return;
  }
  assured_turns_.rotate();
  if (child.assured_now(now)) return;
  leave_assured(child);
  enter_assured(child, now);
}

// Of a child lane that goes on waiting: whoever is late goes first, as in insert().
void Lane::end_turn(Turn& turn) {
  if (!shares_.is_late(turn)) return turns_.rotate();
  turn.credit_ = static_cast<std::int64_t>(shares_.quantum(turn));
}

std::optional<TimePoint> Lane::next_service() const {
  if (!woken_.empty()) return TimePoint::min();
  const WakeHook* hook = throttled() ? &throttle_hook_ : throttled_lanes_.first();
  if (hook == nullptr || hook->due == TimePoint::max()) return std::nullopt;
  if (served_at_ == TimePoint::min()) return hook->due;
  const Duration spacing = std::min<Duration>(service_spacing, bucket_.limit().rate.tick / 2);
  return std::max(hook->due, served_at_ + spacing);
}

Seat* Lane::take_woken() {
  Turn* turn = woken_.first();
  if (turn == nullptr) return nullptr;
  woken_.remove(*turn);
  holders_.push_back(*turn);
  return static_cast<Seat*>(turn);
}

}  // namespace ev

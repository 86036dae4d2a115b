#include "limit/throttle.h"

#include <algorithm>
#include <utility>

namespace ev {
namespace {

// What is left of a wake-up is taken along from here on: less waits for the next one.
constexpr std::uint64_t crumb = 64;

// Multiples of the golden ratio spread any number of streams evenly over one turn.
std::uint32_t next_phase() {
  constinit static std::atomic<std::uint32_t> streams{0};
  return streams.fetch_add(1, std::memory_order_relaxed) * 0x9e3779b9u;
}

}  // namespace

Throttle::Throttle(Throttled& stream)
    : stream_(stream),
      phase_(next_phase()),
      sides_{Side(stream, Direction::read), Side(stream, Direction::write)} {}

Throttle::~Throttle() {
  if (group() == nullptr) return;
  TreeGuard guard(key_);
  RateGroup* group = group_;
  if (group == nullptr) return;
  group->remove_member(*this, RateGroup::Farewell::silent, TimePoint{});
  group->root().rearm();
}

void Throttle::set_cfg(const TokenBucketCfg* cfg, TimePoint now) {
  if (cfg == cfg_.get()) return;
  const CfgRef old = std::exchange(cfg_, CfgRef(cfg));  // which the buckets still use
  for (const Direction direction : both_directions) {
    Side& side = this->side(direction);
    std::optional<TimePoint>& wake = own_wake(direction);
    if (cfg == nullptr) {
      if (wake) resume(direction, now);
      side.own.reset();
    } else if (side.own) {
      side.own->reconfigure(cfg->pacing(direction), now);
      if (wake) wake = side.own->wake_time(now, side.own->worth_waking());
    } else {
      side.own.emplace(cfg->pacing(direction), now);
    }
  }
  rearm();
}

void Throttle::join(RateGroup& group, TimePoint now) {
  leave(now);
  TreeGuard guard(group.key_);
  key_ = group.key_;
  group_ = &group;
  group.add_member(*this);
}

void Throttle::leave(TimePoint now) {
  if (this->group() == nullptr) return;
  TreeGuard guard(key_);
  RateGroup* group = group_;
  if (group == nullptr) return;
  group->remove_member(*this, RateGroup::Farewell::resume, now);
  group->root().rearm();
}

bool Throttle::set_weight(std::uint32_t weight) {
  if (weight == 0) return false;
  TreeGuard guard(key_);
  weight_ = weight;
  RateGroup* group = group_;
  if (group == nullptr) return true;
  for (const Direction direction : both_directions) {
    group->lane(direction).reweigh(side(direction).seat, weight);
  }
  return true;
}

std::size_t Throttle::allowance(Direction direction, TimePoint now, std::size_t wanted) {
  if (wanted == 0) return 0;
  Side& side = this->side(direction);
  std::uint64_t tokens = cost_.of(wanted);
  if (side.own) {
    const std::uint64_t offer = own_offer(side, tokens, now);
    if (offer == 0) {
      group_cancel(side, now);
      wait_for_own(direction, tokens, now);
      return 0;
    }
    end_own_wait(direction);
    tokens = offer;
  }
  tokens = group_claim(side, tokens, now);
  if (tokens == 0) {
    begin_wait(side, now);
    return 0;
  }
  end_wait(side, now);
  return static_cast<std::size_t>(std::min<std::uint64_t>(cost_.payload(tokens), wanted));
}

std::uint64_t Throttle::own_offer(Side& side, std::uint64_t wanted, TimePoint now) {
  const std::uint64_t least = side.least != 0 ? side.least : side.own->worth_taking(now);
  const std::uint64_t offer = side.own->offer(now, wanted, least);
  // What a wake-up brings beyond the largest transfer goes in another one right behind it.
  side.least = side.least != 0 && side.own->brings_more_than(offer) ? crumb : 0;
  return offer;
}

void Throttle::spend(Direction direction, std::size_t bytes, TimePoint now) {
  Side& side = this->side(direction);
  const std::uint64_t tokens = cost_.of(bytes);
  side.stats.bytes += bytes;
  if (side.own && tokens != 0) side.own->take(tokens, now);
  group_settle(side, tokens, bytes, now);
}

void Throttle::cancel(Direction direction, TimePoint now) {
  Side& side = this->side(direction);
  group_cancel(side, now);
  end_own_wait(direction);
  end_wait(side, now);
  side.least = 0;
}

std::uint64_t Throttle::group_claim(Side& side, std::uint64_t wanted, TimePoint now) {
  if (this->group() == nullptr) return wanted;
  TreeGuard guard(key_);
  RateGroup* group = group_;
  if (group == nullptr) return wanted;
  const Means means = side.own ? side.own->means(now) : Means{};
  Lane& lane = group->lane(side.seat.direction());
  const std::uint64_t tokens = lane.claim(side.seat, wanted, means, now);
  group->root().rearm();
  return tokens;
}

void Throttle::group_settle(Side& side, std::uint64_t tokens, std::uint64_t payload,
                            TimePoint now) {
  if (this->group() == nullptr) return;
  TreeGuard guard(key_);
  RateGroup* group = group_;
  if (group == nullptr) return;
  group->lane(side.seat.direction()).settle(side.seat, tokens, payload, now);
  group->root().rearm();
}

void Throttle::group_cancel(Side& side, TimePoint now) {
  if (this->group() == nullptr) return;
  TreeGuard guard(key_);
  RateGroup* group = group_;
  if (group == nullptr) return;
  group->lane(side.seat.direction()).cancel(side.seat, now);
  group->root().rearm();
}

void Throttle::begin_wait(Side& side, TimePoint now) {
  if (side.waiting) return;
  side.waiting = true;
  side.waiting_since = now;
  if (side.own) side.own->begin_wait(now);
  ++side.stats.waits;
}

void Throttle::end_wait(Side& side, TimePoint now) {
  if (!side.waiting) return;
  side.waiting = false;
  if (side.own) side.own->end_wait(now);
  side.stats.throttled += std::max(now - side.waiting_since, Duration::zero());
}

void Throttle::wait_for_own(Direction direction, std::uint64_t wanted, TimePoint now) {
  std::optional<TimePoint>& wake = own_wake(direction);
  if (wake) return;
  Side& side = this->side(direction);
  begin_wait(side, now);
  wake = wanted < side.own->worth_waking() ? side.own->wake_time(now, wanted)
                                           : side.own->wake_in_turn(now, phase_);
  rearm();
}

void Throttle::end_own_wait(Direction direction) {
  std::optional<TimePoint>& wake = own_wake(direction);
  if (!wake) return;
  wake.reset();
  rearm();
}

// Its time has come: whatever there is by then is worth taking.
void Throttle::finish_own_wait(Direction direction, TimePoint now) {
  Side& side = this->side(direction);
  own_wake(direction).reset();
  side.least = 1;
  end_wait(side, now);
}

void Throttle::resume(Direction direction, TimePoint now) {
  finish_own_wait(direction, now);
  stream_.resume(direction);
}

std::optional<TimePoint> Throttle::next_wake() const {
  const auto& [read, write] = own_wakes_;
  return read && write ? std::min(read, write) : read ? read : write;
}

void Throttle::rearm() {
  const std::optional<TimePoint> next = next_wake();
  if (next == armed_) return;
  armed_ = next;
  stream_.arm(next);
}

unsigned Throttle::on_timer(TimePoint now) {
  armed_.reset();
  unsigned due = 0;
  for (const Direction direction : both_directions) {
    const std::optional<TimePoint>& wake = own_wake(direction);
    if (!wake || *wake > now) continue;
    finish_own_wait(direction, now);
    due |= 1U << index_of(direction);
  }
  rearm();
  return due;
}

std::int64_t Throttle::limit(Direction direction, TimePoint now) {
  Side& side = this->side(direction);
  return side.own ? side.own->reported(now) : unlimited;
}

std::size_t Throttle::would_move(Direction direction, std::size_t wanted, TimePoint now) {
  Side& side = this->side(direction);
  std::uint64_t tokens = cost_.of(wanted);
  if (side.own) {
    const std::int64_t have = side.own->reported(now);
    if (have <= 0 || own_wake(direction)) return 0;
    tokens = std::min(tokens, static_cast<std::uint64_t>(have));
  }
  if (this->group() != nullptr) {
    TreeGuard guard(key_);
    RateGroup* group = group_;
    if (group != nullptr) tokens = std::min(tokens, group->lane(direction).share(side.seat, now));
  }
  return static_cast<std::size_t>(std::min<std::uint64_t>(cost_.payload(tokens), wanted));
}

bool Throttle::owes(Direction direction, TimePoint now) {
  Side& side = this->side(direction);
  if (side.own && side.own->available(now) <= 0) return true;
  if (this->group() == nullptr) return false;
  TreeGuard guard(key_);
  RateGroup* group = group_;
  return group != nullptr && group->lane(direction).owes(now);
}

bool Throttle::decrement(Direction direction, std::int64_t bytes, TimePoint now) {
  Side& side = this->side(direction);
  if (!side.own) return false;
  side.own->available(now);
  side.own->adjust(-std::max(bytes, -unlimited));
  if (std::optional<TimePoint>& wake = own_wake(direction)) {
    wake = side.own->wake_time(now, side.own->worth_waking());
    if (side.own->offer(now, 1, 1) != 0) resume(direction, now);
    rearm();
  }
  return true;
}

LimitStats Throttle::stats(Direction direction, TimePoint now) const {
  const Side& side = this->side(direction);
  LimitStats result = side.stats;
  if (side.waiting) result.throttled += std::max(now - side.waiting_since, Duration::zero());
  return result;
}

std::optional<std::uint64_t> Throttle::burst(Direction direction) const {
  std::optional<std::uint64_t> least;
  if (cfg_) least = cfg_->limit(direction).burst;
  if (this->group() == nullptr) return least;
  TreeGuard guard(key_);
  RateGroup* group = group_;
  if (group == nullptr) return least;
  const std::uint64_t shared = group->cfg_->limit(direction).burst;
  return std::min(least.value_or(shared), shared);
}

}  // namespace ev

#include "limit/token_bucket.h"

#include <algorithm>

namespace ev {
namespace {

TimePoint later(TimePoint now, Duration span) {
  return now > TimePoint::max() - span ? TimePoint::max() : now + span;
}

}  // namespace

TokenBucket::TokenBucket(const Pacing& pacing, TimePoint now)
    : pacing_(&pacing),
      flow_(rate().bytes, mode() == RefillMode::exact ? now : later(now, rate().tick)),
      ledger_(rate().bytes, now) {}

void TokenBucket::reconfigure(const Pacing& pacing, TimePoint now) {
  refill(now);
  const Limit& limit = pacing.limit;
  if (!(limit.rate == rate())) {
    flow_.change_rate(rate(), limit.rate, now);
    ledger_.change_rate(rate(), limit.rate, now);
  }
  const RefillMode old_mode = mode();
  pacing_ = &pacing;
  if (mode() != old_mode) change_mode(old_mode, now);
  refilled_at_ = TimePoint::min();
  lead_ = Duration::zero();
  flow_.clip(capacity(now));  // what somebody waits for stays
  ledger_.clip(limit.burst);
}

// One level is ahead of the other within a tick, and is not in debt for that by the new rate: strict
// ticks bring all at their beginning, and an exact flow does not wait for their end.
void TokenBucket::change_mode(RefillMode old_mode, TimePoint now) {
  const TimePoint tick_began = ledger_.due_from();
  if (old_mode == RefillMode::ticks) {
    flow_.restart(ledger_.tokens(), later(tick_began, rate().tick));
  } else if (old_mode == RefillMode::exact) {
    ledger_.restart(flow_.tokens(), tick_began);
    if (flow_.due_from() > now) return;  // nothing has come of what the tick will bring
    ledger_.add(-static_cast<std::int64_t>(rate().over(now - tick_began)));
  }
}

std::uint64_t TokenBucket::capacity(TimePoint now) const {
  const std::uint64_t most = now <= stretched_until_ ? pacing_->stretched : burst();
  return most - std::min(most, reserved_);
}

void TokenBucket::refill(TimePoint now) {
  if (now == refilled_at_) return;
  refilled_at_ = now;
  const std::uint64_t most_booked = burst() - std::min(burst(), reserved_);
  const bool ticked = ledger_.step(rate(), most_booked, now);
  const std::uint64_t most = capacity(now);
  flow_.flow(rate(), most, earned_by(now));
  // What was added by hand above the burst is good until the end of the tick.
  if (ticked) flow_.clip(most);
}

// Up to where flow_ has come by then: ahead of the clock, but not of the tick that has begun.
TimePoint TokenBucket::earned_by(TimePoint now) const {
  if (lead_ == Duration::zero()) return now;
  return std::max(now, std::min(later(now, lead_), later(ledger_.due_from(), rate().tick)));
}

// The other way round.
TimePoint TokenBucket::when_earned(TimePoint until) const {
  const TimePoint tick_began = ledger_.due_from();
  if (lead_ == Duration::zero() || until <= tick_began || until == TimePoint::max()) return until;
  const Duration ticks = (until - tick_began - Duration(1)) / rate().tick * rate().tick;
  return std::max(until - lead_, tick_began + ticks);
}

std::int64_t TokenBucket::available(TimePoint now) {
  refill(now);
  return granted_from().tokens();
}

std::int64_t TokenBucket::reported(TimePoint now) {
  refill(now);
  return mode() == RefillMode::exact ? flow_.tokens() : ledger_.tokens();
}

std::uint64_t TokenBucket::offer(TimePoint now, std::uint64_t wanted, std::uint64_t least) {
  const std::uint64_t most = std::min(wanted, largest_transfer());
  return worthwhile(now, most, std::min(most, least));
}

std::uint64_t TokenBucket::grant(TimePoint now, std::uint64_t wanted, std::uint64_t least) {
  return worthwhile(now, wanted, std::min({wanted, least, largest_transfer()}));
}

Means TokenBucket::means(TimePoint now) {
  const std::int64_t have = available(now);
  return {static_cast<std::uint64_t>(std::max<std::int64_t>(have, 1)), rate(), pacing_->stretched};
}

std::uint64_t TokenBucket::rest_of_savings(TimePoint now, std::uint64_t wanted) {
  const bool lived_on_savings = granted_ > pacing_->chunk + pacing_->chunk / 2;
  granted_ = 0;
  return lived_on_savings ? worthwhile(now, wanted, 1) : 0;
}

std::uint64_t TokenBucket::worthwhile(TimePoint now, std::uint64_t most, std::uint64_t least) {
  const std::int64_t have = available(now);
  if (have <= 0) return 0;
  const std::uint64_t part = std::min(most, static_cast<std::uint64_t>(have));
  return part < least && grows_soon(now) ? 0 : part;
}

// The rest of a tick that will not is not worth waiting with.
bool TokenBucket::grows_soon(TimePoint now) const {
  return mode() != RefillMode::ticks && flow_.due_from() <= later(now, Pacing::patience);
}

std::uint64_t TokenBucket::worth_taking(TimePoint now) const {
  if (took_at_ != TimePoint::min() && now < later(took_at_, Pacing::patience))
    return pacing_->chunk;
  return std::min(pacing_->chunk, rate().bytes);
}

void TokenBucket::take(std::uint64_t tokens, TimePoint now) {
  refill(now);
  took_at_ = now;
  adjust(-static_cast<std::int64_t>(std::min(tokens, max_tokens)));
}

void TokenBucket::adjust(std::int64_t tokens) {
  flow_.add(tokens);
  ledger_.add(tokens);
}

void TokenBucket::reserve(std::uint64_t tokens, TimePoint now) {
  take(tokens, now);
  reserved_ += tokens;
  granted_ = std::min(granted_ + tokens, max_tokens);
}

void TokenBucket::settle(std::uint64_t reserved, std::uint64_t used, TimePoint now) {
  refill(now);
  reserved_ -= std::min(reserved, reserved_);
  if (used > reserved) return take(used - reserved, now);
  adjust(static_cast<std::int64_t>(reserved - used));
}

void TokenBucket::begin_wait(TimePoint now) {
  refill(now);
  stretched_until_ = TimePoint::max();
}

void TokenBucket::end_wait(TimePoint now) {
  refill(now);
  stretched_until_ = later(now, Pacing::patience);
}

TimePoint TokenBucket::wake_time(TimePoint now, std::uint64_t wanted) {
  if (available(now) > 0 && !grows_soon(now)) return now;
  const std::uint64_t target = std::clamp<std::uint64_t>(wanted, 1, pacing_->stretched);
  const TimePoint ready = mode() == RefillMode::ticks
                              ? ledger_.when_stepping(1, rate())
                              : when_earned(flow_.when_flowing(target, rate()));
  return std::max(now, ready);
}

TimePoint TokenBucket::wake_in_turn(TimePoint now, std::uint32_t phase) {
  const bool comes_in_rounds = mode() != RefillMode::ticks && pacing_->chunk > 1;
  const TimePoint ready = wake_time(now, (pacing_->in_turn + 1) / 2);
  // A remainder of the last chunk, from whoever had not enough to move, must not pile up.
  if (!comes_in_rounds || ready <= now) return wake_time(now, pacing_->chunk);
  const Duration place =
      pacing_->round / pacing_->places * ((std::uint64_t{phase} * pacing_->places) >> 32);
  const Duration past = (ready.time_since_epoch() - place) % pacing_->round;
  const TimePoint wake = past == Duration::zero() ? ready : later(ready, pacing_->round - past);
  // So that with the last wake-up of a tick all of it has moved.
  if (pacing_->may_lead) lead_ = pacing_->round - (wake - ledger_.due_from()) % pacing_->round;
  return wake;
}

}  // namespace ev

#include "limit/token_bucket.h"

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
  constexpr Duration patience = TokenBucket::patience;
  if (longest > patience * 2 / 3) return patience;
  return patience / ((patience + longest - Duration(1)) / longest);
}

TimePoint later(TimePoint now, Duration span) {
  return now > TimePoint::max() - span ? TimePoint::max() : now + span;
}

}  // namespace

TokenBucket::TokenBucket(const Limit& limit, TimePoint now)
    : limit_(limit),
      flow_(limit.rate.bytes, limit.mode == RefillMode::exact ? now : later(now, limit.rate.tick)),
      ledger_(limit.rate.bytes, now) {
  derive();
}

void TokenBucket::derive() {
  const Rate& rate = limit_.rate;
  const Duration pace = std::clamp(rate.tick / 2, shortest_pace, longest_pace);
  const std::uint64_t patient = rate.over(patience);
  const std::uint64_t one_packet = std::min(packet, patient);
  const std::uint64_t worthwhile =
      rate.tick < patience ? one_packet : std::min(2 * packet, patient);
  chunk_ = portion_ = std::max({rate.over(pace), worthwhile, std::uint64_t{1}});
  round_ = even_round(rate.span_of(chunk_));
  // Few, so that a turn of the loop serves many: a loop that sleeps in between finds the
  // processor's caches cold.
  const Duration spacing = std::clamp(rate.tick, shortest_pace, longest_pace);
  places_ = static_cast<std::uint32_t>(std::max<Duration::rep>(round_ / spacing, 2));
  largest_take_ = stretched_ = limit_.burst;
  in_turn_ = rate.over(round_);
  may_lead_ = limit_.mode == RefillMode::smooth && rate.tick % round_ == Duration::zero();
  lead_ = Duration::zero();
  switch (limit_.mode) {
    case RefillMode::smooth:
      largest_take_ = std::max(limit_.burst, one_packet);
      stretched_ = std::max(chunk_, in_turn_) + patient;
      stretched_ = std::clamp(stretched_, limit_.burst, max_tokens);
      break;
    case RefillMode::ticks:
      chunk_ = 1;
      portion_ = limit_.burst;
      break;
    case RefillMode::exact:
      // Waiting for a full bucket would lose whatever comes after it is full.
      chunk_ = portion_ = std::min(chunk_, std::max<std::uint64_t>(limit_.burst / 2, 1));
      round_ = std::clamp(rate.span_of(chunk_), Duration(1), round_);
      in_turn_ = chunk_;
      break;
  }
}

void TokenBucket::reconfigure(const Limit& limit, TimePoint now) {
  refill(now);
  if (!(limit.rate == limit_.rate)) {
    flow_.change_rate(limit.rate, now);
    ledger_.change_rate(limit.rate, now);
  }
  limit_ = limit;
  refilled_at_ = TimePoint::min();
  derive();
  flow_.clip(limit_.burst);
  ledger_.clip(limit_.burst);
}

std::uint64_t TokenBucket::capacity(TimePoint now) const {
  const std::uint64_t most = now <= stretched_until_ ? stretched_ : limit_.burst;
  return most - std::min(most, reserved_);
}

void TokenBucket::refill(TimePoint now) {
  if (now == refilled_at_) return;
  refilled_at_ = now;
  const std::uint64_t most_booked = limit_.burst - std::min(limit_.burst, reserved_);
  const bool ticked = ledger_.step(limit_.rate, most_booked, now);
  const std::uint64_t most = capacity(now);
  flow_.flow(limit_.rate, most, earned_by(now));
  // What was added by hand above the burst is good until the end of the tick.
  if (ticked) flow_.clip(most);
}

// Up to where flow_ has come by then: ahead of the clock, but not of the tick that has begun.
TimePoint TokenBucket::earned_by(TimePoint now) const {
  if (lead_ == Duration::zero()) return now;
  return std::max(now, std::min(later(now, lead_), later(ledger_.due_from(), limit_.rate.tick)));
}

// The other way round.
TimePoint TokenBucket::when_earned(TimePoint until) const {
  const TimePoint tick_began = ledger_.due_from();
  if (lead_ == Duration::zero() || until <= tick_began || until == TimePoint::max()) return until;
  const Duration ticks = (until - tick_began - Duration(1)) / limit_.rate.tick * limit_.rate.tick;
  return std::max(until - lead_, tick_began + ticks);
}

std::int64_t TokenBucket::available(TimePoint now) {
  refill(now);
  return granted_from().tokens();
}

std::int64_t TokenBucket::reported(TimePoint now) {
  refill(now);
  return limit_.mode == RefillMode::exact ? flow_.tokens() : ledger_.tokens();
}

std::uint64_t TokenBucket::offer(TimePoint now, std::uint64_t wanted, std::uint64_t least) {
  const std::int64_t have = available(now);
  if (have <= 0) return 0;
  const std::uint64_t most = std::min(wanted, largest_take_);
  const std::uint64_t grant = std::min(most, static_cast<std::uint64_t>(have));
  if (grant >= std::min(most, least)) return grant;
  // The rest of a tick that will not grow any time soon is not worth waiting with.
  const bool grows_soon =
      limit_.mode != RefillMode::ticks && flow_.due_from() <= later(now, patience);
  return grows_soon ? 0 : grant;
}

std::uint64_t TokenBucket::worth_taking(TimePoint now) const {
  if (took_at_ != TimePoint::min() && now < later(took_at_, patience)) return chunk_;
  return std::min(chunk_, limit_.rate.bytes);
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
  stretched_until_ = later(now, patience);
}

TimePoint TokenBucket::wake_time(TimePoint now, std::uint64_t wanted) {
  refill(now);
  const std::uint64_t target = std::clamp<std::uint64_t>(wanted, 1, stretched_);
  const TimePoint ready = limit_.mode == RefillMode::ticks
                              ? ledger_.when_stepping(1, limit_.rate)
                              : when_earned(flow_.when_flowing(target, limit_.rate));
  return std::max(now, ready);
}

TimePoint TokenBucket::wake_in_turn(TimePoint now, std::uint32_t phase) {
  const bool comes_in_rounds = limit_.mode != RefillMode::ticks && chunk_ > 1;
  const TimePoint ready = wake_time(now, (in_turn_ + 1) / 2);
  // A remainder of the last chunk, from whoever had not enough to move, must not pile up.
  if (!comes_in_rounds || ready <= now) return wake_time(now, chunk_);
  const Duration place = round_ / places_ * ((std::uint64_t{phase} * places_) >> 32);
  const Duration past = (ready.time_since_epoch() - place) % round_;
  const TimePoint wake = past == Duration::zero() ? ready : later(ready, round_ - past);
  // So that with the last wake-up of a tick all of it has moved.
  if (may_lead_) lead_ = round_ - (wake - ledger_.due_from()) % round_;
  return wake;
}

}  // namespace ev

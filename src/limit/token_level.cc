#include "limit/token_level.h"

#include <algorithm>
#include <limits>

namespace ev {

void TokenLevel::gain(Wide tokens, std::uint64_t capacity) {
  const SignedWide room = SignedWide{static_cast<std::int64_t>(capacity)} - tokens_;
  if (room <= 0 || static_cast<Wide>(room) <= tokens) {
    tokens_ = std::max(tokens_, static_cast<std::int64_t>(capacity));
    remainder_ = 0;
  } else {
    // A debt may be so large that what pays it back does not fit into the type by itself.
    tokens_ = static_cast<std::int64_t>(tokens_ + static_cast<SignedWide>(tokens));
  }
}

void TokenLevel::flow(const Rate& rate, std::uint64_t capacity, TimePoint now) {
  if (now <= earned_until_) return;
  const auto elapsed = static_cast<std::uint64_t>((now - earned_until_).count());
  const Wide earned = Wide{elapsed} * rate.bytes + remainder_;
  earned_until_ = now;
  remainder_ = static_cast<std::uint64_t>(earned % rate.ticks());
  gain(earned / rate.ticks(), capacity);
}

bool TokenLevel::step(const Rate& rate, std::uint64_t capacity, TimePoint now) {
  if (now < earned_until_ || now - earned_until_ < rate.tick) return false;
  const Duration::rep passed = (now - earned_until_) / rate.tick;
  earned_until_ += passed * rate.tick;
  gain(Wide{rate.bytes} * static_cast<std::uint64_t>(passed), capacity);
  clip(capacity);
  return true;
}

void TokenLevel::add(std::int64_t tokens) {
  if (__builtin_add_overflow(tokens_, tokens, &tokens_)) {
    tokens_ = tokens < 0 ? std::numeric_limits<std::int64_t>::min()
                         : std::numeric_limits<std::int64_t>::max();
  }
}

void TokenLevel::clip(std::uint64_t capacity) {
  tokens_ = std::min(tokens_, static_cast<std::int64_t>(capacity));
}

void TokenLevel::change_rate(const Rate& before, const Rate& now_valid, TimePoint now) {
  remainder_ = static_cast<std::uint64_t>(Wide{remainder_} * now_valid.ticks() / before.ticks());
  const bool fits = now_valid.tick <= TimePoint::max() - std::max(now, TimePoint{});
  const TimePoint latest = fits ? now + now_valid.tick : TimePoint::max();
  earned_until_ = std::clamp(earned_until_, now - now_valid.tick + Duration(1), latest);
}

Wide TokenLevel::missing(std::uint64_t target) const {
  const SignedWide gap = SignedWide{static_cast<std::int64_t>(target)} - tokens_;
  return gap <= 0 ? Wide{0} : static_cast<Wide>(gap);
}

TimePoint TokenLevel::later(Wide nanoseconds) const {
  const Wide room =
      static_cast<Wide>((TimePoint::max() - std::max(earned_until_, TimePoint{})).count());
  if (nanoseconds >= room) return TimePoint::max();
  return earned_until_ + Duration(static_cast<Duration::rep>(nanoseconds));
}

TimePoint TokenLevel::when_flowing(std::uint64_t target, const Rate& rate) const {
  const Wide gap = missing(target);
  if (gap == 0) return TimePoint::min();
  const Wide needed = gap * rate.ticks() - remainder_;
  return later((needed + rate.bytes - 1) / rate.bytes);
}

TimePoint TokenLevel::when_stepping(std::uint64_t target, const Rate& rate) const {
  const Wide gap = missing(target);
  if (gap == 0) return TimePoint::min();
  return later((gap + rate.bytes - 1) / rate.bytes * rate.ticks());
}

}  // namespace ev

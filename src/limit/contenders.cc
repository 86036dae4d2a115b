#include "limit/contenders.h"

#include <algorithm>

namespace ev {

void Contenders::note(Turn& turn, TimePoint now) {
  if (now >= epoch_ends_) {
    const bool followed_on = epoch_ != 0 && now - epoch_ends_ < epoch_length;
    seen_before_ = followed_on ? seen_now_ : 0;
    seen_now_ = 0;
    longest_before_ = followed_on ? longest_now_ : 0;
    longest_now_ = 0;
    epoch_ends_ = now + epoch_length;
    if (++epoch_ == 0) epoch_ = 1;
  }
  if (turn.seen_in_epoch_ == epoch_) return;
  turn.seen_in_epoch_ = epoch_;
  seen_now_ += turn.weight();
}

bool Contenders::besides(const Turn& turn) const {
  return std::max(seen_before_, seen_now_) > turn.weight();
}

std::uint64_t Contenders::weight(std::uint64_t all, std::uint64_t waiting) const {
  const std::uint64_t seen = seen_before_ == 0 ? all : std::max(seen_before_, seen_now_);
  const std::uint64_t most = std::max({seen, waiting, longest_now_, longest_before_});
  return std::clamp<std::uint64_t>(most, 1, std::max<std::uint64_t>(all, 1));  // some have left
}

}  // namespace ev

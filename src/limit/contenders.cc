#include "limit/contenders.h"

#include <algorithm>

namespace ev {

void Contenders::note(Turn& turn, TimePoint now) {
  if (now >= epoch_ends_) {
    const bool followed_on = epoch_ != 0 && now - epoch_ends_ < epoch_length;
    before_ = followed_on ? now_ : Epoch{};
    now_ = Epoch{};
    epoch_ends_ = now + epoch_length;
    if (++epoch_ == 0) epoch_ = 1;
  }
  if (turn.seen_in_epoch_ == epoch_) return;
  if (turn.seen_in_epoch_ == 0 || turn.seen_in_epoch_ != epoch_ - 1) now_.returned += turn.weight();
  turn.seen_in_epoch_ = epoch_;
  now_.seen += turn.weight();
}

void Contenders::note_shared(std::int64_t tokens, Wide unused) {
  constexpr Wide most = Wide{1} << 120;
  if (tokens > 0) now_.shared = std::min(now_.shared + static_cast<std::uint64_t>(tokens), most);
  now_.unused = std::min(now_.unused + unused, most);
}

bool Contenders::besides(const Turn& turn) const {
  return std::max(before_.seen, now_.seen) > turn.weight();
}

std::uint64_t Contenders::weight(std::uint64_t all, std::uint64_t waiting) const {
  const std::uint64_t seen = before_.seen == 0 ? all : std::max(before_.seen, now_.seen);
  const std::uint64_t most = std::max({seen, waiting, now_.longest_queue, before_.longest_queue});
  return std::clamp<std::uint64_t>(most, 1, std::max<std::uint64_t>(all, 1));  // some have left
}

std::uint64_t Contenders::served(std::uint64_t competing) const {
  Wide shared = now_.shared + before_.shared;
  Wide due = shared + now_.unused + before_.unused;
  while (due >> 64 != 0) {
    shared >>= 32;
    due >>= 32;
  }
  if (due == 0) return competing * scale;
  const std::uint64_t returned = std::min(now_.returned + before_.returned, competing);
  const Wide others = Wide{competing - returned} * scale * shared / due;
  return static_cast<std::uint64_t>(std::max<Wide>(returned * scale + others, scale));
}

}  // namespace ev

#include "stream/turn_limits.h"

#include <utility>

#include "loop/event.h"
#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {

TurnLimits::TurnLimits(Stream& stream) : stream_(stream) {
  assign(timer_, &stream.loop(), -1, 0, on_turn, this);
}

TurnLimits::~TurnLimits() { leave_loop(); }

void TurnLimits::leave_loop() noexcept { stream_.loop().remove_noblock(timer_); }

// The timer may run without need: it was started again while its last call waited for our lock.
bool TurnLimits::is_waiting() const noexcept {
  return sides_[0].waits || sides_[1].waits || has_flag(timer_, EVLIST_TIMEOUT | EVLIST_ACTIVE);
}

std::size_t TurnLimits::left(Direction direction) const noexcept {
  const Side& one = side(direction);
  if (one.turn != stream_.loop().turn()) return one.most;
  return one.most - std::min(one.moved, one.most);
}

void TurnLimits::count(Direction direction, std::size_t bytes) noexcept {
  Side& one = side(direction);
  const unsigned turn = stream_.loop().turn();
  if (one.turn != turn) one.moved = 0;
  one.turn = turn;
  one.moved += bytes;
}

void TurnLimits::go_on_next_turn(Direction direction) {
  // The stream may have moved to another loop meanwhile, which it does not while we wait.
  if (timer_.ev_base != &stream_.loop()) assign(timer_, &stream_.loop(), -1, 0, on_turn, this);
  if (std::exchange(side(direction).waits, true)) return;
  constexpr timeval at_once{};
  stream_.loop().add(timer_, &at_once);
}

void TurnLimits::on_turn(int, short, void* self) {
  TurnLimits& limits = *static_cast<TurnLimits*>(self);
  Stream& stream = limits.stream_;
  from_loop(stream, [&] {
    const bool reads = std::exchange(limits.side(Direction::read).waits, false);
    const bool writes = std::exchange(limits.side(Direction::write).waits, false);
    if (reads) stream.move_again(Direction::read);
    if (stream.is_freed()) return;
    if (writes) stream.move_again(Direction::write);
  });
}

}  // namespace ev

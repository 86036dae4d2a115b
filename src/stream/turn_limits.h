// The most that a stream moves in one turn of the loop, once the program has set it
// (bufferevent_set_max_single_read, _write). Belongs to the stream and is used under its lock.
#pragma once

#include <event2/event_struct.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "limit/direction.h"
#include "sys/memory.h"

namespace ev {

class Stream;

class TurnLimits : public Allocated {
 public:
  explicit TurnLimits(Stream& stream);
  ~TurnLimits();
  TurnLimits(const TurnLimits&) = delete;
  TurnLimits& operator=(const TurnLimits&) = delete;

  // 0: none.
  void set(Direction direction, std::size_t most) noexcept { side(direction).most = most; }
  std::size_t most(Direction direction) const noexcept { return side(direction).most; }
  // What may still move in this turn, for a direction with a limit.
  std::size_t left(Direction direction) const noexcept;
  void count(Direction direction, std::size_t bytes) noexcept;
  // Lets the stream try the direction again in the next turn.
  void go_on_next_turn(Direction direction);
  bool is_waiting() const noexcept;
  void leave_loop() noexcept;

 private:
  struct Side {
    std::size_t most = 0;
    std::size_t moved = 0;
    unsigned turn = 0;  // in which `moved` was counted
    bool waits = false;
  };

  Side& side(Direction direction) noexcept { return sides_[index_of(direction)]; }
  const Side& side(Direction direction) const noexcept { return sides_[index_of(direction)]; }
  static void on_turn(int, short, void* self);

  Stream& stream_;
  event timer_{};  // without a delay: it expires in the turn after the one that starts it
  Side sides_[2];
};

}  // namespace ev

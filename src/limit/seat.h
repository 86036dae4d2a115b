// One stream's place in one direction of a group.
//
//        claim: nothing to be had             lane grants               claim
//   idle -----------------------> waiting ---------------> granted -----------> moving
//    |                                                        ^  grant not used up |
//    |                                                        '--------------------| settle
//    |  claim: tokens there and nobody waiting                                     |
//    '--------------------------------------------------------> moving --> idle <--'
//
// Tokens are taken from the lane and all above it when they are granted, so several threads can
// never move the same ones. What is not used goes back: when less was moved than could have been,
// or when a grant has been left alone for too long. Guarded by the lock of the tree.
#pragma once

#include <cstdint>

#include "limit/means.h"
#include "limit/throttled.h"
#include "limit/turn.h"

namespace ev {

class Seat final : public Turn {
 public:
  Seat(Throttled& stream, Direction direction)
      : Turn(Kind::seat), stream_(stream), direction_(direction) {}

  Throttled& stream() const { return stream_; }
  Direction direction() const { return direction_; }
  // Waits, or has a grant that it may not have been told of.
  bool pending() const { return state_ == State::waiting || state_ == State::granted; }

 private:
  friend class Lane;
  enum class State : unsigned char { idle, waiting, granted, moving };

  Throttled& stream_;
  const Direction direction_;
  State state_ = State::idle;
  std::uint64_t held_ = 0;   // tokens taken in advance
  std::uint64_t given_ = 0;  // the part of them that the last claim answered
  Means means_;
  TimePoint claimed_at_{};
  TimePoint granted_at_{};
  bool wants_more_ = false;  // what it moved last was all that it got, and less than it had wanted
  bool got_it_at_once_ = false;
};

}  // namespace ev

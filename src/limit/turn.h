// A place in a round of turns: what a lane gives its tokens to, one after the other. A turn belongs
// to one stream (Seat) or to the streams of a child group (Lane). In a round each turn may move its
// quantum, weight times the lane's unit; what it has left of it is its credit. Whoever leaves in
// its turn and comes back at once goes on where it stopped. How far it is behind its part of what
// all turns got is its lag; it is kept within a few quanta, so that nobody saves up an absence.
#pragma once

#include <cstdint>

#include "limit/rate.h"

namespace ev {

class Lane;
class Ring;

class Turn {
 public:
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

  Lane* lane() const { return lane_; }  // whose tokens we take turns for; null: none
  bool queued() const { return ring_ != nullptr; }
  std::uint32_t weight() const { return weight_; }

 protected:
  enum class Kind : unsigned char { seat, lane };
  explicit Turn(Kind kind) : kind_(kind) {}
  ~Turn() = default;

  Lane* lane_ = nullptr;
  std::uint32_t weight_ = 1;

 private:
  friend class Lane;
  friend class Ring;
  friend class Contenders;
  friend class Shares;

  const Kind kind_;
  std::uint32_t seen_in_epoch_ = 0;
  bool in_turn_ = false;                  // has had some of its turn, and not all
  std::int64_t credit_ = 0;               // below zero: took more than its turn, next time less
  Wide shared_seen_ = 0;                  // of the lane: up to where our part has been counted
  std::int64_t lag_ = 0;                  // that part, less what we had of it by then
  std::int64_t had_ = 0;                  // since then
  std::uint64_t unit_seen_ = 0;           // of the lane, at that time
  TimePoint left_at_ = TimePoint::min();  // when it last left a ring
  TimePoint turn_at_ = TimePoint::max();  // the service in or after which it last had something
  Ring* ring_ = nullptr;
  Turn* next_ = nullptr;
  Turn* previous_ = nullptr;
};

// Turns in a circle, linked through themselves: queueing needs no memory and cannot fail.
class Ring {
 public:
  bool empty() const { return first_ == nullptr; }
  bool has_one() const { return first_ != nullptr && first_->next_ == first_; }
  Turn* first() const { return first_; }
  void push_front(Turn& turn);
  void push_back(Turn& turn);
  void bring_to_front(Turn& turn);
  void remove(Turn& turn);
  void rotate() {
    if (first_ != nullptr) first_ = first_->next_;
  }

 private:
  Turn* first_ = nullptr;
};

}  // namespace ev

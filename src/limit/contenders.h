// How much weight currently competes for a lane: the basis of everybody's share. Those who asked
// within one of the last two epochs count, or who were in the queue together then: with very many
// members a round takes longer than an epoch. After a pause nobody knows who will come, so all
// members are presumed to: the first one to come must not be handed the whole bucket while the
// others are a moment late.
#pragma once

#include <cstdint>

#include "limit/turn.h"
#include "sys/clock.h"

namespace ev {

class Contenders {
 public:
  // Longer than a round of turns among few, so that everybody is seen in each epoch.
  static constexpr Duration epoch_length = std::chrono::milliseconds(250);

  void note(Turn& turn, TimePoint now);
  // `waiting` is the weight in the queue, whenever that has grown.
  void note_queue(std::uint64_t waiting) {
    if (waiting > longest_now_) longest_now_ = waiting;
  }
  // `all` is the weight of all members, `waiting` that of those in the queue. At least 1.
  std::uint64_t weight(std::uint64_t all, std::uint64_t waiting) const;
  // Whether somebody else has been seen.
  bool besides(const Turn& turn) const;

 private:
  TimePoint epoch_ends_ = TimePoint::min();
  std::uint32_t epoch_ = 0;
  std::uint64_t seen_now_ = 0;
  std::uint64_t seen_before_ = 0;
  std::uint64_t longest_now_ = 0;  // the queue
  std::uint64_t longest_before_ = 0;
};

}  // namespace ev

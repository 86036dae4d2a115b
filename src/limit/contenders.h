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
    if (waiting > now_.longest_queue) now_.longest_queue = waiting;
  }
  // Handed out, and the parts that others did not use meanwhile.
  void note_shared(std::int64_t tokens, Wide unused);

  // `all` is the weight of all members, `waiting` that of those in the queue. At least 1.
  std::uint64_t weight(std::uint64_t all, std::uint64_t waiting) const;
  // How much of the weight `competing` uses its part, in units of 1/scale; who was not there before
  // is presumed to. At least 1.
  static constexpr std::uint64_t scale = 256;
  std::uint64_t served(std::uint64_t competing) const;
  // Whether somebody else has been seen.
  bool besides(const Turn& turn) const;

 private:
  struct Epoch {
    std::uint64_t seen = 0;
    std::uint64_t returned = 0;  // of those, who had not been seen the epoch before
    std::uint64_t longest_queue = 0;
    Wide shared = 0;
    Wide unused = 0;
  };

  TimePoint epoch_ends_ = TimePoint::min();
  std::uint32_t epoch_ = 0;
  Epoch now_;
  Epoch before_;
};

}  // namespace ev

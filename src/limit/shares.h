// How a lane's tokens are shared among its turns: what a turn may take in one round, its quantum,
// and how far each is behind its part of all that was handed out, its lag.
//
// Parts go by the weights of those who compete. Whoever cannot use its part, because of a limit of
// its own for example, leaves it to the others: the parts that were due then add up to more than
// what was handed out, and from how much more follows how much of the weight is really served. By
// that weight rounds are divided, so that they have their length also where a heavy member wants
// little.
#pragma once

#include <cstdint>

#include "limit/contenders.h"
#include "limit/turn.h"

namespace ev {

class Shares {
 public:
  // What a round is to take, and what the longest one may: half a second's tokens.
  struct Round {
    std::uint64_t bytes = 0;
    std::uint64_t longest = 0;
  };
  struct Style {
    unsigned rounds_above = 1;  // that a round takes, of those in the lane above
    bool even = false;          // a whole number of rounds takes a second
    // Even turns have up to two packets if everybody still gets so many of them a second. 0: one.
    unsigned turns_of_two = 0;
  };

  void adopt(Turn& turn, std::uint32_t weight);
  void dismiss(const Turn& turn) { all_weight_ -= turn.weight_; }
  void reweigh(Turn& turn, std::uint32_t weight, bool waits);

  void note(Turn& turn, TimePoint now) { contenders_.note(turn, now); }  // it asks for tokens
  void enter_queue(const Turn& turn);
  void leave_queue(const Turn& turn) { waiting_weight_ -= turn.weight_; }
  // Whether somebody else has asked of late.
  bool besides(const Turn& turn) const { return contenders_.besides(turn); }

  // To be repeated now and then, as others come and go.
  void divide(const Round& round, const Style& style, std::uint64_t min_share);
  std::uint64_t quantum(const Turn& turn) const { return unit_ * turn.weight_; }
  std::uint64_t unit() const { return unit_; }
  // The part of the round that comes to one of them.
  Round part_of(const Turn& turn) const;
  // By weight among those who compete, or among all members.
  std::uint64_t even_part(const Turn& turn, std::uint64_t tokens) const;
  std::uint64_t least_part(const Turn& turn, std::uint64_t tokens) const;

  void start_anew(Turn& turn) const;  // neither behind nor ahead
  void charge(Turn& turn, std::uint64_t tokens);
  void take_back(Turn& turn, std::uint64_t tokens);  // as if it had never had them
  void note_content(Turn& turn);                     // it does not want more, so it is not behind
  void count_part(Turn& turn);                       // brings its lag up to date
  std::uint64_t lag(const Turn& turn) const;         // 0 if it is ahead
  // By more than waiting for the next turn explains: those of all others come before it.
  bool is_late(const Turn& turn) const;

 private:
  // The weight that competes for what there is; at least 1.
  std::uint64_t competing() const { return contenders_.weight(all_weight_, waiting_weight_); }
  std::int64_t furthest_ahead(const Turn& turn) const;

  Wide shared_ = 0;  // of which everybody is due its part; see count_part()
  std::uint64_t all_weight_ = 0;
  std::uint64_t waiting_weight_ = 0;
  std::uint64_t served_weight_ = Contenders::scale;  // in units of 1/scale
  std::uint64_t unit_ = 1;                           // the quantum of weight 1
  Round round_;
  Contenders contenders_;
};

}  // namespace ev

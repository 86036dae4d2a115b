// One direction of a group: its bucket, and the turns of those who wait for its tokens. Lanes form
// a tree as their groups do, and tokens are taken from a lane and from every lane above it, so none
// of them is ever exceeded.
//
//            root lane            throttled lanes: those of the tree that ran out, by when due
//                |                woken: seats with a grant that were not told yet
//                |                holders: seats with a grant that they were told of
//   ring: L1 -> L2 -> L3 -> S4
//          |     |                L: lane of a child group   S: seat of a stream
//         S5    S6 -> S7          A throttled lane is in no ring until it is due.
//
// Tokens go round by deficit round robin (see turn.h), and in one service nobody begins two turns
// while others compete. Whoever came short of its part, being away or held up by a limit of its own
// when its turn came, goes first until that is made up for. Child groups that are below their
// assured rate are in a second ring as well, which goes first. Only who waits takes part, and
// serving costs time per grant, not per member.
//
// lane.cc has what streams and settings ask for, lane_service.cc how tokens are handed out. Guarded by
// the lock of the tree.
#pragma once

#include <optional>

#include "limit/seat.h"
#include "limit/shares.h"
#include "limit/stats.h"
#include "limit/token_bucket.h"
#include "limit/turn.h"
#include "limit/wake_queue.h"

namespace ev {

class Lane final : public Turn {
 public:
  Lane(const Pacing& pacing, TimePoint now);

  // Membership. Whoever leaves must have nothing waiting, granted or moving.
  void adopt(Turn& turn, std::uint32_t weight);
  void dismiss(Turn& turn);
  void reweigh(Turn& turn, std::uint32_t weight);

  // Of a seat of this lane. claim() answers how many of `wanted` (at least 1) tokens may be used up
  // now and expects settle() with what was used; 0: the seat has to wait, and its stream is told
  // when it has a grant. That is for several transfers, as far as its means go.
  std::uint64_t claim(Seat& seat, std::uint64_t wanted, const Means& means, TimePoint now);
  void settle(Seat& seat, std::uint64_t used, std::uint64_t payload, TimePoint now);
  void cancel(Seat& seat, TimePoint now);
  // What the getters say a seat could move now: in whole ticks, never more than the lane has.
  std::uint64_t share(const Seat& seat, TimePoint now);

  // Of a root: hands out what can be had right away; needed after settings have changed.
  void dispatch(TimePoint now);
  // Of a root: hands out what is due, says when to be called again (empty: nobody waits), and lists
  // the seats that got a grant and are to be told.
  void serve(TimePoint now);
  std::optional<TimePoint> next_service() const;
  Seat* take_woken();

  void reconfigure(const Pacing& pacing, TimePoint now);
  void set_min_share(std::uint64_t bytes) {
    min_share_ = bytes;
    divided_at_ = TimePoint::min();
  }
  // Below this rate the lane goes before its siblings; what exceeds it, up to the lane's own rate,
  // is borrowed from what they leave. Empty: everything is borrowed.
  void set_assured(const std::optional<Rate>& rate, TimePoint now);
  void adjust(std::int64_t tokens, TimePoint now);
  bool owes(TimePoint now);  // or one above it
  std::int64_t reported(TimePoint now) { return bucket_.reported(now); }

  std::uint64_t total() const { return total_; }
  void reset_total() { total_ = 0; }
  LimitStats stats(TimePoint now) const;

 private:
  // Credit is kept over an absence of this length: a stream that was served is away for a turn of
  // its loop.
  static constexpr Duration credit_life = std::chrono::milliseconds(100);
  // Lanes that become due one shortly after the other are served together, but no tick is missed.
  static constexpr Duration service_spacing = std::chrono::milliseconds(1);

  struct Assured {
    Rate rate;
    std::uint64_t round;  // what comes in one
    std::uint64_t capacity;
    std::uint64_t some;  // less of it is not worth going first for
    TokenLevel level;
    std::uint64_t taken = 0;  // of it by the last grant
  };
  // A lane's place in the assured ring above, besides the one it has by itself.
  struct AssuredTurn final : Turn {
    explicit AssuredTurn(Lane& lane) : Turn(Kind::lane), owner(lane) {}
    Lane& owner;
  };

  void derive();
  Shares::Style round_style() const;
  bool has_unhurried_turns() const;
  std::uint64_t small_turn() const;
  Lane& root();
  bool empty() const { return turns_.empty(); }
  bool throttled() const { return throttle_hook_.queued; }

  void divide(TimePoint now);
  std::uint64_t largest_portion() const;
  std::uint64_t portion(const Seat& seat, TimePoint now) const;
  std::uint64_t portion(Lane& child, TimePoint now);
  bool assured_now(TimePoint now);

  std::uint64_t offer_at_once(Seat& seat, std::uint64_t wanted, TimePoint now);
  void wait(Seat& seat, TimePoint now);
  void reserve(std::uint64_t tokens, TimePoint now);
  std::uint64_t use_grant(Seat& seat, std::uint64_t wanted);
  void give_back(Seat& seat, TimePoint now);
  void decline(Seat& seat, std::uint64_t used, TimePoint now);
  void hand_on(TimePoint now);

  Turn* head(TimePoint served_at, TimePoint now);
  void insert(Turn& turn, TimePoint now);
  void remove(Turn& turn, TimePoint now);
  void activate(TimePoint now);
  void throttle(TimePoint until, TimePoint now);
  std::optional<TimePoint> rest_before(const Turn& turn, TimePoint now);
  TimePoint time_of(std::uint64_t lacking, TimePoint now);
  void end_throttle(TimePoint now);
  void retime(TimePoint now);
  void wake_due(TimePoint now);
  void promote_due(TimePoint now);
  void reclaim_due(TimePoint now);
  void grant_next(TimePoint now);
  void note_cut_short(Seat& seat);
  Seat& seat_in_turn(Seat& first, const Ring& untold) const;
  void charge(Seat& seat, std::uint64_t tokens, TimePoint now);
  void charge_turn(Lane& child, std::uint64_t tokens, TimePoint now);
  void take_back(Turn& turn, std::uint64_t tokens, TimePoint now);
  void end_turn(Turn& turn);
  std::uint64_t refund_assured(Lane& child, std::uint64_t tokens, TimePoint now);
  void enter_assured(Lane& child, TimePoint now);
  void leave_assured(Lane& child);

  TokenBucket bucket_;
  std::optional<Assured> assured_;
  std::uint64_t min_share_ = 0;
  std::uint64_t added_ = 0;  // by hand, and not handed out yet
  Shares::Round round_;      // by our own rate
  std::size_t child_lanes_ = 0;
  TimePoint divided_at_ = TimePoint::min();

  Ring turns_;
  Ring assured_turns_;
  AssuredTurn assured_turn_{*this};
  Seat* cut_short_ = nullptr;  // whose turn was, by ours in the lane above
  unsigned pieces_ = 0;        // that it has got of it since it waited
  Shares shares_;              // of what is not of an assured rate
  WakeHook throttle_hook_{*this};
  WakeHook promotion_hook_{*this};

  // Used in a root only.
  WakeQueue throttled_lanes_;
  WakeQueue promotions_;
  Ring woken_;
  Ring holders_;  // by the time of their grant
  TimePoint served_at_ = TimePoint::min();

  std::uint64_t total_ = 0;
  LimitStats stats_;
  TimePoint throttled_since_{};
};

}  // namespace ev

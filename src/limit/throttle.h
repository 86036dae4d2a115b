// One stream's share of everything that limits it: its own limit and its group's. Belongs to the
// stream and is used under the stream's lock; the group's side takes the tree's lock by itself.
//
// How a stream uses it, in each direction:
//
//     const std::size_t room = throttle.allowance(Direction::read, now, most_i_could_use);
//     if (room == 0) return suspend(...);               // resume() will come
//     const IoResult got = input.read_from(fd, room);   // room is never 0
//     throttle.spend(Direction::read, got.count, now);  // also with 0: unused tokens go back
//
// - `most_i_could_use` is the smallest of the largest single transfer, the room under the high
//   mark and, for writing, the bytes pending.
// - Bytes that moved without being asked for (a TLS record, a flush) are only spent; the debt is
//   paid back later.
// - When a direction is disabled, has nothing to write any more, or the stream is closed:
//   cancel(direction). Else a grant is withheld from the other members for a while.
// - Throttled::resume(d) means "try direction d again": call allowance() or cancel(), but not from
//   within; it schedules a deferred callback.
// - Throttled::arm(when) starts or stops one timer of the stream that calls on_timer(), which says
//   what to try again. Only own limits use it; a tree of groups has one timer for all its members
//   (RateGroup::arm). Both run only while somebody waits, so a loop with idle limits ends by
//   itself, and one with a stream that waits does not, unless it waits for a group on another loop.
// - While waiting() says true the stream's timeout of that direction does not run.
// - Streams without limits need no Throttle at all.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "limit/group.h"
#include "limit/seat.h"
#include "limit/segment_cost.h"
#include "limit/throttled.h"
#include "limit/token_bucket.h"
#include "limit/token_bucket_cfg.h"
#include "sys/memory.h"

namespace ev {

class Throttle final : public Allocated {
 public:
  static constexpr std::int64_t unlimited = static_cast<std::int64_t>(max_tokens);

  explicit Throttle(Throttled& stream);
  ~Throttle();  // leaves the group
  Throttle(const Throttle&) = delete;
  Throttle& operator=(const Throttle&) = delete;

  // Null: no own limit any more; who waited for it is resumed. The same configuration again changes
  // nothing.
  void set_cfg(const TokenBucketCfg* cfg, TimePoint now);
  const TokenBucketCfg* cfg() const { return cfg_.get(); }

  // Leaves the group it is in. Waiting directions are resumed to ask again.
  void join(RateGroup& group, TimePoint now);
  void leave(TimePoint now);
  // Null: whoever took us out of a group that ended has let go of us.
  RateGroup* group() const { return group_.load(std::memory_order_acquire); }
  bool set_weight(std::uint32_t weight);  // among the members of the group, at least 1
  void set_segment_cost(const SegmentCost& cost) { cost_ = cost; }

  // See above. 0 only if the direction has to wait, or if `wanted` is 0.
  std::size_t allowance(Direction direction, TimePoint now, std::size_t wanted);
  void spend(Direction direction, std::size_t bytes, TimePoint now);
  void cancel(Direction direction, TimePoint now);
  // The directions that go on, as bits of their index; resume() is not called for them.
  unsigned on_timer(TimePoint now);
  bool waiting(Direction direction) const { return side(direction).waiting; }
  std::optional<TimePoint> next_wake() const;

  // For the getters. limit() is the own bucket in whole ticks, `unlimited` if there is none;
  // would_move() is what all limits together leave of `wanted`.
  std::int64_t limit(Direction direction, TimePoint now);
  std::size_t would_move(Direction direction, std::size_t wanted, TimePoint now);
  // Its own bucket is empty, or one above it below zero, which nobody else could use either: nothing
  // moves until that is paid back. An empty one that is shared may just be busy.
  bool owes(Direction direction, TimePoint now);
  // Adds when negative. False without an own limit.
  bool decrement(Direction direction, std::int64_t bytes, TimePoint now);
  LimitStats stats(Direction direction, TimePoint now) const;
  // The smaller one of its own and its group's; empty: no limit.
  std::optional<std::uint64_t> burst(Direction direction) const;

 private:
  friend class RateGroup;

  // Ordered by use, like the members below: a stream that waits for its own limit is far from the
  // processor's caches when its time comes, and each line of them that it touches costs as much as
  // the arithmetic.
  struct Side {
    explicit Side(Throttled& stream, Direction direction) : seat(stream, direction) {}
    std::optional<TokenBucket> own;
    bool waiting = false;     // for whatever reason
    std::uint64_t least = 0;  // what is worth taking, once the timer said so; 0: the rule
    TimePoint waiting_since{};
    LimitStats stats;
    Seat seat;
  };

  Side& side(Direction direction) { return sides_[index_of(direction)]; }
  const Side& side(Direction direction) const { return sides_[index_of(direction)]; }
  std::optional<TimePoint>& own_wake(Direction direction) {
    return own_wakes_[index_of(direction)];
  }
  std::uint64_t own_offer(Side& side, std::uint64_t wanted, TimePoint now);
  std::uint64_t group_claim(Side& side, std::uint64_t wanted, TimePoint now);
  void group_settle(Side& side, std::uint64_t tokens, std::uint64_t payload, TimePoint now);
  void group_cancel(Side& side, TimePoint now);
  void wait_for_own(Direction direction, std::uint64_t wanted, TimePoint now);
  void end_own_wait(Direction direction);
  void begin_wait(Side& side, TimePoint now);
  void end_wait(Side& side, TimePoint now);
  void finish_own_wait(Direction direction, TimePoint now);
  void resume(Direction direction, TimePoint now);
  void rearm();

  Throttled& stream_;
  std::optional<TimePoint> own_wakes_[2];  // who waits for the own bucket, until then
  std::optional<TimePoint> armed_;
  // Guarded by the lock of the group's tree, but may be read without: it may be cleared by the
  // group's end in another thread.
  std::atomic<RateGroup*> group_{nullptr};
  SegmentCost cost_;
  const std::uint32_t phase_;  // its place among streams with the same limit
  Side sides_[2];
  CfgRef cfg_;

  // Below: guarded by the lock of the group's tree.
  TreeKey key_;
  std::uint32_t weight_ = 1;
  Throttle* next_member_ = nullptr;
  Throttle* previous_member_ = nullptr;
};

}  // namespace ev

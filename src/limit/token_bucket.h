// One direction of one limit, with time as an argument. Two levels are kept side by side:
//
//      bytes
//        |          ,-- ledger_: what the interface promises and its getters report.
//        |        __|_______      One tick's worth at the start, the next one at each tick.
//     2r |       |   .'
//        |       | .' <---- flow_: what may really move. The first tick's worth is there
//      r |_______|'         at once too, but from the end of that tick on the rest comes
//        |                  continuously, so it never runs ahead of the ledger.
//        +-------+-------+---- time
//        0     tick    2 tick
//
// Whoever is woken in turn gets what comes until the next multiple of the round in its tick: never
// more than the ledger has, and all of it by the end of the tick.
//
// - smooth grants from flow_. While somebody waits for us, flow_ may outgrow a burst smaller than
//   what the wait and another `patience` bring: late turns and tiny ticks then lose nothing.
//   Whoever does not wait is held to the burst.
// - ticks grants from ledger_, as bursty as the tick is long.
// - exact grants from flow_, which then starts at once. In any interval t no more moves than
//   burst + rate * t.
//
// No thread rule of its own: whoever owns it locks it.
#pragma once

#include <cstdint>

#include "limit/means.h"
#include "limit/pacing.h"
#include "limit/token_level.h"

namespace ev {

class TokenBucket {
 public:
  // The pacing belongs to the caller and outlives the bucket, or its next reconfigure().
  TokenBucket(const Pacing& pacing, TimePoint now);
  TokenBucket(const Pacing&&, TimePoint) = delete;

  // Clips to the new burst and refills nothing, so that no program gains by setting limits over and
  // over.
  void reconfigure(const Pacing& pacing, TimePoint now);
  const Limit& limit() const { return pacing_->limit; }

  // What may be taken of `wanted` now. 0 if there is less than `least` (and less than `wanted`) but
  // waiting for it is worth while: a trickle of tiny transfers costs more than it moves.
  std::uint64_t offer(TimePoint now, std::uint64_t wanted, std::uint64_t least);
  // The same for one of those who wait in turn: what it moves in several transfers, if that is more
  // than one may carry. All of `wanted`, or at least `least` or a transfer.
  std::uint64_t grant(TimePoint now, std::uint64_t wanted, std::uint64_t least);
  // Where that is 0: what is left of savings, that is of more than a wake-up brings, for somebody who
  // is alone. Once.
  std::uint64_t rest_of_savings(TimePoint now, std::uint64_t wanted);
  // What somebody who was just offered some can use of another limit's tokens: at least 1.
  Means means(TimePoint now);
  std::uint64_t largest_transfer() const { return pacing_->largest_take; }
  // `least` for somebody who has not been waiting.
  std::uint64_t worth_taking(TimePoint now) const;
  // What a wake-up should bring.
  std::uint64_t worth_waking() const { return pacing_->chunk; }
  // Whether waiting brings more before long: not in the first tick, nor between strict ones.
  bool is_flowing(TimePoint now) const {
    return mode() != RefillMode::ticks && flow_.due_from() <= now;
  }
  // True of a full transfer where that carries less than a wake-up in turn brings. Not because the
  // wake-up was late: what it brings more then, the next one brings less.
  bool brings_more_than(std::uint64_t transfer) const {
    return transfer == pacing_->largest_take && pacing_->largest_take < pacing_->in_turn;
  }
  std::uint64_t two_packets() const { return pacing_->two_packets; }
  // What one of several waiters should get at once, at most: more would make the sum jerky.
  std::uint64_t portion() const { return pacing_->portion; }
  // The same where the limit above sees to that.
  std::uint64_t largest_grant() const { return pacing_->stretched; }

  void take(std::uint64_t tokens, TimePoint now);  // moved: may go below zero
  void adjust(std::int64_t tokens);                // by hand: may go below zero and above the burst

  // Tokens taken in advance count against the burst until they are used or given back, so that what
  // has been promised to several streams cannot pile up on top of a full bucket.
  void reserve(std::uint64_t tokens, TimePoint now);
  void settle(std::uint64_t reserved, std::uint64_t used, TimePoint now);

  // Between these two calls somebody waits for tokens of this bucket.
  void begin_wait(TimePoint now);
  void end_wait(TimePoint now);
  // When a waiter who wants `wanted` should be woken; TimePoint::max(): too far away to be told.
  TimePoint wake_time(TimePoint now, std::uint64_t wanted);
  // The same for somebody who can use up a whole chunk: one of a few places in a fixed round about
  // as long as a chunk takes to come. Streams with the same limit that have nothing in common but
  // the time at which they began to wait are so spread over the round, and remain so.
  TimePoint wake_in_turn(TimePoint now, std::uint32_t phase);

  std::int64_t reported(TimePoint now);   // for the getters
  std::int64_t available(TimePoint now);  // what grants come from

 private:
  void change_mode(RefillMode old_mode, TimePoint now);
  std::uint64_t worthwhile(TimePoint now, std::uint64_t most, std::uint64_t least);
  bool grows_soon(TimePoint now) const;
  void refill(TimePoint now);
  TimePoint earned_by(TimePoint now) const;
  TimePoint when_earned(TimePoint until) const;
  std::uint64_t capacity(TimePoint now) const;
  TokenLevel& granted_from() { return mode() == RefillMode::ticks ? ledger_ : flow_; }
  const Rate& rate() const { return limit().rate; }
  std::uint64_t burst() const { return limit().burst; }
  RefillMode mode() const { return limit().mode; }

  const Pacing* pacing_;
  TimePoint refilled_at_ = TimePoint::min();  // again at the same time would change nothing
  TimePoint stretched_until_ = TimePoint::min();
  TimePoint took_at_ = TimePoint::min();
  Duration lead_{};  // of flow_ before the clock, for whoever is woken in turn
  std::uint64_t reserved_ = 0;
  std::uint64_t granted_ = 0;  // since it ran short
  TokenLevel flow_;
  TokenLevel ledger_;
};

}  // namespace ev

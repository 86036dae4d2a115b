#include "limit/token_bucket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <random>
#include <utility>
#include <vector>

namespace ev {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint t0 = TimePoint(1000h);
constexpr std::uint64_t all = max_tokens;

// Lives as long as the program, as somebody must keep it for the buckets.
const Pacing& limit(std::uint64_t rate, std::uint64_t burst, Duration tick,
                    RefillMode mode = RefillMode::smooth) {
  static std::deque<Pacing> kept;
  return kept.emplace_back(Limit{{rate, tick}, burst, mode});
}

TEST(TokenBucket, StartsWithOneTick) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    TokenBucket bucket(limit(100, 250, 1s, mode), t0);
    EXPECT_EQ(bucket.reported(t0), 100);
    EXPECT_EQ(bucket.available(t0), 100);
    EXPECT_EQ(bucket.offer(t0, all, 1), 100u);
  }
}

TEST(TokenBucket, ReportsWholeTicks) {
  TokenBucket bucket(limit(100, 250, 1s), t0);
  bucket.take(60, t0);
  EXPECT_EQ(bucket.reported(t0 + 999ms), 40);
  EXPECT_EQ(bucket.reported(t0 + 1s), 140);
  EXPECT_EQ(bucket.reported(t0 + 1999ms), 140);
  EXPECT_EQ(bucket.reported(t0 + 10s), 250);
}

TEST(TokenBucket, SmoothGrantsBetweenTicksButNeverAheadOfThem) {
  TokenBucket bucket(limit(100, 1000, 1s), t0);
  EXPECT_EQ(bucket.available(t0 + 1s), 100);
  EXPECT_EQ(bucket.available(t0 + 1500ms), 150);
  EXPECT_EQ(bucket.available(t0 + 2s), 200);
  for (Duration t{}; t < 12s; t += 7ms) {
    EXPECT_LE(bucket.available(t0 + t), bucket.reported(t0 + t));
  }
}

TEST(TokenBucket, ClipsToTheBurst) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    TokenBucket bucket(limit(100, 250, 1s, mode), t0);
    EXPECT_EQ(bucket.available(t0 + 1h), 250);
    EXPECT_EQ(bucket.reported(t0 + 1h), 250);
    EXPECT_EQ(bucket.offer(t0 + 1h, all, 1), 250u);
  }
}

TEST(TokenBucket, TicksGiveNothingInBetween) {
  TokenBucket bucket(limit(100, 100, 1s, RefillMode::ticks), t0);
  bucket.take(100, t0);
  EXPECT_EQ(bucket.offer(t0 + 999ms, all, 1), 0u);
  EXPECT_EQ(bucket.wake_time(t0 + 10ms, all), t0 + 1s);
  EXPECT_EQ(bucket.offer(t0 + 1s, all, 1), 100u);
}

TEST(TokenBucket, DebtsArePaidBack) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    TokenBucket bucket(limit(100, 100, 100ms, mode), t0);
    bucket.take(450, t0);
    EXPECT_EQ(bucket.reported(t0), -350);
    EXPECT_EQ(bucket.offer(t0 + 300ms, all, 1), 0u);
    EXPECT_GT(bucket.wake_time(t0, 1), t0 + 300ms);
    EXPECT_GT(bucket.offer(t0 + 500ms, all, 1), 0u);
  }
}

TEST(TokenBucket, AdjustingByHandMayExceedTheBurstUntilTheNextTick) {
  TokenBucket bucket(limit(100, 150, 1s), t0);
  bucket.adjust(500);
  EXPECT_EQ(bucket.reported(t0 + 10ms), 600);
  EXPECT_EQ(bucket.available(t0 + 10ms), 600);
  EXPECT_EQ(bucket.reported(t0 + 1s), 150);
  EXPECT_EQ(bucket.available(t0 + 1s), 150);
  bucket.adjust(-200);
  EXPECT_EQ(bucket.reported(t0 + 1s), -50);
}

TEST(TokenBucket, AnotherConfigurationClipsAndRefillsNothing) {
  TokenBucket bucket(limit(100, 150, 1h), t0);
  bucket.take(500, t0);
  bucket.reconfigure(limit(10, 50, 1h), t0 + 1s);
  EXPECT_EQ(bucket.reported(t0 + 1s), -400);
  TokenBucket full(limit(200, 1000, 1h), t0);
  full.reconfigure(limit(10, 50, 1ms), t0 + 59min);
  EXPECT_EQ(full.reported(t0 + 59min), 50);
  EXPECT_EQ(full.available(t0 + 59min), 50);
  TokenBucket empty(limit(200, 1000, 1h), t0);
  empty.take(200, t0);
  empty.reconfigure(limit(10, 50, 1ms), t0 + 59min);
  EXPECT_EQ(empty.reported(t0 + 59min), 0);
  EXPECT_EQ(empty.available(t0 + 59min), 0);
}

TEST(TokenBucket, ChangingTheRateOverAndOverDoesNotStopTheFlow) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    TokenBucket bucket(limit(1000, 1000, 100ms, mode), t0);
    std::uint64_t moved = 0;
    TimePoint now = t0;
    for (int i = 0; i < 1000; ++i) {
      now += 10ms;
      bucket.reconfigure(limit(i % 2 == 0 ? 1000 : 1001, 2000, 100ms, mode), now);
      const std::uint64_t got = bucket.offer(now, all, 1);
      bucket.take(got, now);
      moved += got;
    }
    EXPECT_NEAR(static_cast<double>(moved), 100'000, 2500) << static_cast<int>(mode);
    EXPECT_GE(bucket.reported(now), -2000);
  }
}

// Takes all that can be had, every millisecond, and answers how much that was.
std::uint64_t drain(TokenBucket& bucket, TimePoint& now, Duration span) {
  std::uint64_t sum = 0;
  bucket.begin_wait(now);
  for (const TimePoint end = now + span; now < end; now += 1ms) {
    const std::int64_t have = bucket.available(now);
    if (have <= 0) continue;
    bucket.take(static_cast<std::uint64_t>(have), now);
    sum += static_cast<std::uint64_t>(have);
  }
  return sum;
}

constexpr RefillMode all_modes[] = {RefillMode::smooth, RefillMode::ticks, RefillMode::exact};

TEST(TokenBucket, AnotherModeLeavesNoDebtOfTheOldRate) {
  for (const RefillMode before : all_modes) {
    for (const RefillMode after : all_modes) {
      for (const Duration busy : {1001ms, 1100ms, 1500ms, 1999ms}) {
        TokenBucket bucket(limit(1'000'000, 1'000'000, 1s, before), t0);
        TimePoint now = t0;
        drain(bucket, now, busy);
        bucket.reconfigure(limit(1000, 1000, 100ms, after), now);
        EXPECT_GE(bucket.reported(now), -1000);
        EXPECT_NEAR(static_cast<double>(drain(bucket, now, 2s)), 20'000, 1100)
            << static_cast<int>(before) << " to " << static_cast<int>(after) << " after "
            << busy / 1ms << " ms";
        EXPECT_GE(bucket.reported(now), -1000);
      }
    }
  }
}

TEST(TokenBucket, ChangingTheModeOverAndOverGainsNothing) {
  for (const Duration between : {1ms, 7ms, 50ms, 99ms, 130ms}) {
    TokenBucket bucket(limit(1000, 1000, 100ms), t0);
    TimePoint now = t0;
    std::uint64_t sum = 0;
    for (std::size_t i = 0; now < t0 + 10s; i++) {
      sum += drain(bucket, now, between);
      bucket.reconfigure(limit(1000, 1000, 100ms, all_modes[i % 3]), now);
    }
    EXPECT_LE(sum, 102'000) << between / 1ms << " ms";
  }
}

// Within one tick, where the levels differ most.
TEST(TokenBucket, ChangingTheModeBackAndForthRunsUpNoDebt) {
  for (const auto& [one, other] : {std::pair{RefillMode::ticks, RefillMode::exact},
                                   std::pair{RefillMode::exact, RefillMode::ticks},
                                   std::pair{RefillMode::smooth, RefillMode::exact},
                                   std::pair{RefillMode::ticks, RefillMode::smooth}}) {
    TokenBucket bucket(limit(1000, 4000, 1s, one), t0);
    const TimePoint now = t0 + 1500ms;
    const std::int64_t before = bucket.available(now);
    for (int i = 0; i < 10; i++) {
      bucket.reconfigure(limit(1000, 4000, 1s, other), now);
      bucket.reconfigure(limit(1000, 4000, 1s, one), now);
      EXPECT_GE(bucket.available(now), before - 500) << static_cast<int>(one) << ' ' << i;
      EXPECT_GE(bucket.reported(now), before - 500) << static_cast<int>(one) << ' ' << i;
    }
  }
}

TEST(TokenBucket, ChangingTheRateLosesNoFractions) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::exact}) {
    TokenBucket bucket(limit(10, 20, 1s, mode), t0);
    TimePoint now = t0;
    std::uint64_t moved = 0;
    for (std::uint64_t i = 1; i <= 2000; ++i) {
      moved += drain(bucket, now, 50ms);
      bucket.reconfigure(limit(10 + i % 2, 20 + i % 2, 1s, mode), now);
    }
    EXPECT_NEAR(static_cast<double>(moved), 1050, 15);
  }
}

// What somebody waits for may be more than a short burst.
TEST(TokenBucket, SettingALimitAgainTakesNothingFromWhoeverWaits) {
  TokenBucket bucket(limit(200, 400, 10ms), t0);
  bucket.take(200, t0);
  bucket.begin_wait(t0);
  for (Duration t = 3ms; t < 70ms; t += 3ms) bucket.reconfigure(limit(200, 400, 10ms), t0 + t);
  EXPECT_GE(bucket.available(t0 + 70ms), 1000);
  EXPECT_LE(bucket.reported(t0 + 70ms), 400);
  bucket.end_wait(t0 + 70ms);
  bucket.reconfigure(limit(200, 400, 10ms), t0 + 300ms);
  EXPECT_LE(bucket.available(t0 + 300ms), 400);
}

// The bound of exact mode, for every interval of a run: it holds for all if it holds for those that
// end with a move.
TEST(TokenBucket, ExactNeverExceedsTheArrivalCurve) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 50; ++round) {
    const Rate rate{1 + random() % 5000, Duration(1 + random() % 20'000'000)};
    const std::uint64_t burst = rate.bytes + random() % 10'000;
    const Pacing pacing(Limit{rate, burst, RefillMode::exact});
    TokenBucket bucket(pacing, t0);
    std::vector<std::pair<TimePoint, std::uint64_t>> moves;
    TimePoint now = t0;
    for (int i = 0; i < 400; ++i) {
      now += Duration(random() % (random() % 8 == 0 ? 500'000'000 : 2'000'000));
      switch (random() % 3) {
        case 0:
          bucket.begin_wait(now);
          break;
        case 1:
          bucket.end_wait(now);
          break;
        default:
          break;
      }
      const std::uint64_t got = bucket.offer(now, 1 + random() % 20'000, 1 + random() % 100);
      bucket.take(got, now);
      moves.emplace_back(now, got);
    }
    for (std::size_t from = 0; from < moves.size(); ++from) {
      std::uint64_t sum = 0;
      for (std::size_t to = from; to < moves.size(); ++to) {
        sum += moves[to].second;
        const Duration span = moves[to].first - moves[from].first;
        // Fractions earned before the interval may round one byte into it.
        ASSERT_LE(sum, burst + rate.over(span) + 1);
      }
    }
  }
}

TEST(TokenBucket, ReservedTokensCountAgainstTheBurst) {
  TokenBucket bucket(limit(100, 100, 1s, RefillMode::exact), t0);
  bucket.reserve(80, t0);
  EXPECT_EQ(bucket.available(t0 + 1h), 20);
  bucket.settle(80, 30, t0 + 1h);
  EXPECT_EQ(bucket.available(t0 + 1h), 70);
  EXPECT_EQ(bucket.available(t0 + 2h), 100);
}

// What a stream does that is always hungry: move, wait until it is told, move again.
std::uint64_t run_hungry(TokenBucket& bucket, Duration span, Duration lateness) {
  std::uint64_t moved = 0;
  TimePoint now = t0;
  bool woken = false;
  while (now < t0 + span) {
    const std::uint64_t got = bucket.offer(now, 262144, woken ? 1 : bucket.worth_taking(now));
    woken = false;
    if (got != 0) {
      bucket.take(got, now);
      moved += got;
      now += 10us;
      continue;
    }
    bucket.begin_wait(now);
    now = bucket.wake_time(now, bucket.worth_waking()) + lateness;
    bucket.end_wait(now);
    woken = true;
  }
  return moved;
}

TEST(TokenBucket, TheRateIsReachedAtEveryTickAndInEveryMode) {
  for (const Duration tick :
       {Duration(1ms), Duration(7ms), Duration(10ms), Duration(100ms), Duration(1s)}) {
    for (const std::uint64_t rate :
         {std::uint64_t{20'000}, std::uint64_t{1'000'000}, std::uint64_t{100'000'000}}) {
      for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
        const std::uint64_t bytes = Rate{rate, 1s}.over(tick);
        TokenBucket bucket(limit(bytes, bytes, tick, mode), t0);
        // Long enough for the first burst not to count.
        const Duration span = std::max<Duration>(2000 * tick, 20s);
        const double moved = static_cast<double>(run_hungry(bucket, span, 100us));
        const double configured = static_cast<double>(Rate{bytes, tick}.over(span));
        // What was saved up for the next packet has not moved yet.
        EXPECT_NEAR(moved / configured, 1.0, 0.0011 + 1500 / configured)
            << tick.count() << " ns, " << rate << " B/s, mode " << static_cast<int>(mode);
      }
    }
  }
}

TEST(TokenBucket, LateTurnsLoseNothingInSmoothMode) {
  TokenBucket bucket(limit(1000, 1000, 1ms), t0);
  EXPECT_NEAR(static_cast<double>(run_hungry(bucket, 100s, 40ms)), 1e8, 1e5);
}

TEST(TokenBucket, LateTurnsLoseNothingThatTheBurstCovers) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    TokenBucket bucket(limit(1000, 100'000, 1ms, mode), t0);
    EXPECT_NEAR(static_cast<double>(run_hungry(bucket, 100s, 40ms)), 1e8, 1e5);
  }
}

TEST(TokenBucket, WhoDoesNotWaitIsHeldToTheBurst) {
  TokenBucket bucket(limit(10'000, 20'000, 10ms), t0);
  bucket.take(10'000, t0);
  bucket.begin_wait(t0);
  bucket.end_wait(t0 + 15ms);
  bucket.take(5'000, t0 + 15ms);
  EXPECT_EQ(bucket.available(t0 + 10s), 20'000);
  EXPECT_EQ(bucket.offer(t0 + 10s, all, 1), 20'000u);
}

TEST(TokenBucket, OneMoveIsNeverMoreThanTheBurst) {
  TokenBucket bucket(limit(10'000, 10'000, 10ms), t0);
  bucket.take(10'000, t0);
  bucket.begin_wait(t0);
  EXPECT_GT(bucket.available(t0 + 60ms), 10'000);
  EXPECT_EQ(bucket.offer(t0 + 60ms, all, 1), 10'000u);
}

TEST(TokenBucket, TheRestOfATickIsNotHeldBack) {
  TokenBucket bucket(limit(1000, 1000, 10s), t0);
  bucket.take(970, t0);
  EXPECT_EQ(bucket.offer(t0 + 1ms, all, bucket.worth_taking(t0 + 1ms)), 30u);
}

TEST(TokenBucket, Extremes) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    TokenBucket fastest(limit(max_tokens, max_tokens, 1ns, mode), t0);
    EXPECT_EQ(fastest.offer(t0, all, 1), max_tokens);
    fastest.take(max_tokens, t0);
    fastest.take(max_tokens, t0);
    EXPECT_LT(fastest.reported(t0), 0);
    EXPECT_EQ(fastest.available(t0 + 1s), static_cast<std::int64_t>(max_tokens));

    TokenBucket slowest(limit(1, 1, 1h, mode), t0);
    EXPECT_EQ(slowest.offer(t0, all, slowest.worth_taking(t0)), 1u);
    slowest.take(1, t0);
    EXPECT_EQ(slowest.offer(t0 + 1min, all, 1), 0u);
    const TimePoint due = slowest.wake_time(t0, all);
    EXPECT_LE(due, t0 + 2h);
    EXPECT_EQ(slowest.offer(due, all, 1), 1u);
    EXPECT_EQ(slowest.available(TimePoint::max()), 1);
  }
}

// Whatever the numbers, a debt is paid back and a wait ends.
TEST(TokenBucket, DebtsArePaidBackAtTheLargestRate) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    TokenBucket bucket(limit(max_tokens, max_tokens, 1ms, mode), t0);
    for (int i = 0; i < 4; ++i) bucket.adjust(-static_cast<std::int64_t>(max_tokens));
    bucket.begin_wait(t0);
    const TimePoint due = bucket.wake_time(t0, bucket.worth_waking());
    EXPECT_GT(due, t0);
    EXPECT_LE(due, t0 + 10ms);
    EXPECT_GT(bucket.available(due), 0);
    bucket.end_wait(due);
    EXPECT_EQ(bucket.available(due + 1s), static_cast<std::int64_t>(max_tokens));
  }
}

TEST(TokenBucket, TicksMayBeLongerThanTheClockRuns) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    TokenBucket bucket(limit(10, 10, Duration::max(), mode), t0);
    EXPECT_EQ(bucket.available(t0 + 1h), 10);
    bucket.take(10, t0 + 1h);
    EXPECT_EQ(bucket.available(t0 + 2h), 0);
    EXPECT_GT(bucket.wake_time(t0 + 2h, all), t0 + 1000h);
    bucket.reconfigure(limit(20, 20, Duration::max(), mode), t0 + 2h);
    EXPECT_EQ(bucket.available(t0 + 3h), 0);
  }
}

}  // namespace
}  // namespace ev

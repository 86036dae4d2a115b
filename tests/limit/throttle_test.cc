#include "limit/throttle.h"

#include <gtest/gtest.h>

#include <set>
#include <utility>

#include "limit/simulation.h"

namespace ev::test {
namespace {

constexpr auto read = Direction::read;
constexpr auto write = Direction::write;
constexpr std::size_t much = 1 << 20;

// A stream that only notes what it is told.
struct Told final : Throttled {
  void resume(Direction direction) override { ++resumes[index_of(direction)]; }
  void arm(std::optional<TimePoint> when) override { timer = when; }
  int resumes[2] = {0, 0};
  std::optional<TimePoint> timer;
};

struct ThrottleTest : testing::Test {
  Told told;
  Throttle throttle{told};
  TimePoint now = start_time;

  void limit(std::uint64_t rate, std::uint64_t burst, Duration tick,
             RefillMode mode = RefillMode::smooth) {
    throttle.set_cfg(make_cfg(Limit{{rate, tick}, burst, mode}).get(), now);
  }
  std::size_t move(Direction direction, std::size_t wanted = much) {
    const std::size_t room = throttle.allowance(direction, now, wanted);
    if (room != 0) throttle.spend(direction, room, now);
    return room;
  }
};

TEST_F(ThrottleTest, WithoutLimitsEverythingGoes) {
  EXPECT_EQ(move(read), much);
  EXPECT_EQ(throttle.limit(read, now), Throttle::unlimited);
  EXPECT_EQ(throttle.would_move(write, 16384, now), 16384u);
  EXPECT_FALSE(throttle.decrement(read, 1, now));
  EXPECT_EQ(throttle.cfg(), nullptr);
}

TEST_F(ThrottleTest, WaitsForItsOwnLimitAndIsResumed) {
  limit(1000, 1000, 1s);
  EXPECT_EQ(move(read), 1000u);
  EXPECT_EQ(move(read), 0u);
  EXPECT_TRUE(throttle.waiting(read));
  ASSERT_TRUE(told.timer);
  EXPECT_GT(*told.timer, now + 1s);
  now = *told.timer;
  told.timer.reset();
  EXPECT_EQ(throttle.on_timer(now), 1u);
  EXPECT_EQ(told.resumes[0], 0);
  EXPECT_FALSE(throttle.waiting(read));
  EXPECT_GT(move(read), 0u);
  EXPECT_FALSE(told.timer);
}

TEST_F(ThrottleTest, DirectionsAreIndependent) {
  throttle.set_cfg(make_cfg(Limit{{10, 1s}, 10}, Limit{{20, 1s}, 20}).get(), now);
  EXPECT_EQ(move(read), 10u);
  EXPECT_EQ(move(write), 20u);
}

TEST_F(ThrottleTest, TheTimerRunsOnlyWhileSomebodyWaits) {
  limit(1000, 1000, 1s);
  EXPECT_FALSE(told.timer);
  EXPECT_EQ(move(read, 500), 500u);
  EXPECT_FALSE(told.timer);
  EXPECT_EQ(move(read), 500u);
  EXPECT_EQ(move(read), 0u);
  EXPECT_TRUE(told.timer);
  throttle.cancel(read, now);
  EXPECT_FALSE(told.timer);
  EXPECT_FALSE(throttle.waiting(read));
}

TEST_F(ThrottleTest, RemovingTheLimitResumesAtOnce) {
  limit(1000, 1000, 1h);
  move(read);
  EXPECT_EQ(move(read), 0u);
  throttle.set_cfg(nullptr, now);
  EXPECT_EQ(told.resumes[0], 1);
  EXPECT_EQ(told.resumes[1], 0);
  EXPECT_FALSE(told.timer);
  EXPECT_EQ(move(read), much);
}

TEST_F(ThrottleTest, TheSameConfigurationAgainChangesNothing) {
  const CfgRef cfg = make_cfg(Limit{{1000, 1s}, 1000});
  throttle.set_cfg(cfg.get(), now);
  move(read);
  throttle.set_cfg(cfg.get(), now);
  EXPECT_EQ(throttle.limit(read, now), 0);
  EXPECT_EQ(throttle.cfg(), cfg.get());
}

TEST_F(ThrottleTest, DecrementingSuspendsAndResumesAtOnce) {
  limit(1000, 1000, 1h);
  EXPECT_TRUE(throttle.decrement(read, 1200, now));
  EXPECT_EQ(throttle.limit(read, now), -200);
  EXPECT_EQ(throttle.would_move(read, much, now), 0u);
  EXPECT_EQ(move(read), 0u);
  EXPECT_TRUE(throttle.decrement(read, -100, now));
  EXPECT_EQ(told.resumes[0], 0);
  EXPECT_TRUE(throttle.decrement(read, -150, now));
  EXPECT_EQ(told.resumes[0], 1);
  EXPECT_EQ(throttle.would_move(read, much, now), 50u);
  EXPECT_EQ(move(read), 50u);
  EXPECT_EQ(throttle.limit(write, now), 1000);
}

TEST_F(ThrottleTest, DecrementTakesAnyValue) {
  limit(1000, 1000, 1s);
  EXPECT_TRUE(throttle.decrement(read, INT64_MAX, now));
  EXPECT_TRUE(throttle.decrement(read, INT64_MAX, now));
  EXPECT_LT(throttle.limit(read, now), 0);
  EXPECT_TRUE(throttle.decrement(read, INT64_MIN, now));
  EXPECT_TRUE(throttle.decrement(read, INT64_MIN, now));
  EXPECT_GT(throttle.limit(read, now), 0);
}

TEST_F(ThrottleTest, SmallWishesAreNotHeldBack) {
  limit(1000, 1000, 100ms);
  move(read);
  now += 110ms;
  EXPECT_EQ(move(read, 7), 7u);
}

TEST_F(ThrottleTest, BytesThatWereNotAskedForAreADebt) {
  limit(1000, 1000, 1s);
  throttle.spend(write, 5000, now);
  EXPECT_EQ(throttle.limit(write, now), -4000);
  EXPECT_EQ(move(write), 0u);
  ASSERT_TRUE(told.timer);
  EXPECT_GT(*told.timer, now + 5s);
}

TEST_F(ThrottleTest, CountsPacketHeaders) {
  limit(100'000, 100'000, 1s);
  throttle.set_segment_cost({40, 1460});
  const std::size_t moved = move(write);
  EXPECT_EQ(SegmentCost({40, 1460}).of(moved), 100'000u);
}

TEST_F(ThrottleTest, EvenOneTokenMovesAByteWhateverItsHeaderCosts) {
  limit(1, 1, 10ms);
  throttle.set_segment_cost({40, 1460});
  EXPECT_EQ(move(write), 1u);
  EXPECT_EQ(throttle.limit(write, now), -40);
  EXPECT_EQ(move(write), 0u);
}

TEST_F(ThrottleTest, Statistics) {
  limit(1000, 1000, 1s);
  move(read);
  move(read);
  now += 500ms;
  const LimitStats stats = throttle.stats(read, now);
  EXPECT_EQ(stats.bytes, 1000u);
  EXPECT_EQ(stats.waits, 1u);
  EXPECT_EQ(stats.throttled, Duration(500ms));
  EXPECT_EQ(throttle.stats(write, now).waits, 0u);
}

TEST_F(ThrottleTest, NothingWantedIsNoReasonToWait) {
  limit(1000, 1000, 1s);
  move(read);
  EXPECT_EQ(throttle.allowance(read, now, 0), 0u);
  EXPECT_FALSE(throttle.waiting(read));
}

TEST(ThrottleSimulation, StreamsLimitedTogetherDoNotRunInPhase) {
  Simulation simulation;
  for (int i = 0; i < 200; ++i) {
    SimStream& stream = simulation.add_stream();
    stream.throttle.set_cfg(make_cfg(per_second(20'000, 10ms)).get(), simulation.now);
    stream.start();
  }
  simulation.run_for(10s);
  EXPECT_LT(variation(simulation.windows, 3, 99), 0.03);
}

TEST(ThrottleSimulation, OneStreamIsSmooth) {
  for (const Duration tick : {Duration(1ms), Duration(2ms), Duration(5ms), Duration(10ms)}) {
    for (const std::uint64_t rate : {20'000U, 31'000U, 73'000U, 100'000U, 146'000U, 1'000'000U}) {
      Simulation simulation;
      simulation.now += 37ms;
      SimStream& stream = simulation.add_stream();
      stream.throttle.set_cfg(make_cfg(per_second(rate, tick)).get(), simulation.now);
      stream.start();
      simulation.run_for(10s);
      EXPECT_LT(variation(simulation.windows, 2, 99), 0.01) << tick.count() << " ns, " << rate;
      // What came since the last wake-up has not moved yet.
      const double most = static_cast<double>(rate) * 10;
      EXPECT_NEAR(static_cast<double>(stream.moved) / most, 1.0, 0.01);
    }
  }
}

TEST(ThrottleSimulation, ManyStreamsAreSmoothTogether) {
  for (const std::uint64_t rate : {20'000U, 31'000U, 73'000U, 300'000U}) {
    Simulation simulation;
    for (int i = 0; i < 200; ++i) {
      simulation.now += 100us;
      SimStream& stream = simulation.add_stream();
      stream.throttle.set_cfg(make_cfg(per_second(rate, 10ms)).get(), simulation.now);
      stream.start();
    }
    simulation.run_for(5s);
    EXPECT_LT(variation(simulation.windows, 3, 49), 0.01) << rate;
  }
}

// Each wake of the loop serves many of them, and the longer the tick the more.
TEST(ThrottleSimulation, StreamsWithTheSameLimitWakeTogetherAtFewMoments) {
  for (const auto& [tick, most] : {std::pair<Duration, std::size_t>{10ms, 10}, {100ms, 2}}) {
    Simulation simulation;
    simulation.move_cost = 0ns;
    simulation.keep_moves = true;
    for (int i = 0; i < 200; ++i) {
      simulation.now += 100us;
      SimStream& stream = simulation.add_stream();
      stream.throttle.set_cfg(make_cfg(per_second(20'000, tick)).get(), simulation.now);
      stream.start();
    }
    simulation.run_for(2s);
    std::set<Duration> moments;
    for (const auto& [when, bytes] : simulation.all_moves) {
      if (when > start_time + 1s) moments.insert((when - start_time) / 1ms % 100 * 1ms);
    }
    EXPECT_LE(moments.size(), most);
    EXPECT_GT(moments.size(), 1u);
  }
}

// A burst smaller than what a wake-up brings takes more transfers, not more wake-ups; one smaller
// than a packet does not make them smaller than that.
TEST(ThrottleSimulation, AWakeUpTakesAllThatItBrings) {
  struct {
    std::uint64_t burst;
    std::size_t largest_transfer;
  } const cases[] = {{200, 2000}, {1459, 2000}, {1500, 1500}, {1999, 1999}, {2000, 2000}};
  for (const auto& given : cases) {
    Simulation simulation;
    SimStream& stream = simulation.add_stream();
    Limit limit = per_second(20'000, 10ms);
    limit.burst = given.burst;
    stream.throttle.set_cfg(make_cfg(limit).get(), simulation.now);
    stream.start();
    simulation.run_for(10s);
    const LimitStats stats = stream.throttle.stats(Direction::write, simulation.now);
    EXPECT_LE(stats.waits, 101u) << given.burst;
    EXPECT_EQ(stream.largest_seen, given.largest_transfer) << given.burst;
    EXPECT_NEAR(static_cast<double>(stream.moved), 200'000, 2000) << given.burst;
  }
}

TEST(ThrottleSimulation, NTicksCarryAtMostOneMore) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks}) {
    for (const Duration tick : {Duration(10ms), Duration(30ms), Duration(100ms), Duration(400ms)}) {
      for (int offset = 0; offset < 10; ++offset) {
        Simulation simulation;
        simulation.now += offset * 33ms;
        const TimePoint began = simulation.now;
        SimStream& stream = simulation.add_stream();
        const Limit limit = per_second(200'000, tick, 1, mode);
        stream.throttle.set_cfg(make_cfg(limit).get(), simulation.now);
        stream.start();
        for (int step = 0; step < 500; ++step) {
          const auto ticks = static_cast<std::uint64_t>((simulation.now - began) / tick);
          const std::uint64_t waiting = limit.rate.over(100ms);
          ASSERT_LE(stream.moved, (ticks + 1) * limit.rate.bytes);
          ASSERT_GE(stream.moved + limit.rate.bytes + waiting, ticks * limit.rate.bytes);
          simulation.run_for(7ms);
        }
      }
    }
  }
}

TEST(ThrottleSimulation, WithATickAllOfItHasMoved) {
  for (const Duration tick : {Duration(10ms), Duration(100ms), Duration(1s)}) {
    for (int offset = 0; offset < 20; ++offset) {
      Simulation simulation;
      simulation.now += offset * 7ms;
      SimStream& stream = simulation.add_stream();
      stream.throttle.set_cfg(make_cfg(per_second(1'000'000, tick)).get(), simulation.now);
      stream.start();
      simulation.run_for(2s - 10us);
      EXPECT_NEAR(static_cast<double>(stream.moved), 2e6, 1000) << tick.count() << ", " << offset;
      simulation.run_for(8s + 27ms);
      EXPECT_NEAR(static_cast<double>(stream.moved) / 10.027e6, 1, 0.005);
    }
  }
}

// Programs that tune their limits may do so far more often than a wake-up is worth its cost.
TEST(ThrottleSimulation, SettingALimitOverAndOverStopsNobody) {
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    for (const std::uint64_t burst : {200U, 400U, 1000U}) {
      for (const Duration period : {3ms, 10ms, 37ms, 50ms, 100ms, 250ms}) {
        for (const std::uint64_t change : {0U, 1U}) {
          Simulation simulation;
          SimGroup group(simulation, Limit{{200, 10ms}, burst, mode});
          SimStream& own = simulation.add_stream();
          SimStream& member = simulation.add_stream();
          member.throttle.join(group, simulation.now);
          own.start();
          member.start();
          for (std::uint64_t i = 0; simulation.now < start_time + 10s; i++) {
            const std::uint64_t more = i % 2 * change;
            const CfgRef cfg = make_cfg(Limit{{200 + more, 10ms}, burst + more, mode});
            own.throttle.set_cfg(cfg.get(), simulation.now);
            group.set_cfg(*cfg.get(), simulation.now);
            simulation.run_for(period);
          }
          // What a change of the rate costs in strict ticks depends on where in a tick it comes.
          const double least = mode == RefillMode::ticks && change != 0 ? 0.4 : 0.97;
          for (const SimStream* stream : {&own, &member}) {
            EXPECT_GE(static_cast<double>(stream->moved) / 200'000, least)
                << (stream == &own ? "own" : "group") << ", mode " << static_cast<int>(mode)
                << ", burst " << burst << ", every " << period / 1ms << " ms, +" << change;
            EXPECT_LE(static_cast<double>(stream->moved) / 201'000, 1.02);
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace ev::test

#include "limit/token_level.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

namespace ev {
namespace {

using namespace std::chrono_literals;

constexpr TimePoint t0 = TimePoint(1000h);

TEST(TokenLevel, ManySmallRefillsEqualOneLong) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    const Rate rate{1 + random() % 1'000'003, Duration(1 + random() % 1'000'000'007)};
    TokenLevel often(0, t0);
    TokenLevel once(0, t0);
    TimePoint now = t0;
    for (int i = 0; i < 500; ++i) {
      now += Duration(random() % 100'000);
      often.flow(rate, max_tokens, now);
    }
    once.flow(rate, max_tokens, now);
    EXPECT_EQ(often.tokens(), once.tokens());
    EXPECT_EQ(static_cast<std::uint64_t>(once.tokens()), rate.over(now - t0));
  }
}

TEST(TokenLevel, TellsTheFirstMomentExactly) {
  std::mt19937_64 random(2);
  for (int round = 0; round < 1000; ++round) {
    const Rate rate{1 + random() % 5000, Duration(1 + random() % 10'000'000'000)};
    TokenLevel level(random() % 100, t0);
    level.add(-static_cast<std::int64_t>(random() % 1000));
    level.flow(rate, 2000, t0 + Duration(random() % 1000));
    const auto target = static_cast<std::uint64_t>(level.tokens() < 0 ? 1 : level.tokens() + 1);
    const TimePoint due = level.when_flowing(target, rate);
    TokenLevel early = level;
    early.flow(rate, 2000, due - Duration(1));
    EXPECT_LT(early.tokens(), static_cast<std::int64_t>(target));
    level.flow(rate, 2000, due);
    EXPECT_GE(level.tokens(), static_cast<std::int64_t>(target));
  }
}

TEST(TokenLevel, OneBytePerHour) {
  const Rate rate{1, 1h};
  TokenLevel level(0, t0);
  level.flow(rate, 10, t0 + 59min);
  EXPECT_EQ(level.tokens(), 0);
  EXPECT_EQ(level.when_flowing(1, rate), t0 + 1h);
  level.flow(rate, 10, t0 + 1h);
  EXPECT_EQ(level.tokens(), 1);
}

TEST(TokenLevel, LargestRatePerNanosecond) {
  const Rate rate{max_tokens, 1ns};
  TokenLevel level(0, TimePoint{});
  level.add(std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(level.when_flowing(max_tokens, rate), TimePoint{} + 3ns);
  TokenLevel whole(0, TimePoint{});
  whole.flow(rate, max_tokens, TimePoint::max());
  EXPECT_EQ(whole.tokens(), static_cast<std::int64_t>(max_tokens));
  TokenLevel stepped(0, TimePoint{});
  EXPECT_TRUE(stepped.step(rate, max_tokens, TimePoint::max()));
  EXPECT_EQ(stepped.tokens(), static_cast<std::int64_t>(max_tokens));
}

TEST(TokenLevel, TheLargestDebtIsPaidBack) {
  const Rate rate{max_tokens, 1ms};
  TokenLevel flowing(0, t0);
  TokenLevel stepping(0, t0);
  for (TokenLevel* level : {&flowing, &stepping}) {
    level->add(std::numeric_limits<std::int64_t>::min());
  }
  flowing.flow(rate, max_tokens, t0 + 2ms);
  stepping.step(rate, max_tokens, t0 + 2ms);
  for (const TokenLevel* level : {&flowing, &stepping}) {
    EXPECT_EQ(level->tokens(), static_cast<std::int64_t>(max_tokens) - 1);
  }
}

TEST(TokenLevel, AWaitBeyondTheClockIsNever) {
  const Rate rate{1, 10h};
  TokenLevel level(0, t0);
  level.add(std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(level.when_flowing(1, rate), TimePoint::max());
  EXPECT_EQ(level.when_stepping(1, rate), TimePoint::max());
}

TEST(TokenLevel, AddingStopsAtTheLimitsOfTheType) {
  TokenLevel level(5, t0);
  level.add(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(level.tokens(), std::numeric_limits<std::int64_t>::max());
  level.add(std::numeric_limits<std::int64_t>::min());
  level.add(std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(level.tokens(), std::numeric_limits<std::int64_t>::min());
}

TEST(TokenLevel, AClockThatStepsBackChangesNothing) {
  const Rate rate{10, 1ms};
  TokenLevel level(0, t0);
  level.flow(rate, 1000, t0 + 5ms);
  level.flow(rate, 1000, t0 + 1ms);
  level.flow(rate, 1000, t0 + 5ms);
  EXPECT_EQ(level.tokens(), 50);
}

TEST(TokenLevel, StepsAtWholeTicksOnly) {
  const Rate rate{10, 100ms};
  TokenLevel level(0, t0);
  EXPECT_FALSE(level.step(rate, 35, t0 + 99ms));
  EXPECT_TRUE(level.step(rate, 35, t0 + 250ms));
  EXPECT_EQ(level.tokens(), 20);
  EXPECT_EQ(level.when_stepping(21, rate), t0 + 300ms);
  EXPECT_TRUE(level.step(rate, 35, t0 + 10s));
  EXPECT_EQ(level.tokens(), 35);
}

}  // namespace
}  // namespace ev

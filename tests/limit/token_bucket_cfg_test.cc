#include "limit/token_bucket_cfg.h"

#include <gtest/gtest.h>

#include <climits>
#include <cstdint>
#include <memory>

namespace ev {
namespace {

using namespace std::chrono_literals;

struct Released {
  void operator()(TokenBucketCfg* cfg) const { cfg->release(); }
};
using Owned = std::unique_ptr<TokenBucketCfg, Released>;

Owned with_tick(timeval tick) { return Owned(TokenBucketCfg::create(1, 2, 3, 4, &tick)); }
Owned with_values(std::size_t a, std::size_t b, std::size_t c, std::size_t d) {
  return Owned(TokenBucketCfg::create(a, b, c, d, nullptr));
}

TEST(TokenBucketCfg, KeepsWhatItIsGiven) {
  const Owned cfg = with_tick({2, 500'000});
  ASSERT_TRUE(cfg);
  EXPECT_EQ(cfg->limit(Direction::read).rate, (Rate{1, 2500ms}));
  EXPECT_EQ(cfg->limit(Direction::read).burst, 2u);
  EXPECT_EQ(cfg->limit(Direction::write).rate, (Rate{3, 2500ms}));
  EXPECT_EQ(cfg->limit(Direction::write).burst, 4u);
}

TEST(TokenBucketCfg, ATickIsASecondByDefault) {
  EXPECT_EQ(with_values(1, 1, 1, 1)->limit(Direction::read).rate.tick, Duration(1s));
}

TEST(TokenBucketCfg, RatesFromOneUpToTheBurst) {
  EXPECT_FALSE(with_values(0, 1, 1, 1));
  EXPECT_FALSE(with_values(1, 1, 0, 1));
  EXPECT_FALSE(with_values(2, 1, 1, 1));
  EXPECT_FALSE(with_values(1, 1, 2, 1));
  EXPECT_FALSE(with_values(1, 0, 1, 1));
}

TEST(TokenBucketCfg, NothingAboveTheMaximum) {
  EXPECT_TRUE(with_values(max_tokens, max_tokens, max_tokens, max_tokens));
  EXPECT_FALSE(with_values(1, std::size_t{max_tokens} + 1, 1, 1));
  EXPECT_FALSE(with_values(1, 1, 1, SIZE_MAX));
  EXPECT_FALSE(with_values(SIZE_MAX, SIZE_MAX, 1, 1));
}

TEST(TokenBucketCfg, TicksAreWholeMilliseconds) {
  EXPECT_FALSE(with_tick({0, 0}));
  EXPECT_FALSE(with_tick({0, 500}));
  EXPECT_FALSE(with_tick({0, 999}));
  EXPECT_EQ(with_tick({0, 1000})->limit(Direction::read).rate.tick, Duration(1ms));
  EXPECT_EQ(with_tick({0, 1999})->limit(Direction::read).rate.tick, Duration(1ms));
}

TEST(TokenBucketCfg, TicksHaveALargestLength) {
  EXPECT_TRUE(with_tick({INT_MAX / 1000, 0}));
  EXPECT_EQ(with_tick({INT_MAX / 1000, 999'999})->limit(Direction::read).rate.tick,
            Duration(2'147'483'999ms));
  EXPECT_FALSE(with_tick({INT_MAX / 1000, 1'000'000}));
  EXPECT_FALSE(with_tick({0, 1'000'000L * (INT_MAX / 1000 + 1)}));
  EXPECT_FALSE(with_tick({INT_MAX / 1000 + 1, 0}));
  EXPECT_FALSE(with_tick({-1, 0}));
  EXPECT_FALSE(with_tick({-1, 999'999}));
  EXPECT_FALSE(with_tick({LONG_MAX, LONG_MAX}));
  EXPECT_FALSE(with_tick({0, LONG_MIN}));
}

TEST(TokenBucketCfg, UnderstandsCommonTimeouts) {
  const Owned cfg = with_tick({2, 0x50000000 | 0x00300000 | 500'000});
  ASSERT_TRUE(cfg);
  EXPECT_EQ(cfg->limit(Direction::read).rate.tick, Duration(2500ms));
}

TEST(TokenBucketCfg, InternallyTicksMayBeOfAnyLength) {
  const Limit nano{{1, 1ns}, 1, RefillMode::exact};
  const Owned cfg(TokenBucketCfg::create(nano, nano));
  ASSERT_TRUE(cfg);
  EXPECT_EQ(cfg->limit(Direction::write).rate.tick, Duration(1));
  EXPECT_EQ(cfg->limit(Direction::write).mode, RefillMode::exact);
  EXPECT_EQ(TokenBucketCfg::create(nano, Limit{{1, 0ns}, 1}), nullptr);
}

TEST(TokenBucketCfg, LivesWhileSomebodyUsesIt) {
  CfgRef reference;
  {
    const Owned cfg = with_values(7, 7, 7, 7);
    reference = CfgRef(cfg.get());
  }
  const CfgRef second = reference;
  reference = CfgRef();
  EXPECT_EQ(second->limit(Direction::read).burst, 7u);
}

}  // namespace
}  // namespace ev

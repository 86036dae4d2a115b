#include "limit/segment_cost.h"

#include <gtest/gtest.h>

namespace ev {
namespace {

TEST(SegmentCost, WithoutOverheadAByteIsAToken) {
  const SegmentCost cost;
  EXPECT_EQ(cost.of(0), 0u);
  EXPECT_EQ(cost.of(max_tokens), max_tokens);
  EXPECT_EQ(cost.payload(12345), 12345u);
}

TEST(SegmentCost, CountsEveryPacketBegun) {
  const SegmentCost cost{40, 1000};
  EXPECT_EQ(cost.of(0), 0u);
  EXPECT_EQ(cost.of(1), 41u);
  EXPECT_EQ(cost.of(1000), 1040u);
  EXPECT_EQ(cost.of(1001), 1081u);
  EXPECT_EQ(cost.of(max_tokens), max_tokens);
}

TEST(SegmentCost, PayloadIsTheMostThatTokensPayFor) {
  const SegmentCost cost{40, 1000};
  EXPECT_EQ(cost.payload(0), 0u);
  EXPECT_EQ(cost.payload(1), 1u);  // on credit: nobody is granted nothing
  for (std::uint64_t tokens = 41; tokens < 5000; ++tokens) {
    const std::uint64_t payload = cost.payload(tokens);
    EXPECT_LE(cost.of(payload), tokens);
    EXPECT_GT(cost.of(payload + 1), tokens);
  }
}

}  // namespace
}  // namespace ev

#include "sys/ascii.h"

#include <gtest/gtest.h>

#include <cstdint>

namespace ev {
namespace {

TEST(Ascii, IgnoresTheCaseOfAsciiLettersOnly) {
  EXPECT_EQ(compare_ignoring_case("Content-Length", "cONTENT-lENGTH"), 0);
  EXPECT_NE(compare_ignoring_case("\xe4", "\xc4"), 0);  // Latin-1 letters
  EXPECT_NE(compare_ignoring_case("[", "{"), 0);        // 32 apart like 'A' and 'a'
}

TEST(Ascii, OrdersByChars) {
  EXPECT_LT(compare_ignoring_case("abc", "ABD"), 0);
  EXPECT_GT(compare_ignoring_case("ABD", "abc"), 0);
  EXPECT_LT(compare_ignoring_case("ab", "ABC"), 0);
  EXPECT_GT(compare_ignoring_case("abc", ""), 0);
  EXPECT_LT(compare_ignoring_case("_", "A"), 0);  // letters compare as lower case
  EXPECT_EQ(compare_ignoring_case("\xff", "a") < 0, '\xff' < 'a');
}

TEST(Ascii, LooksAtNoMoreThanAsked) {
  EXPECT_EQ(compare_ignoring_case("abX", "ABY", 2), 0);
  EXPECT_LT(compare_ignoring_case("abX", "ABY", 3), 0);
  EXPECT_EQ(compare_ignoring_case("x", "y", 0), 0);
  EXPECT_EQ(compare_ignoring_case("ab", "AB", SIZE_MAX), 0);
  const char unterminated[2] = {'a', 'b'};
  EXPECT_EQ(compare_ignoring_case(unterminated, "ABC", 2), 0);
}

TEST(Ascii, NullComesFirst) {
  EXPECT_EQ(compare_ignoring_case(nullptr, nullptr), 0);
  EXPECT_LT(compare_ignoring_case(nullptr, ""), 0);
  EXPECT_GT(compare_ignoring_case("", nullptr), 0);
}

}  // namespace
}  // namespace ev

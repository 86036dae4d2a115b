#include "sys/date.h"

#include <gtest/gtest.h>

#include <climits>
#include <string>

namespace ev {
namespace {

tm utc(time_t seconds) {
  tm date;
  gmtime_r(&seconds, &date);
  return date;
}

std::string formatted(time_t seconds) {
  char text[64];
  const tm date = utc(seconds);
  EXPECT_EQ(format_rfc1123(text, sizeof text, &date), 29);
  return text;
}

TEST(Date, IsWrittenAsHttpWantsIt) {
  EXPECT_EQ(formatted(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(formatted(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(formatted(1709164800), "Thu, 29 Feb 2024 00:00:00 GMT");
}

TEST(Date, IsCutToTheRoomThereIs) {
  const tm date = utc(0);
  char text[] = "############################################";
  EXPECT_EQ(format_rfc1123(text, 10, &date), 29);
  EXPECT_STREQ(text, "Thu, 01 J");
  EXPECT_EQ(text[10], '#');
  EXPECT_EQ(format_rfc1123(text, 29, &date), 29);
  EXPECT_STREQ(text, "Thu, 01 Jan 1970 00:00:00 GM");
  text[0] = '#';
  EXPECT_EQ(format_rfc1123(text, 0, &date), 0);
  EXPECT_EQ(text[0], '#');
  EXPECT_EQ(format_rfc1123(nullptr, 10, &date), 0);
}

TEST(Date, WithoutADateIsNow) {
  char text[64];
  EXPECT_EQ(format_rfc1123(text, sizeof text, nullptr), 29);
}

TEST(Date, NonsenseIsRefused) {
  char text[64] = "before";
  tm date = utc(0);
  date.tm_wday = 7;
  EXPECT_EQ(format_rfc1123(text, sizeof text, &date), -1);
  EXPECT_STREQ(text, "");
  date = utc(0);
  date.tm_mon = -1;
  EXPECT_EQ(format_rfc1123(text, sizeof text, &date), -1);
  date = utc(0);
  date.tm_year = INT_MAX;
  EXPECT_GT(format_rfc1123(text, sizeof text, &date), 29);
}

}  // namespace
}  // namespace ev

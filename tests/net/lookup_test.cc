#include "net/lookup.h"

#include <event2/util.h>
#include <gtest/gtest.h>

#include <set>
#include <string>

namespace ev {
namespace {

addrinfo stream_hints(int flags = 0) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = flags;
  return hints;
}

TEST(Lookup, NumericHostsNeedNoNetwork) {
  addrinfo* list = nullptr;
  ASSERT_EQ(look_up_numeric("127.0.0.1", "80", stream_hints(), list), 0);
  EXPECT_EQ(list->ai_family, AF_INET);
  EXPECT_EQ(list->ai_next, nullptr);
  freeaddrinfo(list);
  ASSERT_EQ(look_up_numeric(nullptr, "80", stream_hints(), list), 0);
  freeaddrinfo(list);
  EXPECT_EQ(look_up_numeric("localhost", "80", stream_hints(), list), EVUTIL_EAI_NONAME);
  EXPECT_EQ(list, nullptr);
  EXPECT_NE(look_up_numeric("127.0.0.1", "http", stream_hints(), list), 0);
}

TEST(Lookup, ReportsBadQuestions) {
  addrinfo* list = nullptr;
  addrinfo hints = stream_hints();
  EXPECT_EQ(look_up(nullptr, nullptr, &hints, list), EVUTIL_EAI_NONAME);
  hints.ai_family = 12345;
  EXPECT_EQ(look_up("127.0.0.1", "80", &hints, list), EVUTIL_EAI_FAMILY);
  hints = stream_hints(0x8000000);
  EXPECT_EQ(look_up("127.0.0.1", "80", &hints, list), EVUTIL_EAI_BADFLAGS);
  hints = stream_hints();
  hints.ai_socktype = 77;
  EXPECT_EQ(look_up("127.0.0.1", "80", &hints, list), EVUTIL_EAI_SOCKTYPE);
  hints = stream_hints();
  EXPECT_EQ(look_up("127.0.0.1", "no-such-service", &hints, list), EVUTIL_EAI_SERVICE);
  EXPECT_EQ(list, nullptr);
}

TEST(Lookup, WithoutHintsFindsEverySocketType) {
  addrinfo* list = nullptr;
  ASSERT_EQ(look_up("1.2.3.4", "80", nullptr, list), 0);
  std::set<int> types;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) types.insert(at->ai_socktype);
  EXPECT_TRUE(types.contains(SOCK_STREAM));
  EXPECT_TRUE(types.contains(SOCK_DGRAM));
  freeaddrinfo(list);
}

TEST(Lookup, EveryErrorHasItsOwnText) {
  std::set<std::string> texts;
  const int errors[] = {0,
                        EVUTIL_EAI_CANCEL,
                        EVUTIL_EAI_ADDRFAMILY,
                        EVUTIL_EAI_AGAIN,
                        EVUTIL_EAI_BADFLAGS,
                        EVUTIL_EAI_FAIL,
                        EVUTIL_EAI_FAMILY,
                        EVUTIL_EAI_MEMORY,
                        EVUTIL_EAI_NODATA,
                        EVUTIL_EAI_NONAME,
                        EVUTIL_EAI_SERVICE,
                        EVUTIL_EAI_SOCKTYPE,
                        EVUTIL_EAI_SYSTEM,
                        123456};
  for (const int error : errors)
    EXPECT_TRUE(texts.insert(lookup_error_text(error)).second) << error;
}

}  // namespace
}  // namespace ev

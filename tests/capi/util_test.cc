// What the functions of event2/util.h and event2/listener.h do with arguments that make no sense,
// and the little that they do themselves. The rest is tested with the classes behind them.
#include <event2/listener.h>
#include <event2/util.h>
#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cerrno>
#include <climits>
#include <cstring>

namespace {

TEST(UtilDoor, PrintsIntoWhatThereIs) {
  char text[8] = "#######";
  EXPECT_EQ(evutil_snprintf(text, sizeof text, "%s", "0123456789"), 10);
  EXPECT_STREQ(text, "0123456");
  EXPECT_EQ(evutil_snprintf(text, 1, "%d", 42), 2);
  EXPECT_STREQ(text, "");
  text[0] = '#';
  EXPECT_EQ(evutil_snprintf(text, 0, "%d", 42), 0);
  EXPECT_EQ(text[0], '#');
  EXPECT_EQ(evutil_snprintf(nullptr, 10, "%d", 42), 0);
  EXPECT_EQ(evutil_snprintf(text, SIZE_MAX, "%s", "abc"), 3);
  EXPECT_STREQ(text, "abc");
}

TEST(UtilDoor, PrintingNeverLeavesTextWithoutAnEnd) {
  char text[] = "#######";
  const wchar_t unprintable[] = {0xdfff, 0};
  EXPECT_EQ(evutil_snprintf(text, sizeof text, "a%lsb", unprintable), -1);
  EXPECT_STREQ(text, "");
}

TEST(UtilDoor, AddressesNeedRoom) {
  sockaddr_storage out{};
  auto* generic = reinterpret_cast<sockaddr*>(&out);
  for (const int bad : {INT_MIN, -1, 0, int(sizeof(sockaddr_in)) - 1}) {
    int length = bad;
    EXPECT_EQ(evutil_parse_sockaddr_port("1.2.3.4:80", generic, &length), -1) << bad;
    EXPECT_EQ(length, bad);
  }
  int length = INT_MAX;
  EXPECT_EQ(evutil_parse_sockaddr_port("1.2.3.4:80", generic, &length), 0);
  EXPECT_EQ(length, int(sizeof(sockaddr_in)));
  length = sizeof(sockaddr_in6) - 1;
  EXPECT_EQ(evutil_parse_sockaddr_port("::1", generic, &length), -1);
  length = sizeof out;
  EXPECT_EQ(evutil_parse_sockaddr_port(nullptr, generic, &length), -1);
  EXPECT_EQ(evutil_parse_sockaddr_port("::1", nullptr, &length), -1);
  EXPECT_EQ(evutil_parse_sockaddr_port("::1", generic, nullptr), -1);
}

TEST(UtilDoor, ZonesOfAddresses) {
  in6_addr address;
  unsigned zone = 77;
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET6, "fe80::1%7", &address, &zone), 1);
  EXPECT_EQ(zone, 7u);
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET, "1.2.3.4", &address, &zone), 1);
  EXPECT_EQ(zone, 0u);
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET6, "fe80::1%-", &address, &zone), 0);
  EXPECT_EQ(evutil_inet_pton_scope(AF_UNIX, "fe80::1", &address, &zone), -1);
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET6, "fe80::1%7", &address, nullptr), 1);
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET6, nullptr, &address, &zone), 0);
  EXPECT_EQ(evutil_inet_pton_scope(AF_INET6, "::1", nullptr, &zone), 0);
  EXPECT_EQ(evutil_inet_pton(AF_INET, nullptr, &address), 0);
  EXPECT_EQ(evutil_inet_pton(AF_UNIX, "1.2.3.4", &address), -1);
}

TEST(UtilDoor, NullIsNoCrash) {
  timeval time;
  EXPECT_EQ(evutil_configure_monotonic_time(nullptr, 0), -1);
  EXPECT_EQ(evutil_gettime_monotonic(nullptr, &time), -1);
  evutil_monotonic_timer* timer = evutil_monotonic_timer_new();
  EXPECT_EQ(evutil_gettime_monotonic(timer, nullptr), -1);
  EXPECT_EQ(evutil_configure_monotonic_time(timer, -1), 0);
  EXPECT_EQ(evutil_gettime_monotonic(timer, &time), 0);
  evutil_monotonic_timer_free(timer);
  evutil_monotonic_timer_free(nullptr);
  sockaddr address{};
  EXPECT_EQ(evutil_sockaddr_cmp(nullptr, nullptr, 1), 0);
  EXPECT_LT(evutil_sockaddr_cmp(nullptr, &address, 1), 0);
  EXPECT_GT(evutil_sockaddr_cmp(&address, nullptr, 1), 0);
  EXPECT_EQ(evutil_getaddrinfo("127.0.0.1", "80", nullptr, nullptr), EVUTIL_EAI_SYSTEM);
  evutil_freeaddrinfo(nullptr);
  evutil_secure_rng_get_bytes(nullptr, 0);
  evutil_secure_rng_add_bytes(nullptr, 0);
  EXPECT_EQ(evutil_secure_rng_set_urandom_device_file(nullptr), -1);
  EXPECT_EQ(evutil_secure_rng_init(), 0);
  EXPECT_EQ(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, nullptr), -1);
}

TEST(UtilDoor, FailedLookupsLeaveNoList) {
  evutil_addrinfo* list = reinterpret_cast<evutil_addrinfo*>(1);
  EXPECT_EQ(evutil_getaddrinfo(nullptr, nullptr, nullptr, &list), EVUTIL_EAI_NONAME);
  EXPECT_EQ(list, nullptr);
}

TEST(ListenerDoor, NullIsNoCrash) {
  evconnlistener_free(nullptr);
  EXPECT_EQ(evconnlistener_enable(nullptr), -1);
  EXPECT_EQ(evconnlistener_disable(nullptr), -1);
  EXPECT_EQ(evconnlistener_get_base(nullptr), nullptr);
  EXPECT_EQ(evconnlistener_get_fd(nullptr), -1);
  evconnlistener_set_cb(nullptr, nullptr, nullptr);
  evconnlistener_set_error_cb(nullptr, nullptr);
  EXPECT_EQ(evconnlistener_new(nullptr, nullptr, nullptr, 0, -1, -1), nullptr);
  EXPECT_EQ(evconnlistener_new_bind(nullptr, nullptr, nullptr, 0, -1, nullptr, 0), nullptr);
}

}  // namespace

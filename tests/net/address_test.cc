#include "net/address.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <sys/un.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace ev {
namespace {

// "[address] port" of what was parsed, "refused" otherwise.
std::string parsed(const std::string& text) {
  SocketAddress address;
  if (!parse_address(text.c_str(), address)) return "refused";
  char host[INET6_ADDRSTRLEN];
  const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address.storage);
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address.storage);
  const bool is_ipv4 = address.storage.ss_family == AF_INET;
  EXPECT_EQ(address.length, is_ipv4 ? sizeof ipv4 : sizeof ipv6);
  const void* number = is_ipv4 ? static_cast<const void*>(&ipv4.sin_addr) : &ipv6.sin6_addr;
  format_ip(address.storage.ss_family, number, host, sizeof host);
  return std::string(host) + " " + std::to_string(ntohs(ipv4.sin_port));
}

TEST(Address, IsParsed) {
  const struct {
    const char* text;
    const char* expected;
  } cases[] = {
      {"127.0.0.1", "127.0.0.1 0"},
      {"127.0.0.1:1", "127.0.0.1 1"},
      {"255.255.255.255:65535", "255.255.255.255 65535"},
      {"1.2.3.4:00080", "1.2.3.4 80"},
      {"::", ":: 0"},
      {"::1", "::1 0"},
      {"[::1]", "::1 0"},
      {"[::1]:80", "::1 80"},
      {"ABCD:ef01::5", "abcd:ef01::5 0"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8 0"},
      {"[::ffff:1.2.3.4]:5", "::ffff:1.2.3.4 5"},
      {"::1:80", "::0.1.0.128 0"},  // a whole address, no port
      {"fe80::1%1", "fe80::1 0"},
      {"[fe80::1%1]:7", "fe80::1 7"},
  };
  for (const auto& [text, expected] : cases) EXPECT_EQ(parsed(text), expected) << text;
}

TEST(Address, RefusesWhatIsMalformed) {
  const char* texts[] = {
      "",
      " ",
      ":",
      "::1::",
      ":::",
      "[",
      "]",
      "[]",
      "[]:80",
      "[[::1]]",
      "[::1",
      "::1]",
      "[::1]:",
      "[::1]:0",
      "[::1]:65536",
      "[::1]:-1",
      "[::1]x",
      "[::1]80",
      "[::1] :8",
      "[::1]:80 ",
      "[::1]:8x",
      "[1.2.3.4]:80",
      "[1.2.3.4]",
      "1.2.3",
      "1.2.3.4.",
      "1.2.3.4.5",
      "256.1.1.1",
      "01.2.3.4",
      "0x1.2.3.4",
      " 1.2.3.4",
      "1.2.3.4 ",
      "1.2.3.4\n",
      "1.2.3.4:",
      "1.2.3.4:0",
      "1.2.3.4:65536",
      "1.2.3.4:-1",
      "1.2.3.4:+1",
      "1.2.3.4: 1",
      "1.2.3.4:1x",
      "1.2.3.4:x",
      ":80",
      "localhost",
      "localhost:80",
      "1.2.3.4:80:90",
      "1.2.3.4:4294967376",
      "1.2.3.4:99999999999999999999",
      "12345::",
      "g::1",
      "1:2:3:4:5:6:7",
      "1:2:3:4:5:6:7:8:9",
      "::1.2.3",
      "::1.2.3.4:80",
      "fe80::1%",
      "fe80::1%no-such-interface",
      "fe80::1%-1",
      "fe80::1%1x",
      "fe80::1%4294967296",
      "%1",
      "::1%1%1",
      "1.2.3.4%1",
      "fe80::1%1:80",
  };
  for (const char* text : texts) EXPECT_EQ(parsed(text), "refused") << '"' << text << '"';
  SocketAddress address;
  EXPECT_FALSE(parse_address(nullptr, address));
}

TEST(Address, RefusesTextOfAnyLength) {
  // Around the sizes of all buffers that hold a part of the text, and far beyond.
  for (std::size_t size = 1; size < 700; size++) {
    const std::string ones(size, '1');
    const bool may_be_port = size < 6 && std::stoi(ones) < 65536;
    EXPECT_EQ(parsed(ones), "refused");
    EXPECT_EQ(parsed("[" + ones), "refused");
    EXPECT_EQ(parsed("[" + ones + "]"), "refused");
    EXPECT_EQ(parsed("[" + ones + "]:80"), "refused");
    EXPECT_EQ(parsed("::1%" + ones + "x"), "refused");
    EXPECT_EQ(parsed("1.2.3.4:" + ones), may_be_port ? "1.2.3.4 " + ones : "refused");
    EXPECT_EQ(parsed(std::string(size, ':')), size == 2 ? ":: 0" : "refused");
    EXPECT_EQ(parsed(std::string(size, '[')), "refused");
  }
  const std::string endless(1 << 20, '[');
  EXPECT_EQ(parsed(endless), "refused");
}

TEST(Address, ZoneIsANumberOrAnInterface) {
  in6_addr address;
  unsigned zone = 77;
  EXPECT_TRUE(parse_ipv6_with_zone("::1", address, zone));
  EXPECT_EQ(zone, 0u);
  EXPECT_TRUE(parse_ipv6_with_zone("fe80::1%4294967295", address, zone));
  EXPECT_EQ(zone, 4294967295u);
  const unsigned loopback = if_nametoindex("lo");
  if (loopback == 0) GTEST_SKIP() << "no interface named lo";
  EXPECT_TRUE(parse_ipv6_with_zone("fe80::1%lo", address, zone));
  EXPECT_EQ(zone, loopback);
}

std::string formatted(const char* text) {
  in6_addr address;
  char out[INET6_ADDRSTRLEN];
  if (inet_pton(AF_INET6, text, &address) != 1) return "bad test";
  return format_ip(AF_INET6, &address, out, sizeof out);
}

TEST(Address, IsFormattedShort) {
  EXPECT_EQ(formatted("0:0:0:0:0:0:0:0"), "::");
  EXPECT_EQ(formatted("1:0:0:2:0:0:0:3"), "1:0:0:2::3");
  EXPECT_EQ(formatted("1:0:2:3:4:5:6:7"), "1:0:2:3:4:5:6:7");
  EXPECT_EQ(formatted("::ffff:1.2.3.4"), "::ffff:1.2.3.4");
  EXPECT_EQ(formatted("::1017:0"), "::1017:0");
}

TEST(Address, FormattingNeedsRoomAndAFamily) {
  const unsigned char ipv4[4] = {123, 123, 123, 123};
  char text[INET6_ADDRSTRLEN];
  EXPECT_EQ(format_ip(AF_INET, ipv4, text, 16), text);
  EXPECT_STREQ(text, "123.123.123.123");
  errno = 0;
  EXPECT_EQ(format_ip(AF_INET, ipv4, text, 15), nullptr);
  EXPECT_EQ(errno, ENOSPC);
  EXPECT_EQ(format_ip(AF_INET, ipv4, text, 0), nullptr);
  EXPECT_EQ(format_ip(AF_UNIX, ipv4, text, sizeof text), nullptr);
  EXPECT_EQ(errno, EAFNOSUPPORT);
  EXPECT_EQ(format_ip(AF_INET, nullptr, text, sizeof text), nullptr);
  EXPECT_EQ(format_ip(AF_INET, ipv4, nullptr, 16), nullptr);
  EXPECT_EQ(format_ip(AF_INET, ipv4, text, SIZE_MAX), text);
}

int compared(const char* a, const char* b, bool with_port) {
  SocketAddress left;
  SocketAddress right;
  EXPECT_TRUE(parse_address(a, left) && parse_address(b, right));
  return compare_addresses(*left.get(), *right.get(), with_port);
}

TEST(Address, IsOrdered) {
  EXPECT_EQ(compared("1.2.3.4:1", "1.2.3.4:2", false), 0);
  EXPECT_LT(compared("1.2.3.4:1", "1.2.3.4:2", true), 0);
  EXPECT_LT(compared("1.2.3.4:256", "1.2.3.4:257", true), 0);
  EXPECT_LT(compared("1.2.3.4:9", "2.2.3.4:1", true), 0);
  EXPECT_GT(compared("255.0.0.0", "1.0.0.0", false), 0);
  EXPECT_LT(compared("[::1]:9", "[::2]:1", true), 0);
  EXPECT_EQ(compared("[::1]:9", "[::1]:1", false), 0);
  EXPECT_GT(compared("[::1]:9", "[::1]:1", true), 0);
  EXPECT_LT(compared("1.2.3.4", "::1", true), 0);
  EXPECT_GT(compared("::1", "1.2.3.4", true), 0);
}

TEST(Address, OtherFamiliesAreNeverEqual) {
  sockaddr_un local{};
  local.sun_family = AF_UNIX;
  const auto& address = reinterpret_cast<const sockaddr&>(local);
  EXPECT_NE(compare_addresses(address, address, false), 0);
}

}  // namespace
}  // namespace ev

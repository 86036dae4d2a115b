#include "net/address_order.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <vector>

namespace ev {
namespace {

// '4' and '6' stand for addresses of the two families; the answer gives their places in the order
// of trying.
std::string order_of(const std::string& families) {
  static sockaddr any{};
  std::vector<addrinfo> list(families.size());
  for (std::size_t i = 0; i < list.size(); i++) {
    list[i].ai_family = families[i] == '4' ? AF_INET : AF_INET6;
    list[i].ai_addr = families[i] == '-' ? nullptr : &any;
    list[i].ai_next = i + 1 < list.size() ? &list[i + 1] : nullptr;
  }
  std::string order;
  for (const addrinfo* at : interleave_families(list.data())) {
    order += static_cast<char>('0' + (at - list.data()));
  }
  return order;
}

TEST(AddressOrder, FamiliesTakeTurns) {
  EXPECT_EQ(order_of("6"), "0");
  EXPECT_EQ(order_of("444"), "012");
  EXPECT_EQ(order_of("666444"), "031425");
  EXPECT_EQ(order_of("444666"), "031425");
  EXPECT_EQ(order_of("66664"), "04123");
  EXPECT_EQ(order_of("6444"), "0123");
  EXPECT_EQ(order_of("4646"), "0123");
}

TEST(AddressOrder, PassesOverWhatHasNoAddress) {
  EXPECT_EQ(order_of("-6-4"), "13");
  EXPECT_EQ(order_of("-"), "");
  EXPECT_TRUE(interleave_families(nullptr).empty());
}

}  // namespace
}  // namespace ev

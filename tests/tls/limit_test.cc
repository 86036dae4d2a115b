// Rate limits on TLS streams: what passes in a time, and that nothing stalls.
#include <event2/bufferevent.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tls/support/peer.h"

namespace tls_test {
namespace {

struct Case {
  Transport transport;
  Role limited;
};

void PrintTo(const Case& row, std::ostream* out) {
  *out << name_of(row.transport) << (row.limited == Role::client ? "Writer" : "Reader");
}

class LimitTest : public testing::TestWithParam<Case> {};

INSTANTIATE_TEST_SUITE_P(Tls, LimitTest,
                         testing::Values(Case{Transport::socket, Role::client},
                                         Case{Transport::socket, Role::server},
                                         Case{Transport::pair, Role::client},
                                         Case{Transport::pair, Role::server}),
                         testing::PrintToStringParamName());

constexpr std::size_t rate = 3000;
constexpr timeval tick{0, 10000};

TEST_P(LimitTest, SlowsDownAndArrives) {
  for (Library* library : libraries()) {
    Conversation talk(*library, *library, Version::tls12, GetParam().transport);
    ASSERT_TRUE(talk.connect());
    ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(rate, rate, rate, rate, &tick);
    ASSERT_EQ(bufferevent_set_rate_limit(talk.peer(GetParam().limited).bev(), cfg), 0);
    const std::string sent = pattern(60000);
    const auto begun = std::chrono::steady_clock::now();
    talk.client.write(sent);
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received.size() == sent.size(); }))
        << library->name() << " " << talk.server.received.size();
    const auto took = std::chrono::steady_clock::now() - begun;
    EXPECT_TRUE(talk.server.received == sent);
    // A bucketful at once, the rest at the rate; a record is not divided.
    EXPECT_GE(took, (sent.size() / rate - 8) * std::chrono::milliseconds(10));
    bufferevent_set_rate_limit(talk.peer(GetParam().limited).bev(), nullptr);
    ev_token_bucket_cfg_free(cfg);
  }
}

TEST_P(LimitTest, LetsHandshakesPass) {
  for (Library* library : libraries()) {
    Conversation talk(*library, *library, Version::tls12, GetParam().transport);
    ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, &tick);
    ASSERT_EQ(bufferevent_set_rate_limit(talk.peer(GetParam().limited).bev(), cfg), 0);
    ASSERT_TRUE(talk.connect());
    talk.client.write("at last");
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "at last"; }));
    bufferevent_set_rate_limit(talk.peer(GetParam().limited).bev(), nullptr);
    ev_token_bucket_cfg_free(cfg);
  }
}

}  // namespace
}  // namespace tls_test

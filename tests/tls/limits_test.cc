// Rate limits on TLS: bytes of the wire on a descriptor, plaintext over another bufferevent.
#include <event2/bevel.h>
#include <gtest/gtest.h>

#include "tls/support/peer.h"

namespace tls_test {
namespace {

constexpr ev_uint64_t hour = 3'600'000'000'000;
constexpr std::size_t limit = 5000;

struct Case {
  Library* library;
  Transport transport;
};

void PrintTo(const Case& row, std::ostream* out) {
  *out << row.library->name() << name_of(row.transport);
}

std::vector<Case> cases() {
  std::vector<Case> rows;
  for (Library* library : libraries()) {
    for (const Transport way : {Transport::socket, Transport::pair, Transport::filter}) {
      rows.push_back({library, way});
    }
  }
  return rows;
}

class LiftedLimitation1 : public testing::TestWithParam<Case> {
 protected:
  LiftedLimitation1() {
    cfg = bevel_token_bucket_cfg_new(limit, limit, limit, limit, hour, BEVEL_REFILL_SMOOTH);
    group = bufferevent_rate_limit_group_new(talk.loop.base(), cfg);
  }
  ~LiftedLimitation1() override {
    bufferevent_rate_limit_group_free(group);
    ev_token_bucket_cfg_free(cfg);
  }
  ev_uint64_t total(bool written) const {
    ev_uint64_t totals[2];
    bufferevent_rate_limit_group_get_totals(group, &totals[0], &totals[1]);
    return totals[written ? 1 : 0];
  }
  // What may have arrived when `limit` bytes have passed: some of them may be records' own.
  void expect_limited() const {
    if (GetParam().transport == Transport::socket) {
      EXPECT_LT(talk.server.received.size(), limit);
    } else {
      EXPECT_EQ(talk.server.received.size(), limit);
    }
  }

  Conversation talk{*GetParam().library, *GetParam().library, Version::tls12, GetParam().transport};
  ev_token_bucket_cfg* cfg;
  bufferevent_rate_limit_group* group;
};

INSTANTIATE_TEST_SUITE_P(Tls, LiftedLimitation1, testing::ValuesIn(cases()),
                         testing::PrintToStringParamName());

TEST_P(LiftedLimitation1, TlsObeysWhenItWrites) {
  ASSERT_TRUE(talk.connect());
  ASSERT_EQ(bufferevent_add_to_rate_limit_group(talk.client.bev(), group), 0);
  talk.client.write(std::string(20000, 'x'));
  talk.loop.turns(50);
  EXPECT_EQ(total(true), limit);
  EXPECT_EQ(bufferevent_rate_limit_group_get_write_limit(group), 0);
  expect_limited();
  ASSERT_EQ(bufferevent_remove_from_rate_limit_group(talk.client.bev()), 0);
  EXPECT_TRUE(talk.run_until([&] { return talk.server.received.size() == 20000; }));
}

// What is encrypted already waits as well, whatever else makes the stream work.
TEST_P(LiftedLimitation1, TlsObeysWhileWritingIsDisabled) {
  ASSERT_TRUE(talk.connect());
  ASSERT_EQ(bufferevent_add_to_rate_limit_group(talk.client.bev(), group), 0);
  talk.client.write(std::string(20000, 'x'));
  talk.loop.turns(20);
  talk.client.disable(EV_WRITE);
  talk.server.write("answer");
  ASSERT_TRUE(talk.run_until([&] { return talk.client.received == "answer"; }));
  talk.loop.turns(20);
  EXPECT_EQ(total(true), limit);
  EXPECT_EQ(bufferevent_rate_limit_group_get_write_limit(group), 0);
  EXPECT_LE(talk.loop.wakeups(), 5);
  talk.client.enable(EV_WRITE);
  bufferevent_rate_limit_group_free(group);
  group = nullptr;
  EXPECT_TRUE(talk.run_until([&] { return talk.server.received.size() == 20000; }));
}

TEST_P(LiftedLimitation1, TlsObeysWhenItReads) {
  ASSERT_TRUE(talk.connect());
  ASSERT_EQ(bufferevent_add_to_rate_limit_group(talk.server.bev(), group), 0);
  talk.client.write(std::string(20000, 'x'));
  talk.loop.turns(50);
  EXPECT_EQ(total(false), limit);
  expect_limited();
  bufferevent_rate_limit_group_free(group);
  group = nullptr;
  EXPECT_TRUE(talk.run_until([&] { return talk.server.received.size() == 20000; }));
}

// Bytes that come with the end of the peer's handshake.
TEST_P(LiftedLimitation1, TlsObeysFromTheFirstByte) {
  for (const Version version : {Version::tls12, Version::tls13}) {
    Library& library = *GetParam().library;
    if (!library.speaks(version)) continue;
    for (const Role role : {Role::client, Role::server}) {
      Conversation fresh(library, library, version, GetParam().transport);
      Peer& limited = fresh.peer(role);
      Peer& sender = fresh.peer(role == Role::client ? Role::server : Role::client);
      bufferevent_rate_limit_group* own = bufferevent_rate_limit_group_new(fresh.loop.base(), cfg);
      ASSERT_EQ(bufferevent_add_to_rate_limit_group(limited.bev(), own), 0);
      sender.write(std::string(20000, 'x'));
      ASSERT_TRUE(fresh.connect());
      fresh.loop.turns(50);
      EXPECT_LE(limited.received.size(), limit);
      EXPECT_EQ(bufferevent_rate_limit_group_get_read_limit(own), 0) << "no debt";
      bufferevent_rate_limit_group_free(own);
      EXPECT_TRUE(fresh.run_until([&] { return limited.received.size() == 20000; }));
    }
  }
}

TEST_P(LiftedLimitation1, TlsGoesOnByItself) {
  ev_token_bucket_cfg* often =
      bevel_token_bucket_cfg_new(3000, 3000, 2000, 2000, 2'000'000, BEVEL_REFILL_SMOOTH);
  ASSERT_TRUE(talk.connect());
  bufferevent_set_rate_limit(talk.client.bev(), often);
  bufferevent_set_rate_limit(talk.server.bev(), often);
  const timeval second{1, 0};
  bufferevent_set_timeouts(talk.server.bev(), &second, &second);
  ev_token_bucket_cfg_free(often);
  talk.client.write(std::string(100000, 'x'));
  EXPECT_TRUE(talk.run_until([&] { return talk.server.received.size() == 100000; }));
  EXPECT_EQ(talk.server.events.size(), 1U);
}

}  // namespace
}  // namespace tls_test

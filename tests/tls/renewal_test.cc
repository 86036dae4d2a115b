// Handshakes and new keys on open connections, between every two libraries.
#include <event2/bevel.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <cerrno>

#include "support/shutdown_outcome.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

struct Case {
  Library* client;
  Library* server;
  Role asker;
};

void PrintTo(const Case& row, std::ostream* out) {
  *out << row.client->name() << "To" << row.server->name()
       << (row.asker == Role::client ? "ByClient" : "ByServer");
}

std::vector<Case> cases() {
  std::vector<Case> rows;
  for (Library* client : libraries()) {
    for (Library* server : libraries()) {
      for (const Role asker : {Role::client, Role::server}) rows.push_back({client, server, asker});
    }
  }
  return rows;
}

class RenewalTest : public testing::TestWithParam<Case> {
 protected:
  Role asker = GetParam().asker;
  Role other = asker == Role::client ? Role::server : Role::client;
  // The client may ask, but this server does not follow.
  bool is_followed() const { return asker == Role::server || GetParam().server->follows_clients(); }
};

INSTANTIATE_TEST_SUITE_P(Tls, RenewalTest, testing::ValuesIn(cases()),
                         testing::PrintToStringParamName());

TEST_P(RenewalTest, RenewsAndTellsTheAskerOnce) {
  if (!is_followed()) return;
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Conversation talk(*GetParam().client, *GetParam().server, Version::tls12, way);
    ASSERT_TRUE(talk.connect());
    ASSERT_EQ(talk.library(asker).renegotiate(talk.peer(asker).bev()), 0);
    ASSERT_TRUE(talk.run_until([&] { return talk.peer(asker).events.size() > 1; }));
    talk.client.write("up");
    talk.server.write("down");
    ASSERT_TRUE(talk.run_until(
        [&] { return talk.server.received == "up" && talk.client.received == "down"; }));
    EXPECT_EQ(talk.peer(asker).count(BEV_EVENT_CONNECTED), 2);
    EXPECT_EQ(talk.peer(asker).events.size(), 2U);
    EXPECT_EQ(talk.peer(other).events.size(), 1U);
  }
}

TEST_P(RenewalTest, RenewsWhileBytesFlowBothWays) {
  if (!is_followed()) return;
  // GnuTLS begins from the start when plaintext comes before the server's answer. A server of
  // mbedTLS repeats its request with each record it reads, which only OpenSSL forgives.
  if (GetParam().client->name() == "GnuTLS") return;
  const bool repeats = asker == Role::server && GetParam().server->name() == "mbedTLS";
  if (repeats && GetParam().client->name() != "OpenSSL") return;
  Conversation talk(*GetParam().client, *GetParam().server, Version::tls12);
  ASSERT_TRUE(talk.connect());
  const std::string up = pattern(2 << 20, 1), down = pattern(2 << 20, 2);
  talk.client.write(up);
  talk.server.write(down);
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received.size() > 100000; }));
  ASSERT_EQ(talk.library(asker).renegotiate(talk.peer(asker).bev()), 0);
  ASSERT_TRUE(talk.run_until([&] {
    return talk.server.received.size() == up.size() && talk.client.received.size() == down.size();
  })) << talk.server.received.size()
      << ", " << talk.client.received.size() << ", events " << talk.client.events.size() << ", "
      << talk.server.events.size();
  ASSERT_TRUE(talk.run_until([&] { return talk.peer(asker).events.size() == 2; }));
  EXPECT_TRUE(talk.server.received == up);
  EXPECT_TRUE(talk.client.received == down);
  EXPECT_EQ(talk.peer(asker).count(BEV_EVENT_CONNECTED), 2);
  EXPECT_EQ(talk.peer(other).events.size(), 1U);
}

// The other end has begun one already.
TEST_P(RenewalTest, IsRefusedWhileOneIsOnItsWay) {
  if (asker != Role::server || GetParam().client->name() == "GnuTLS") return;
  Conversation talk(*GetParam().client, *GetParam().server, Version::tls12);
  ASSERT_TRUE(talk.connect());
  ASSERT_EQ(talk.library(asker).renegotiate(talk.server.bev()), 0);
  EXPECT_EQ(talk.library(asker).renegotiate(talk.server.bev()), -1);
  // Until the client has heard of it, it may ask as well.
  bool is_refused = false;
  ASSERT_TRUE(talk.run_until([&] {
    is_refused |= !talk.library(other).handshake_is_over(talk.connection(other)) &&
                  talk.library(other).renegotiate(talk.client.bev()) == -1;
    return talk.server.events.size() > 1;
  }));
  EXPECT_TRUE(is_refused);
  talk.client.write("up");
  talk.server.write("down");
  ASSERT_TRUE(talk.run_until(
      [&] { return talk.server.received == "up" && talk.client.received == "down"; }));
  EXPECT_EQ(talk.client.events.size(), 1U);
}

// Bytes of the peer stand in the way that only the program can take, and a maximum holds the output
// for turns of the loop that never come.
TEST_P(RenewalTest, BurnsNoTimeWhileTheProgramReadsNothing) {
  if (!is_followed() || asker != Role::client || GetParam().client->name() == "GnuTLS") return;
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Conversation talk(*GetParam().client, *GetParam().server, Version::tls12, way);
    ASSERT_TRUE(talk.connect());
    talk.client.disable(EV_READ);
    bufferevent_set_max_single_write(talk.client.bev(), 1000);
    talk.server.write("in the way");
    talk.loop.turns(3);
    ASSERT_EQ(talk.library(asker).renegotiate(talk.client.bev()), 0);
    talk.client.write("behind it");
    talk.loop.turns(20);
    EXPECT_LE(talk.loop.wakeups(), 5);
    talk.client.enable(EV_READ);
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "behind it"; }));
    EXPECT_EQ(talk.client.received, "in the way");
    EXPECT_EQ(talk.client.count(BEV_EVENT_CONNECTED), 2);
  }
}

// The server takes no bytes any more, but asks for a handshake.
TEST_P(RenewalTest, IsNotAnsweredOnAWireThatBroke) {
  if (asker != Role::server) return;
  Conversation talk(*GetParam().client, *GetParam().server, Version::tls12);
  ASSERT_TRUE(talk.connect());
  talk.server.disable(EV_READ);
  ::shutdown(bufferevent_getfd(talk.server.bev()), SHUT_RD);
  talk.client.write("x");
  ASSERT_TRUE(talk.run_until([&] { return talk.client.events.size() > 1; }));
  EXPECT_EQ(talk.client.events.back(), BEV_EVENT_ERROR | BEV_EVENT_WRITING);
  talk.server.write("still here");
  ASSERT_EQ(talk.library(asker).renegotiate(talk.server.bev()), 0);
  ASSERT_TRUE(talk.run_until([&] { return talk.client.received == "still here"; }));
  talk.loop.turns(5);
  EXPECT_LE(talk.loop.wakeups(), 5);
}

// Handshakes cost us more than the peer: somebody who does nothing else is stopped.
TEST_P(RenewalTest, EndsAFloodOfThem) {
  if (!is_followed()) return;
  Conversation talk(*GetParam().client, *GetParam().server, Version::tls12);
  ASSERT_TRUE(talk.connect());
  Peer& flooder = talk.peer(asker);
  flooder.on_event = [&](short what) {
    if (what == BEV_EVENT_CONNECTED) talk.library(asker).renegotiate(flooder.bev());
  };
  ASSERT_EQ(talk.library(asker).renegotiate(flooder.bev()), 0);
  ASSERT_TRUE(talk.run_until([&] { return talk.peer(other).events.size() > 1; }));
  EXPECT_EQ(talk.peer(other).events.back(), BEV_EVENT_ERROR | BEV_EVENT_READING);
  EXPECT_NE(talk.library(other).take_error(talk.peer(other).bev()), 0U);
  EXPECT_GT(flooder.count(BEV_EVENT_CONNECTED), 4);
  EXPECT_LT(flooder.count(BEV_EVENT_CONNECTED), 20);
}

// One end at most, and nothing behind it but the failure of what could not be written any more.
void expect_orderly_end(const Peer& peer) {
  constexpr short end = BEV_EVENT_EOF | BEV_EVENT_READING;
  const auto& events = peer.events;
  EXPECT_LE(peer.count(end), 1);
  for (std::size_t i = 1; i < events.size(); i++) {
    if ((events[i - 1] & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0) continue;
    EXPECT_EQ(events[i], BEV_EVENT_ERROR | BEV_EVENT_WRITING);
  }
}

TEST_P(RenewalTest, EndsWithAPeerThatSaysGoodbyeMeanwhile) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Conversation talk(*GetParam().client, *GetParam().server, Version::tls12, way);
    ASSERT_TRUE(talk.connect());
    Peer& asking = talk.peer(asker);
    Peer& leaving = talk.peer(other);
    test::ShutdownOutcome outcome;
    ASSERT_EQ(talk.library(asker).renegotiate(asking.bev()), 0);
    ASSERT_EQ(
        bevel_shutdown(leaving.bev(), EV_WRITE, nullptr, test::ShutdownOutcome::note, &outcome), 0);
    const auto has_left = [&] { return asking.has(BEV_EVENT_EOF) || asking.has(BEV_EVENT_ERROR); };
    // A library may refuse to say goodbye in the middle of a handshake.
    ASSERT_TRUE(talk.run_until([&] {
      return outcome.calls > 0 && (outcome.outcome != BEVEL_SHUTDOWN_CLEAN || has_left());
    }));
    asking.write("is anybody there?");
    ASSERT_TRUE(talk.run_until(
        [&] { return leaving.received == "is anybody there?" || asking.has(BEV_EVENT_ERROR); }));
    talk.loop.turns(20);
    expect_orderly_end(asking);
    expect_orderly_end(leaving);
    EXPECT_EQ(outcome.calls, 1);
    if (has_left()) {
      EXPECT_EQ(talk.library(asker).renegotiate(asking.bev()), -1);
    }
  }
}

TEST_P(RenewalTest, EndsWithAGoodbyeOfOurs) {
  // A client of GnuTLS cannot have plaintext in the middle of it.
  if (!is_followed() || GetParam().client->name() == "GnuTLS") return;
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Conversation talk(*GetParam().client, *GetParam().server, Version::tls12, way);
    ASSERT_TRUE(talk.connect());
    Peer& asking = talk.peer(asker);
    Peer& hearing = talk.peer(other);
    const std::string sent = pattern(400000);
    asking.write(sent);
    hearing.write(sent);
    test::ShutdownOutcome outcome;
    ASSERT_EQ(talk.library(asker).renegotiate(asking.bev()), 0);
    ASSERT_EQ(
        bevel_shutdown(asking.bev(), EV_WRITE, nullptr, test::ShutdownOutcome::note, &outcome), 0);
    const auto is_known = [&](const Peer& reader) {
      return reader.received.size() == sent.size() || asking.has(BEV_EVENT_ERROR) ||
             hearing.has(BEV_EVENT_ERROR);
    };
    ASSERT_TRUE(talk.run_until([&] {
      return outcome.calls == 1 && is_known(asking) && is_known(hearing);
    })) << name_of(way)
        << " " << asking.received.size() << " " << hearing.received.size();
    talk.loop.turns(20);
    expect_orderly_end(asking);
    expect_orderly_end(hearing);
  }
}

TEST_P(RenewalTest, IsRefusedByTls13) {
  if (!GetParam().client->speaks(Version::tls13) || !GetParam().server->speaks(Version::tls13)) {
    return;
  }
  Conversation talk(*GetParam().client, *GetParam().server, Version::tls13);
  ASSERT_TRUE(talk.connect());
  EXPECT_EQ(talk.library(asker).renegotiate(talk.peer(asker).bev()), -1);
  talk.client.write("still here");
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "still here"; }));
  EXPECT_EQ(talk.client.events.size(), 1U);
  EXPECT_EQ(talk.server.events.size(), 1U);
}

TEST_P(RenewalTest, UpdatesKeysInTls13) {
  if (!GetParam().client->speaks(Version::tls13) || !GetParam().server->speaks(Version::tls13)) {
    return;
  }
  for (const int ask_peer : {0, 1}) {
    Conversation talk(*GetParam().client, *GetParam().server, Version::tls13);
    errno = 0;
    EXPECT_EQ(bevel_tls_key_update(talk.peer(asker).bev(), ask_peer), -1);  // too early
    EXPECT_EQ(errno, ENOTCONN);
    ASSERT_TRUE(talk.connect());
    const std::string up = pattern(1 << 20, 1), down = pattern(1 << 20, 2);
    talk.client.write(up);
    talk.server.write(down);
    std::size_t next = 200000;  // GnuTLS allows a few in a second
    ASSERT_TRUE(talk.run_until([&] {
      if (talk.server.received.size() > next) {
        next += 400000;
        EXPECT_EQ(bevel_tls_key_update(talk.peer(asker).bev(), ask_peer), 0);
      }
      return talk.server.received.size() == up.size() && talk.client.received.size() == down.size();
    }));
    EXPECT_TRUE(talk.server.received == up);
    EXPECT_TRUE(talk.client.received == down);
    EXPECT_EQ(talk.client.events.size(), 1U);
  }
}

// What the library sends for it passes a filter at once, which calls for more.
TEST_P(RenewalTest, UpdatesKeysBehindWhatWaitsToBeSent) {
  if (!GetParam().client->speaks(Version::tls13) || !GetParam().server->speaks(Version::tls13)) {
    return;
  }
  for (const Transport way : {Transport::socket, Transport::pair, Transport::filter}) {
    Conversation talk(*GetParam().client, *GetParam().server, Version::tls13, way);
    ASSERT_TRUE(talk.connect());
    Peer& hearer = talk.peer(other);
    for (int round = 0; round < 2; round++) {
      talk.peer(asker).write(pattern(1000, 1));
      EXPECT_EQ(bevel_tls_key_update(talk.peer(asker).bev(), 0), 0);
      talk.peer(asker).write(pattern(1000, 2));
      ASSERT_TRUE(talk.run_until([&] { return hearer.received.size() == 2000; }));
      EXPECT_TRUE(hearer.received == pattern(1000, 1) + pattern(1000, 2));
      hearer.received.clear();
    }
    EXPECT_EQ(hearer.events.size(), 1U);
  }
}

TEST_P(RenewalTest, UpdatesNoKeysBeforeTls13) {
  Conversation talk(*GetParam().client, *GetParam().server, Version::tls12);
  ASSERT_TRUE(talk.connect());
  errno = 0;
  EXPECT_EQ(bevel_tls_key_update(talk.peer(asker).bev(), 1), -1);
  EXPECT_EQ(errno, EOPNOTSUPP);
  talk.client.write("still here");
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "still here"; }));
}

TEST(RenewalOfOthers, IsRefused) {
  Loop loop;
  bufferevent* plain = bufferevent_socket_new(loop.base(), -1, 0);
  for (Library* library : libraries()) EXPECT_EQ(library->renegotiate(plain), -1);
  EXPECT_EQ(bevel_tls_key_update(plain, 0), -1);
  EXPECT_EQ(bevel_tls_key_update(nullptr, 0), -1);
  EXPECT_EQ(bevel_tls_resume(plain), -1);
  EXPECT_EQ(bevel_tls_resume(nullptr), -1);
  EXPECT_EQ(bufferevent_ssl_get_flags(plain), EV_UINT64_MAX);
  EXPECT_EQ(bufferevent_ssl_set_flags(nullptr, 1), EV_UINT64_MAX);
  bufferevent_free(plain);
}

}  // namespace
}  // namespace tls_test

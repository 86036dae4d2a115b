// How a TLS connection ends or fails, with each library.
#include <event2/bevel.h>
#include <event2/bufferevent_struct.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "support/shutdown_outcome.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

constexpr short failed_reading = BEV_EVENT_ERROR | BEV_EVENT_READING;
constexpr short ended_reading = BEV_EVENT_EOF | BEV_EVENT_READING;

class EndingsTest : public testing::TestWithParam<Speaker> {
 protected:
  // A TLS stream on one end of a socket, whose other end is in our hands.
  void listen_to_socket(Role role) {
    make_sockets(sockets);
    peer.own(library.over_socket(loop.base(), sockets[0], library.connection(role, version),
                                 state_of(role), BEV_OPT_CLOSE_ON_FREE));
    peer.enable(EV_READ | EV_WRITE);
  }

  Library& library = *GetParam().library;
  const Version version = GetParam().version;
  Loop loop;
  Peer peer;
  int sockets[2];
};

INSTANTIATE_TEST_SUITE_P(Tls, EndingsTest, testing::ValuesIn(speakers()),
                         testing::PrintToStringParamName());

TEST_P(EndingsTest, TakesACutConnectionForAnError) {
  Conversation talk(library, library, version);
  ASSERT_TRUE(talk.connect());
  talk.loop.turns(5);
  talk.client.free();
  ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
  talk.loop.turns(5);
  EXPECT_EQ(talk.server.events, (std::vector<short>{BEV_EVENT_CONNECTED, failed_reading}));
  EXPECT_EQ(bufferevent_get_enabled(talk.server.bev()) & EV_READ, 0);
  EXPECT_NE(library.take_error(talk.server.bev()), 0U) << "it says why";
}

// Whoever closes without having read everything causes a reset.
TEST_P(EndingsTest, TakesAResetForAnEndIfAllowed) {
  for (const bool is_allowed : {false, true}) {
    Conversation talk(library, library, version);
    ASSERT_TRUE(talk.connect());
    talk.loop.turns(5);
    if (is_allowed) {
      bufferevent_ssl_set_flags(talk.server.bev(), BUFFEREVENT_SSL_DIRTY_SHUTDOWN);
    }
    talk.client.disable(EV_READ);
    talk.server.write("never read");
    talk.loop.turns(5);
    int error = 0;
    talk.server.on_event = [&](short) { error = errno; };
    talk.client.free();
    ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
    EXPECT_EQ(talk.server.events.back(), is_allowed ? ended_reading : failed_reading);
    EXPECT_EQ(error, ECONNRESET);
  }
}

TEST_P(EndingsTest, TakesAResetBelowForAnEndIfAllowed) {
  for (const bool is_allowed : {false, true}) {
    make_sockets(sockets);
    bufferevent* below = bufferevent_socket_new(loop.base(), sockets[0], BEV_OPT_CLOSE_ON_FREE);
    peer.own(library.over(loop.base(), below, library.connection(Role::client, version),
                          BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
    if (is_allowed) bufferevent_ssl_set_flags(peer.bev(), BUFFEREVENT_SSL_DIRTY_SHUTDOWN);
    short enabled = 0;
    peer.on_event = [&](short) { enabled = bufferevent_get_enabled(peer.bev()); };
    peer.enable(EV_READ | EV_WRITE);
    loop.turns(3);
    ::close(sockets[1]);  // with the greeting unread
    ASSERT_TRUE(loop.run_until([&] { return !peer.events.empty(); }));
    loop.turns(5);
    EXPECT_EQ(peer.events, std::vector<short>{is_allowed ? ended_reading : failed_reading});
    EXPECT_EQ(enabled, EV_WRITE);
    EXPECT_EQ(bufferevent_get_enabled(peer.bev()), EV_WRITE);
    peer.free();
    peer.forget();
  }
}

TEST_P(EndingsTest, TakesAResetInTheHandshakeForAnEndIfAllowed) {
  listen_to_socket(Role::client);
  bufferevent_ssl_set_flags(peer.bev(), BUFFEREVENT_SSL_DIRTY_SHUTDOWN);
  loop.turns(3);
  ::close(sockets[1]);
  ASSERT_TRUE(loop.run_until([&] { return !peer.events.empty(); }));
  loop.turns(5);
  EXPECT_EQ(peer.events, std::vector<short>{ended_reading});
}

// What waits below a connection that failed does not grow, and nobody hears of it again.
TEST_P(EndingsTest, LeavesTheStreamBelowAloneWhenItHasFailed) {
  static const std::string garbage(65536, 'x');
  make_sockets(sockets);
  bufferevent* below = bufferevent_socket_new(loop.base(), sockets[0], BEV_OPT_CLOSE_ON_FREE);
  peer.own(library.over(loop.base(), below, library.connection(Role::server, version),
                        BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));
  peer.enable(EV_READ | EV_WRITE);
  for (int i = 0; i < 100; i++) {
    ::send(sockets[1], garbage.data(), garbage.size(), MSG_NOSIGNAL);
    loop.turn();
  }
  EXPECT_EQ(peer.events, std::vector<short>{failed_reading});
  EXPECT_LT(evbuffer_get_length(bufferevent_get_input(below)), 1U << 20);
  ::close(sockets[1]);
  test::ShutdownOutcome outcome;
  ASSERT_EQ(bevel_shutdown(peer.bev(), EV_WRITE, nullptr, test::ShutdownOutcome::note, &outcome),
            0);
  ASSERT_TRUE(loop.run_until([&] { return outcome.calls == 1; }));
  loop.turns(5);
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
  EXPECT_EQ(peer.events.size(), 1U);
}

TEST_P(EndingsTest, SaysNothingMoreOnAWireThatBroke) {
  Conversation talk(library, library, version);
  ASSERT_TRUE(talk.connect());
  talk.loop.turns(5);
  talk.server.disable(EV_READ);
  talk.client.free();
  talk.server.write("nobody there");
  ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
  EXPECT_EQ(talk.server.events.back(), BEV_EVENT_ERROR | BEV_EVENT_WRITING);
  errno = 0;
  EXPECT_EQ(bevel_tls_key_update(talk.server.bev(), 1), -1);
  EXPECT_EQ(errno, ENOTCONN);
  EXPECT_EQ(library.renegotiate(talk.server.bev()), -1);
  EXPECT_LE(talk.loop.wakeups(), 5);
  EXPECT_EQ(talk.server.events.size(), 2U);
}

TEST_P(EndingsTest, TakesACutConnectionForAnEndIfAllowed) {
  Conversation talk(library, library, version);
  ASSERT_TRUE(talk.connect());
  EXPECT_EQ(bufferevent_ssl_get_flags(talk.server.bev()), 0U);
  EXPECT_EQ(bufferevent_ssl_set_flags(talk.server.bev(), BUFFEREVENT_SSL_DIRTY_SHUTDOWN), 0U);
  EXPECT_EQ(bufferevent_ssl_get_flags(talk.server.bev()), 1U);
  talk.client.write("not lost");
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "not lost"; }));
  talk.client.free();
  ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
  talk.loop.turns(5);
  EXPECT_EQ(talk.server.events, (std::vector<short>{BEV_EVENT_CONNECTED, ended_reading}));
}

// An attacker that ends the connection early must not pass for the peer.
TEST_P(EndingsTest, GivesWhatCameBeforeTheCut) {
  Conversation talk(library, library, version);
  ASSERT_TRUE(talk.connect());
  const std::string sent = pattern(50000);
  talk.server.disable(EV_READ);
  talk.client.write(sent);
  ASSERT_TRUE(talk.run_until(
      [&] { return evbuffer_get_length(bufferevent_get_output(talk.client.bev())) == 0; }));
  talk.loop.turns(5);
  talk.client.free();
  talk.loop.turns(5);
  talk.server.enable(EV_READ);
  ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
  EXPECT_TRUE(talk.server.received == sent);
  EXPECT_EQ(talk.server.events.back(), failed_reading);
}

TEST_P(EndingsTest, TakesAnEndInTheMiddleOfTheHandshakeForAnError) {
  ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(100, 100, 100, 100, nullptr);
  for (const Role role : {Role::client, Role::server}) {
    int errors[2] = {};
    for (const bool is_limited : {false, true}) {
      listen_to_socket(role);
      if (is_limited) bufferevent_set_rate_limit(peer.bev(), cfg);
      peer.on_event = [&](short) { errors[is_limited ? 1 : 0] = errno; };
      loop.turns(3);
      ::close(sockets[1]);
      ASSERT_TRUE(loop.run_until([&] { return !peer.events.empty(); }));
      loop.turns(3);
      EXPECT_EQ(peer.events.size(), 1U);
      EXPECT_NE(peer.events[0] & BEV_EVENT_ERROR, 0);
      peer.free();
      peer.events.clear();
    }
    // A client's greeting that nobody read makes a reset of it.
    EXPECT_EQ(errors[0], role == Role::client ? ECONNRESET : EPROTO);
    EXPECT_EQ(errors[1], errors[0]);
  }
  ev_token_bucket_cfg_free(cfg);
}

TEST_P(EndingsTest, TellsWhyWhenThePeerDoesNotSpeakTls) {
  static const char request[] = "GET / HTTP/1.0\r\nHost: localhost\r\n\r\n";
  for (const Role role : {Role::client, Role::server}) {
    listen_to_socket(role);
    unsigned long code = 0;
    peer.on_event = [&](short) { code = library.take_error(peer.bev()); };
    loop.turns(2);
    ASSERT_GT(::write(sockets[1], request, sizeof request), 0);
    ASSERT_TRUE(loop.run_until([&] { return !peer.events.empty(); }));
    loop.turns(5);
    EXPECT_EQ(peer.events, std::vector<short>{failed_reading});
    EXPECT_NE(code, 0U);
    EXPECT_EQ(library.take_error(peer.bev()), 0U);
    peer.free();
    peer.events.clear();
    ::close(sockets[1]);
  }
}

TEST_P(EndingsTest, TellsWhyWhenBytesWereChanged) {
  Conversation talk(library, library, version);
  ASSERT_TRUE(talk.connect());
  const int fd = bufferevent_getfd(talk.client.bev());
  static const char garbage[] = "\x17\x03\x03\x00\x20garbage garbage garbage garbage";
  ASSERT_GT(::write(fd, garbage, sizeof garbage), 0);
  ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
  EXPECT_EQ(talk.server.events.back(), failed_reading);
  EXPECT_NE(library.take_error(talk.server.bev()), 0U);
  // And the peer is told by an alert.
  ASSERT_TRUE(talk.run_until([&] { return talk.client.events.size() > 1; }));
  EXPECT_EQ(talk.client.events.back(), failed_reading);
  EXPECT_NE(library.take_error(talk.client.bev()), 0U);
}

// --- Timeouts ---

const timeval soon{0, 30000};

// Two ends on loops of their own, so that one can be gone before the other looks.
struct Apart {
  explicit Apart(const Speaker& row) {
    int sockets[2];
    make_sockets(sockets);
    for (const Role role : {Role::client, Role::server}) {
      const int fd = sockets[role == Role::client ? 0 : 1];
      Peer& peer = role == Role::client ? client : server;
      Loop& loop = role == Role::client ? client_loop : server_loop;
      peer.own(row.library->over_socket(loop.base(), fd, row.library->connection(role, row.version),
                                        state_of(role), BEV_OPT_CLOSE_ON_FREE));
      peer.enable(EV_READ | EV_WRITE);
    }
  }
  Loop client_loop, server_loop;
  Peer client, server;
};

// The client has all that it waits for; it never wanted the tickets that a server of TLS 1.3 sends
// last.
TEST_P(EndingsTest, TicketsThatNobodyTakesAreNoError) {
  if (version != Version::tls13) GTEST_SKIP() << "the server has the last word";
  Apart ends(GetParam());
  ends.client.write("request");
  ends.client_loop.turns(3);
  ends.server_loop.turns(3);
  ends.client_loop.turns(3);
  ASSERT_EQ(ends.client.events, std::vector<short>{BEV_EVENT_CONNECTED});
  test::ShutdownOutcome outcome;
  bevel_shutdown(ends.client.bev(), EV_WRITE, nullptr, test::ShutdownOutcome::note, &outcome);
  ends.client_loop.turns(3);
  ASSERT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  ends.client.free();
  ends.client_loop.turns(3);
  ends.server_loop.turns(5);
  EXPECT_EQ(ends.server.events, (std::vector<short>{BEV_EVENT_CONNECTED, ended_reading}));
  EXPECT_EQ(ends.server.received, "request");
}

// But an answer that nobody takes is one.
TEST_P(EndingsTest, AnAnswerBehindTicketsIsNotLostSilently) {
  if (version != Version::tls13) GTEST_SKIP() << "the server has the last word";
  Apart ends(GetParam());
  ends.server.on_event = [&](short what) {
    if (what == BEV_EVENT_CONNECTED) ends.server.write("welcome");
  };
  ends.client_loop.turns(3);
  ends.server_loop.turns(3);
  ends.client_loop.turns(3);
  ends.client.free();
  ends.client_loop.turns(3);
  ends.server_loop.turns(5);
  ASSERT_GE(ends.server.events.size(), 2U);
  EXPECT_EQ(ends.server.events[0], BEV_EVENT_CONNECTED);
  EXPECT_EQ(ends.server.count(BEV_EVENT_ERROR | BEV_EVENT_WRITING), 1);
}

// The peer could never finish without what was to be sent last.
TEST_P(EndingsTest, IsNotConnectedIfItsLastWordCannotLeave) {
  Apart ends(GetParam());
  const bool is_client = version == Version::tls13;
  ends.client_loop.turns(3);
  ends.server_loop.turns(3);
  if (!is_client) ends.client_loop.turns(3);
  (is_client ? ends.server : ends.client).free();
  (is_client ? ends.server_loop : ends.client_loop).turns(3);
  (is_client ? ends.client_loop : ends.server_loop).turns(5);
  EXPECT_EQ((is_client ? ends.client : ends.server).events, std::vector<short>{failed_reading});
}

TEST_P(EndingsTest, ReadTimeoutsComeOnceAndDisable) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Conversation talk(library, library, version, way);
    ASSERT_TRUE(talk.connect());
    bufferevent_set_timeouts(talk.server.bev(), &soon, nullptr);
    ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
    EXPECT_EQ(talk.server.events.back(), BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
    EXPECT_EQ(bufferevent_get_enabled(talk.server.bev()), EV_WRITE);
    bool passed = false;
    bufferevent_set_timeouts(talk.client.bev(), &soon, nullptr);  // our clock
    talk.client.on_event = [&](short) { passed = true; };
    ASSERT_TRUE(talk.run_until([&] { return passed; }));
    EXPECT_EQ(talk.server.events.size(), 2U);
    // Again, and bytes that came meanwhile are there.
    talk.client.write("late");
    talk.server.enable(EV_READ);
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "late"; }));
    ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 2; }));
    EXPECT_EQ(talk.server.events.back(), BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
  }
}

TEST_P(EndingsTest, WriteTimeoutsComeOnceAndDisable) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Conversation talk(library, library, version, way);
    ASSERT_TRUE(talk.connect());
    talk.server.disable(EV_READ);
    if (way == Transport::pair) {
      bufferevent_disable(bufferevent_get_underlying(talk.client.bev()), EV_WRITE);
    }
    bufferevent_set_timeouts(talk.client.bev(), nullptr, &soon);
    talk.client.write(pattern(4 << 20));
    ASSERT_TRUE(talk.run_until([&] { return talk.client.events.size() > 1; }));
    EXPECT_EQ(talk.client.events.back(), BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING);
    EXPECT_EQ(bufferevent_get_enabled(talk.client.bev()), EV_READ);
    bool passed = false;
    bufferevent_set_timeouts(talk.client.bev(), &soon, nullptr);  // our clock
    talk.client.on_event = [&](short) { passed = true; };
    ASSERT_TRUE(talk.run_until([&] { return passed; }));
    EXPECT_EQ(talk.client.events.size(), 3U);
    EXPECT_EQ(talk.client.events.back(), BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
  }
}

const timeval late{3600, 0};

TEST_P(EndingsTest, HandshakesTimeOutOnceByEitherTimeout) {
  const timeval* const pairs[][2] = {{&soon, nullptr}, {nullptr, &soon}, {&late, &soon}};
  for (const Role role : {Role::client, Role::server}) {
    for (const auto& [read, write] : pairs) {
      listen_to_socket(role);
      bufferevent_set_timeouts(peer.bev(), read, write);
      ASSERT_TRUE(loop.run_until([&] { return !peer.events.empty(); }));
      loop.turns(5);
      EXPECT_EQ(peer.events, std::vector<short>{BEV_EVENT_TIMEOUT});
      peer.free();
      peer.events.clear();
      ::close(sockets[1]);
    }
  }
}

TEST_P(EndingsTest, HandshakesOnAnotherStreamTimeOut) {
  for (const bool writing : {false, true}) {
    bufferevent* pair[2];
    ASSERT_EQ(bufferevent_pair_new(loop.base(), 0, pair), 0);
    peer.own(library.over(loop.base(), pair[0], library.connection(Role::client, version),
                          BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
    bufferevent_set_timeouts(peer.bev(), writing ? nullptr : &soon, writing ? &soon : nullptr);
    ASSERT_TRUE(loop.run_until([&] { return !peer.events.empty(); }));
    loop.turns(5);
    EXPECT_EQ(peer.events, std::vector<short>{BEV_EVENT_TIMEOUT});
    peer.free();
    peer.events.clear();
    bufferevent_free(pair[1]);
  }
}

TEST_P(EndingsTest, HandshakesHaveTheirTimeAsAWhole) {
  static const char header[] = {0x16, 0x03, 0x01, 0x20, 0x00};
  listen_to_socket(Role::server);
  bufferevent_set_timeouts(peer.bev(), &soon, &soon);
  ASSERT_EQ(::write(sockets[1], header, sizeof header), 5);
  const auto trickle = [](evutil_socket_t fd, short, void*) {
    EXPECT_EQ(::send(fd, "\1", 1, MSG_NOSIGNAL), 1);
  };
  event* tap = event_new(loop.base(), sockets[1], EV_TIMEOUT | EV_PERSIST, trickle, nullptr);
  const timeval often{0, 2000};
  event_add(tap, &often);
  EXPECT_TRUE(loop.run_until([&] { return !peer.events.empty(); }));
  EXPECT_EQ(peer.events, std::vector<short>{BEV_EVENT_TIMEOUT});
  event_free(tap);
  ::close(sockets[1]);
}

TEST_P(EndingsTest, TheTimeOfAHandshakeEndsWithIt) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Conversation talk(library, library, version, way);
    bufferevent_set_timeouts(talk.server.bev(), nullptr, &late);
    ASSERT_TRUE(talk.connect());
    EXPECT_EQ(event_pending(&talk.server.bev()->ev_read, EV_TIMEOUT, nullptr), 0);
  }
}

TEST_P(EndingsTest, NoTimeoutRunsWhileNothingIsWanted) {
  Conversation talk(library, library, version);
  ASSERT_TRUE(talk.connect());
  bufferevent_set_timeouts(talk.server.bev(), &soon, &soon);
  talk.server.disable(EV_READ);
  bufferevent_set_timeouts(talk.client.bev(), &soon, nullptr);
  ASSERT_TRUE(talk.run_until([&] { return talk.client.events.size() > 1; }));
  talk.loop.turns(3);
  EXPECT_EQ(talk.server.events.size(), 1U);
}

// --- Descriptors ---

TEST_P(EndingsTest, GetsItsDescriptorLater) {
  int pair[2];
  make_sockets(pair);
  Peer client, server;
  client.own(library.over_socket(loop.base(), -1, library.connection(Role::client, version),
                                 BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
  server.own(library.over_socket(loop.base(), -1, library.connection(Role::server, version),
                                 BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));
  for (Peer* end : {&client, &server}) end->enable(EV_READ | EV_WRITE);
  client.write("hello");
  loop.turns(3);
  EXPECT_TRUE(client.events.empty() && server.events.empty());
  EXPECT_EQ(bufferevent_setfd(client.bev(), pair[0]), 0);
  EXPECT_EQ(bufferevent_setfd(server.bev(), pair[1]), 0);
  ASSERT_TRUE(loop.run_until([&] { return server.received == "hello"; }));
  EXPECT_EQ(client.count(BEV_EVENT_CONNECTED), 1);
  EXPECT_EQ(bufferevent_getfd(client.bev()), pair[0]);
}

TEST_P(EndingsTest, ServesASecondConnectionIfTheLibraryCan) {
  Conversation talk(library, library, version);
  ASSERT_TRUE(talk.connect());
  talk.client.write("first");
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "first"; }));

  int pair[2];
  make_sockets(pair);
  if (library.name() == "GnuTLS") {
    EXPECT_EQ(bufferevent_setfd(talk.client.bev(), pair[0]), -1);
    ::close(pair[0]), ::close(pair[1]);
    return;
  }
  EXPECT_EQ(bufferevent_replacefd(talk.client.bev(), pair[0]), 0);
  EXPECT_EQ(bufferevent_replacefd(talk.server.bev(), pair[1]), 0);
  talk.client.write("second");
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "firstsecond"; }));
  EXPECT_EQ(talk.client.count(BEV_EVENT_CONNECTED), 2);
  EXPECT_EQ(talk.server.count(BEV_EVENT_CONNECTED), 2);
}

TEST_P(EndingsTest, RefusesWhatMakesNoSenseAndTakesNothing) {
  make_sockets(sockets);
  void* connection = library.connection(Role::client, version);
  event_base* base = loop.base();
  const auto state = BUFFEREVENT_SSL_CONNECTING;
  const int all = BEV_OPT_CLOSE_ON_FREE;
  EXPECT_EQ(library.over_socket(base, sockets[0], nullptr, state, all), nullptr);
  EXPECT_EQ(library.over_socket(nullptr, sockets[0], connection, state, all), nullptr);
  EXPECT_EQ(
      library.over_socket(base, sockets[0], connection, static_cast<bufferevent_ssl_state>(3), all),
      nullptr);
  EXPECT_EQ(
      library.over_socket(base, sockets[0], connection, state, all | BEV_OPT_UNLOCK_CALLBACKS),
      nullptr);
  EXPECT_EQ(library.over(base, nullptr, connection, state, all), nullptr);
  EXPECT_EQ(library.connection_of(nullptr), nullptr);
  EXPECT_EQ(library.take_error(nullptr), 0U);
  EXPECT_EQ(library.renegotiate(nullptr), -1);
  // They still work.
  peer.own(library.over_socket(base, sockets[0], connection, state, all));
  ASSERT_NE(peer.bev(), nullptr);
  EXPECT_EQ(library.connection_of(peer.bev()), connection);
  for (Library* other : libraries()) {
    if (other == &library) continue;
    EXPECT_EQ(other->connection_of(peer.bev()), nullptr);
  }
  ::close(sockets[1]);
}

}  // namespace
}  // namespace tls_test

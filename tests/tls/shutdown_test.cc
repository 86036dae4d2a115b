// bevel_shutdown() of TLS streams: with each library, over each transport, and with a filter on top.
#include <event2/bevel.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "support/shutdown_outcome.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

enum class Shape { socket, pair, filter, filtered };  // the last: a filter on TLS on a socket

struct Case {
  Library* library;
  Version version;
  Shape shape;
};

const char* name_of(Shape shape) {
  static constexpr const char* names[] = {"Socket", "Pair", "OverFilter", "UnderFilter"};
  return names[static_cast<int>(shape)];
}

void PrintTo(const Case& row, std::ostream* out) {
  *out << row.library->name() << name_of(row.version) << name_of(row.shape);
}

std::vector<Case> cases() {
  std::vector<Case> rows;
  for (const auto& [library, version] : speakers()) {
    for (const Shape shape : {Shape::socket, Shape::pair, Shape::filter, Shape::filtered}) {
      rows.push_back({library, version, shape});
    }
  }
  return rows;
}

Transport transport_of(Shape shape) {
  if (shape == Shape::pair) return Transport::pair;
  return shape == Shape::filter ? Transport::filter : Transport::socket;
}

constexpr short end_of_reading = BEV_EVENT_EOF | BEV_EVENT_READING;
constexpr std::size_t much = 200'000;
constexpr std::size_t more_than_fits = 2U << 20;

class ShutdownTest : public testing::TestWithParam<Case> {
 protected:
  ShutdownTest() {
    if (GetParam().shape != Shape::filtered) return;
    for (Peer* peer : {&client, &server}) {
      peer->own(bufferevent_filter_new(peer->give_away(), nullptr, nullptr, BEV_OPT_CLOSE_ON_FREE,
                                       nullptr, nullptr));
    }
  }

  void enable_both() {
    client.enable(EV_READ | EV_WRITE);
    server.enable(EV_READ | EV_WRITE);
  }
  void shut_down(Peer& peer, short how, const timeval* timeout = nullptr) {
    ASSERT_EQ(bevel_shutdown(peer.bev(), how, timeout, test::ShutdownOutcome::note, &outcome), 0);
    EXPECT_EQ(outcome.calls, 0) << "not from inside the call";
  }
  bool is_over() const { return outcome.calls > 0; }
  // The server does not read, and what waits for it fills everything between.
  void block() {
    server.disable(EV_READ);
    client.write(pattern(more_than_fits));
    talk.loop.turns(50);
  }

  test::ShutdownOutcome outcome;
  Conversation talk{*GetParam().library, *GetParam().library, GetParam().version,
                    transport_of(GetParam().shape)};
  Peer& client = talk.client;
  Peer& server = talk.server;
};

INSTANTIATE_TEST_SUITE_P(Tls, ShutdownTest, testing::ValuesIn(cases()),
                         testing::PrintToStringParamName());

TEST_P(ShutdownTest, BringsEveryByteAndACleanEnd) {
  ASSERT_TRUE(talk.connect());
  client.write(pattern(much));
  shut_down(client, EV_WRITE);
  std::size_t at_end = 0;
  server.on_event = [&](short) { at_end = server.received.size(); };
  ASSERT_TRUE(talk.run_until([&] { return is_over() && server.events.size() > 1; }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_TRUE(server.received == pattern(much));
  EXPECT_EQ(at_end, much) << "the end comes after the bytes";
  talk.loop.turns(5);
  EXPECT_EQ(server.events, (std::vector<short>{BEV_EVENT_CONNECTED, end_of_reading}));
  EXPECT_EQ(outcome.calls, 1);
}

TEST_P(ShutdownTest, WaitsForTheHandshake) {
  enable_both();
  client.write(pattern(much));
  shut_down(client, EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over() && server.events.size() > 1; }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_TRUE(server.received == pattern(much));
  EXPECT_EQ(server.events, (std::vector<short>{BEV_EVENT_CONNECTED, end_of_reading}));
}

TEST_P(ShutdownTest, WaitsForThePeersEnd) {
  ASSERT_TRUE(talk.connect());
  shut_down(client, EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return server.has(BEV_EVENT_EOF); }));
  talk.loop.turns(5);
  EXPECT_FALSE(is_over());
  server.write(pattern(much));
  ASSERT_EQ(bevel_shutdown(server.bev(), EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_TRUE(client.received == pattern(much));
}

TEST_P(ShutdownTest, WaitsForAPeerThatReadsLate) {
  ASSERT_TRUE(talk.connect());
  block();
  shut_down(client, EV_WRITE);
  talk.loop.turns(20);
  if (GetParam().shape == Shape::socket) {
    EXPECT_FALSE(is_over());
  }
  server.enable(EV_READ);
  ASSERT_TRUE(talk.run_until([&] { return is_over() && server.has(BEV_EVENT_EOF); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_TRUE(server.received == pattern(more_than_fits));
}

TEST_P(ShutdownTest, LeavesReadingWhoeverAsksForNewKeys) {
  if (GetParam().version != Version::tls13) return;
  ASSERT_TRUE(talk.connect());
  shut_down(client, EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over() && server.has(BEV_EVENT_EOF); }));
  bufferevent* tls = server.bev();
  if (GetParam().shape == Shape::filtered) tls = bufferevent_get_underlying(tls);
  for (int i = 0; i < 3; i++) {
    ASSERT_EQ(bevel_tls_key_update(tls, 1), 0);
    server.write(pattern(much, 1));
    ASSERT_TRUE(talk.run_until([&] { return client.received.size() == much; }));
    EXPECT_TRUE(client.received == pattern(much, 1));
    client.received.clear();
  }
  talk.loop.turns(5);
  EXPECT_EQ(client.events, std::vector<short>{BEV_EVENT_CONNECTED});
}

TEST_P(ShutdownTest, MayBeDoneAgain) {
  ASSERT_TRUE(talk.connect());
  client.write("once");
  shut_down(client, EV_WRITE);
  EXPECT_EQ(bevel_shutdown(client.bev(), EV_WRITE, nullptr, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EALREADY);
  ASSERT_TRUE(talk.run_until([&] { return is_over() && server.has(BEV_EVENT_EOF); }));
  outcome.calls = 0;
  shut_down(client, EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  talk.loop.turns(5);
  EXPECT_EQ(server.count(end_of_reading), 1);
}

TEST_P(ShutdownTest, EndsWithAnErrorBehindAWriteThatCameTooLate) {
  ASSERT_TRUE(talk.connect());
  shut_down(client, EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over() && server.has(BEV_EVENT_EOF); }));
  ASSERT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  client.write("late");
  ASSERT_TRUE(talk.run_until([&] { return client.has(BEV_EVENT_ERROR); }));
  EXPECT_EQ(client.events.back(), BEV_EVENT_ERROR | BEV_EVENT_WRITING);
  for (const int how : {EV_WRITE, EV_READ | EV_WRITE}) {
    outcome = {};
    shut_down(client, static_cast<short>(how));
    ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
    EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
  }
}

TEST_P(ShutdownTest, MayFreeTheStreamAtTheEnd) {
  ASSERT_TRUE(talk.connect());
  outcome.then = [&] { client.free(); };
  client.write(pattern(much));
  shut_down(client, EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return server.events.size() > 1; }));
  EXPECT_EQ(client.bev(), nullptr);
  EXPECT_EQ(server.received.size(), much);
  EXPECT_EQ(server.events.back(), end_of_reading);
}

TEST_P(ShutdownTest, MayEndByFreeingInEveryState) {
  for (int turns = 0; turns < 12; turns++) {
    Conversation other(*GetParam().library, *GetParam().library, GetParam().version,
                       transport_of(GetParam().shape));
    for (Peer* peer : {&other.client, &other.server}) peer->enable(EV_READ | EV_WRITE);
    other.client.write(pattern(much));
    ASSERT_EQ(bevel_shutdown(other.client.bev(), EV_READ | EV_WRITE, nullptr,
                             test::ShutdownOutcome::note, &outcome),
              0);
    other.loop.turns(turns);
    other.client.free();
    other.loop.turns(5);
  }
  EXPECT_EQ(outcome.calls, 0);
}

TEST_P(ShutdownTest, GivesUpWhenTheTimeIsOver) {
  constexpr timeval time{0, 20000};
  client.enable(EV_READ | EV_WRITE);
  client.write("nobody will read this");
  bufferevent* silent = server.give_away();  // no handshake without it
  bufferevent_disable(silent, EV_READ | EV_WRITE);
  if (bufferevent* below = bufferevent_get_underlying(silent)) bufferevent_disable(below, EV_READ);
  shut_down(client, EV_READ | EV_WRITE, &time);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_TIMEOUT);
  client.free();
  bufferevent_free(silent);
}

TEST_P(ShutdownTest, FreeingWhenFlushedLosesNothing) {
  ASSERT_TRUE(talk.connect());
  client.write(pattern(much));
  const std::size_t told = client.events.size();
  bevel_free_when_flushed(client.give_away());
  ASSERT_TRUE(talk.run_until([&] { return server.has(BEV_EVENT_EOF); }));
  EXPECT_TRUE(server.received == pattern(much));
  EXPECT_EQ(server.events.back(), end_of_reading);
  EXPECT_EQ(client.events.size(), told);
  ASSERT_EQ(bevel_shutdown(server.bev(), EV_WRITE, nullptr, nullptr, nullptr), 0);
  talk.loop.turns(20);
}

// --- after the connection broke, when nothing leaves any more ---

TEST_P(ShutdownTest, EndsWithAnErrorWhereThePeerWasCutOff) {
  if (transport_of(GetParam().shape) != Transport::socket) return;
  ASSERT_TRUE(talk.connect());
  block();
  server.free();
  ASSERT_TRUE(talk.run_until([&] { return client.has(BEV_EVENT_ERROR); }));
  shut_down(client, EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
}

// The peer's last words are a goodbye, so that only writing is broken.
TEST_P(ShutdownTest, EndsWithAnErrorWhereOnlyWritingBroke) {
  if (GetParam().shape != Shape::socket) return;
  ASSERT_TRUE(talk.connect());
  client.disable(EV_READ);
  block();
  ::shutdown(bufferevent_getfd(client.bev()), SHUT_WR);
  client.write("more");
  client.enable(EV_WRITE);
  talk.loop.turns(5);
  ASSERT_TRUE(client.has(BEV_EVENT_WRITING));
  shut_down(client, EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
}

// It heard all that it wanted, so it need not wait for our goodbye.
TEST_P(ShutdownTest, EndsWithAnErrorWhereThePartnerOfThePairIsGone) {
  if (GetParam().shape != Shape::pair && GetParam().shape != Shape::filter) return;
  for (const bool in_handshake : {true, false}) {
    Conversation other(*GetParam().library, *GetParam().library, GetParam().version,
                       transport_of(GetParam().shape));
    if (in_handshake) {
      other.client.enable(EV_WRITE);
    } else {
      ASSERT_TRUE(other.connect());
    }
    other.server.disable(EV_READ);
    other.client.write(pattern(more_than_fits));
    other.loop.turns(10);
    outcome.calls = 0;
    for (const bool before : {true, false}) {
      if (!before) other.server.free();
      if (before != in_handshake) continue;
      ASSERT_EQ(bevel_shutdown(other.client.bev(), EV_READ | EV_WRITE, nullptr,
                               test::ShutdownOutcome::note, &outcome),
                0);
    }
    ASSERT_TRUE(other.run_until([&] { return is_over(); }));
    EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
  }
}

TEST_P(ShutdownTest, ReadsAllOfAPeerThatLeftAfterItsGoodbye) {
  ASSERT_TRUE(talk.connect());
  bufferevent_setwatermark(client.bev(), EV_READ, 0, 1000);
  client.on_read = [&] { client.take(100); };
  server.write(pattern(much));
  shut_down(server, EV_READ | EV_WRITE);
  ASSERT_EQ(bevel_shutdown(client.bev(), EV_WRITE, nullptr, nullptr, nullptr), 0);
  outcome.then = [&] { server.free(); };
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  outcome.then = nullptr;
  outcome.calls = 0;
  shut_down(client, EV_READ | EV_WRITE);
  talk.loop.turns(20);
  if (transport_of(GetParam().shape) != Transport::socket) {
    EXPECT_FALSE(is_over());
  }
  client.on_read = nullptr;
  bufferevent_setwatermark(client.bev(), EV_READ, 0, 0);
  client.take();
  ASSERT_TRUE(talk.run_until([&] { return is_over() && client.has(BEV_EVENT_EOF); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_TRUE(client.received == pattern(much));
}

TEST_P(ShutdownTest, EndsCleanlyWhereThePeerLeftAfterItsGoodbye) {
  if (transport_of(GetParam().shape) != Transport::socket) return;
  ASSERT_TRUE(talk.connect());
  ASSERT_EQ(bevel_shutdown(
                server.bev(), EV_WRITE, nullptr,
                [](bufferevent*, bevel_shutdown_outcome, void* peer) {
                  static_cast<Peer*>(peer)->free();
                },
                &server),
            0);
  ASSERT_TRUE(talk.run_until([&] { return client.has(BEV_EVENT_EOF) && server.bev() == nullptr; }));
  shut_down(client, EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_EQ(client.events, (std::vector<short>{BEV_EVENT_CONNECTED, end_of_reading}));
}

TEST_P(ShutdownTest, EndsWithAnErrorWhereTheHandshakeFails) {
  if (GetParam().shape != Shape::socket) return;
  client.enable(EV_READ | EV_WRITE);
  client.write("too early");
  shut_down(client, EV_READ | EV_WRITE);
  talk.loop.turns(2);
  server.free();
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
  outcome.calls = 0;
  shut_down(client, EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
}

// --- and again on another descriptor ---

TEST_P(ShutdownTest, FailsWithoutADescriptor) {
  if (GetParam().shape != Shape::socket) return;
  ASSERT_TRUE(talk.connect());
  client.write("where to?");
  if (bufferevent_replacefd(client.bev(), -1) != 0) return;
  client.write("and this?");
  shut_down(client, EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
}

// In the middle of the bytes, and when only the peer's end is awaited.
TEST_P(ShutdownTest, FailsWhenTheConnectionIsReplaced) {
  for (const bool has_left : {false, true}) {
    Conversation other{*GetParam().library, *GetParam().library, GetParam().version,
                       transport_of(GetParam().shape)};
    outcome = {};
    Peer& mine = has_left ? other.client : client;
    Conversation& here = has_left ? other : talk;
    ASSERT_TRUE(here.connect());
    if (has_left) {
      shut_down(mine, EV_READ | EV_WRITE);
      ASSERT_TRUE(here.run_until([&] { return here.server.has(BEV_EVENT_EOF); }));
    } else {
      block();
      shut_down(mine, EV_WRITE);
    }
    here.loop.turns(5);
    const int before = outcome.calls;
    int sockets[2];
    make_sockets(sockets);
    if (bufferevent_replacefd(mine.bev(), sockets[0]) != 0) {  // it goes on as if nothing were
      EXPECT_EQ(outcome.calls, before);
      ::close(sockets[0]), ::close(sockets[1]);
      continue;
    }
    EXPECT_EQ(outcome.calls, 0) << "not from inside the call";
    ASSERT_TRUE(here.run_until([&] { return outcome.calls > 0; }));
    EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
    ASSERT_EQ(bufferevent_replacefd(here.server.bev(), sockets[1]), 0);
    here.server.forget();
    here.server.enable(EV_READ | EV_WRITE);
    mine.enable(EV_READ | EV_WRITE);
    mine.write("behind it");
    ASSERT_TRUE(here.run_until([&] { return here.server.received.ends_with("behind it"); }));
    here.loop.turns(5);
    EXPECT_EQ(here.server.events, std::vector<short>{BEV_EVENT_CONNECTED});
    EXPECT_EQ(outcome.calls, 1);
  }
}

TEST_P(ShutdownTest, BelongsToOneConnectionOnly) {
  if (GetParam().shape != Shape::socket || GetParam().library->name() == "GnuTLS") return;
  ASSERT_TRUE(talk.connect());
  for (Peer* peer : {&client, &server}) {
    ASSERT_EQ(bevel_shutdown(peer->bev(), EV_WRITE, nullptr, nullptr, nullptr), 0);
  }
  ASSERT_TRUE(
      talk.run_until([&] { return client.has(BEV_EVENT_EOF) && server.has(BEV_EVENT_EOF); }));
  int sockets[2];
  make_sockets(sockets);
  ASSERT_EQ(bufferevent_replacefd(client.bev(), sockets[0]), 0);
  ASSERT_EQ(bufferevent_replacefd(server.bev(), sockets[1]), 0);
  enable_both();
  client.write("second");
  ASSERT_TRUE(talk.run_until([&] { return server.received == "second"; }));
  shut_down(client, EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return server.count(end_of_reading) == 2; }));
  talk.loop.turns(10);
  EXPECT_FALSE(is_over()) << "the new peer has not ended yet";
  ASSERT_EQ(bevel_shutdown(server.bev(), EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(talk.run_until([&] { return is_over(); }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
}

}  // namespace
}  // namespace tls_test

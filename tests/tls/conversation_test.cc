// The same conversation between every two TLS libraries, in every version both speak, over every
// kind of transport.
#include <gtest/gtest.h>

#include "tls/support/peer.h"

namespace tls_test {
namespace {

struct Case {
  Library* client;
  Library* server;
  Version version;
  Transport transport;
};

void PrintTo(const Case& row, std::ostream* out) {
  *out << row.client->name() << "To" << row.server->name() << name_of(row.version)
       << name_of(row.transport);
}

std::vector<Case> cases() {
  std::vector<Case> rows;
  for (Library* client : libraries()) {
    for (Library* server : libraries()) {
      for (const Version version : {Version::tls12, Version::tls13}) {
        if (!client->speaks(version) || !server->speaks(version)) continue;
        for (const Transport way : {Transport::socket, Transport::pair, Transport::filter}) {
          rows.push_back({client, server, version, way});
        }
      }
    }
  }
  return rows;
}

class ConversationTest : public testing::TestWithParam<Case> {
 protected:
  Conversation talk{*GetParam().client, *GetParam().server, GetParam().version,
                    GetParam().transport};
  Peer& client = talk.client;
  Peer& server = talk.server;
};

INSTANTIATE_TEST_SUITE_P(Tls, ConversationTest, testing::ValuesIn(cases()),
                         testing::PrintToStringParamName());

TEST_P(ConversationTest, TellsOnceThatItIsConnected) {
  ASSERT_TRUE(talk.connect());
  talk.loop.turns(10);
  EXPECT_EQ(client.events.size(), 1U);
  EXPECT_EQ(server.events.size(), 1U);
  EXPECT_EQ(client.reads, 0);
  EXPECT_EQ(server.reads, 0);
}

TEST_P(ConversationTest, BringsBytesBothWays) {
  ASSERT_TRUE(talk.connect());
  std::string up, down;
  for (const std::size_t size : {1UL, 100UL, 16384UL, 16385UL, 1UL << 20, 4UL << 20}) {
    up += pattern(size, 1);
    down += pattern(size, 2);
    client.write(up.substr(up.size() - size));
    server.write(down.substr(down.size() - size));
    ASSERT_TRUE(talk.run_until([&] {
      return server.received.size() >= up.size() && client.received.size() >= down.size();
    })) << size
        << ": " << server.received.size() << " of " << up.size() << ", " << client.received.size()
        << " of " << down.size();
  }
  EXPECT_TRUE(server.received == up);
  EXPECT_TRUE(client.received == down);
}

TEST_P(ConversationTest, SendsWhatWasWrittenBeforeTheHandshake) {
  client.write("early");
  ASSERT_TRUE(talk.connect());
  ASSERT_TRUE(talk.run_until([&] { return server.received == "early"; }));
}

TEST_P(ConversationTest, KeepsTheHighMarkToTheByte) {
  ASSERT_TRUE(talk.connect());
  const std::string sent = pattern(200000);
  std::size_t most = 0;
  bufferevent_setwatermark(server.bev(), EV_READ, 0, 1000);
  server.on_read = [&] {
    most = std::max(most, server.waiting());
    server.take(500);
  };
  client.write(sent);
  ASSERT_TRUE(talk.run_until([&] {
    return server.received.size() + server.waiting() >= sent.size();
  })) << server.received.size();
  server.take();
  EXPECT_TRUE(server.received == sent);
  EXPECT_EQ(most, 1000U);
}

TEST_P(ConversationTest, StopsAndGoesOnWithReading) {
  ASSERT_TRUE(talk.connect());
  const std::string sent = pattern(300000);
  server.on_read = [&] {
    server.take();
    server.disable(EV_READ);
  };
  client.write(sent);
  while (server.received.size() < sent.size()) {
    const int reads = server.reads;
    server.enable(EV_READ);
    ASSERT_TRUE(talk.run_until([&] { return server.reads > reads; })) << server.received.size();
    talk.loop.turns(3);
    ASSERT_EQ(server.reads, reads + 1);
  }
  EXPECT_TRUE(server.received == sent);
}

TEST_P(ConversationTest, ReadsNoMoreInATurnThanItsMaximum) {
  ASSERT_TRUE(talk.connect());
  const std::string sent = pattern(60000);
  bufferevent_set_max_single_read(server.bev(), 777);
  client.write(sent);
  std::size_t before = 0;
  ASSERT_TRUE(talk.run_until([&] {
    EXPECT_LE(server.received.size() - before, 777U);
    before = server.received.size();
    return before >= sent.size();
  }));
  EXPECT_TRUE(server.received == sent);
}

TEST_P(ConversationTest, WritesNoMoreInATurnThanItsMaximum) {
  ASSERT_TRUE(talk.connect());
  const std::string sent = pattern(60000);
  bufferevent_set_max_single_write(client.bev(), 777);
  client.write(sent);
  std::size_t before = sent.size();
  ASSERT_TRUE(talk.run_until([&] {
    const std::size_t left = evbuffer_get_length(bufferevent_get_output(client.bev()));
    EXPECT_LE(before - left, 777U);
    before = left;
    return server.received.size() >= sent.size();
  }));
  EXPECT_TRUE(server.received == sent);
}

TEST_P(ConversationTest, EndsOnceWhenThePeerSaysGoodbye) {
  ASSERT_TRUE(talk.connect());
  client.write("last words");
  ASSERT_TRUE(talk.run_until([&] { return server.received == "last words"; }));
  talk.library(Role::client).say_goodbye(talk.connection(Role::client));
  ASSERT_TRUE(talk.run_until([&] { return server.events.size() > 1; }));
  talk.loop.turns(5);
  EXPECT_EQ(server.events.size(), 2U);
  EXPECT_EQ(server.events[1], BEV_EVENT_EOF | BEV_EVENT_READING);
  EXPECT_EQ(bufferevent_get_enabled(server.bev()), EV_WRITE);
  EXPECT_EQ(talk.library(Role::server).take_error(server.bev()), 0U);
}

TEST_P(ConversationTest, RunsCallbacksLaterIfAskedTo) {
  Conversation deferred(*GetParam().client, *GetParam().server, GetParam().version,
                        GetParam().transport, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
  ASSERT_TRUE(deferred.connect());
  const std::string sent = pattern(300000);
  deferred.client.write(sent);
  ASSERT_TRUE(deferred.run_until([&] { return deferred.server.received.size() >= sent.size(); }));
  EXPECT_TRUE(deferred.server.received == sent);
}

// A reply to each message: nothing may wait for something that does not come.
TEST_P(ConversationTest, PlaysPingPong) {
  ASSERT_TRUE(talk.connect());
  server.on_read = [&] {
    bufferevent_write_buffer(server.bev(), bufferevent_get_input(server.bev()));
  };
  std::string sent;
  for (int i = 0; i < 200; i++) {
    const std::string message = pattern(static_cast<std::size_t>(i) * 37 + 1, 3);
    sent += message;
    client.write(message);
    ASSERT_TRUE(talk.run_until([&] { return client.received.size() >= sent.size(); })) << i;
  }
  EXPECT_TRUE(client.received == sent);
}

// --- Lifetime ---

enum class Moment { connected, read, write, end };

TEST_P(ConversationTest, MayBeFreedInEveryCallback) {
  for (const Moment moment : {Moment::connected, Moment::read, Moment::write, Moment::end}) {
    for (const Role role : {Role::client, Role::server}) {
      Conversation short_talk(*GetParam().client, *GetParam().server, GetParam().version,
                              GetParam().transport);
      Peer& leaver = short_talk.peer(role);
      Peer& stayer = short_talk.peer(role == Role::client ? Role::server : Role::client);
      leaver.on_event = [&](short what) {
        const bool is_end = (what & BEV_EVENT_CONNECTED) == 0;
        if (is_end == (moment == Moment::end)) leaver.free();
      };
      if (moment != Moment::connected && moment != Moment::end) leaver.on_event = nullptr;
      if (moment == Moment::read) leaver.on_read = [&] { leaver.free(); };
      if (moment == Moment::write) leaver.on_write = [&] { leaver.free(); };
      leaver.write("something to be written");
      stayer.write(pattern(100000));
      stayer.on_event = [&](short what) {
        if (moment == Moment::end && what == BEV_EVENT_CONNECTED) stayer.free();
      };
      leaver.enable(EV_READ | EV_WRITE);
      stayer.enable(EV_READ | EV_WRITE);
      if (moment == Moment::end && GetParam().transport != Transport::socket) {
        short_talk.loop.turns(20);  // the end of a pair is not told to its partner
        continue;
      }
      ASSERT_TRUE(short_talk.run_until([&] { return leaver.bev() == nullptr; }))
          << static_cast<int>(moment);
    }
  }
}

TEST_P(ConversationTest, MayBeFreedInEveryStateOfTheHandshake) {
  for (const Role role : {Role::client, Role::server}) {
    for (int turns = 0; turns < 12; turns++) {
      Conversation short_talk(*GetParam().client, *GetParam().server, GetParam().version,
                              GetParam().transport);
      short_talk.client.enable(EV_READ | EV_WRITE);
      short_talk.server.enable(EV_READ | EV_WRITE);
      short_talk.client.write("hello");
      short_talk.loop.turns(turns);
      short_talk.peer(role).free();
      short_talk.loop.turns(5);
    }
  }
}

TEST_P(ConversationTest, LeavesTheConnectionObjectToTheProgram) {
  Library& library = *GetParam().client;
  void* mine = library.connection(Role::client, GetParam().version);
  {
    Conversation kept(library, mine, *GetParam().server,
                      GetParam().server->connection(Role::server, GetParam().version),
                      GetParam().transport, 0);
    ASSERT_TRUE(kept.connect());
    EXPECT_EQ(kept.connection(Role::client), mine);
    const int sockets[2] = {bufferevent_getfd(kept.client.bev()),
                            bufferevent_getfd(kept.server.bev())};
    void* others = kept.connection(Role::server);
    bufferevent* below[2] = {bufferevent_get_underlying(kept.client.bev()),
                             bufferevent_get_underlying(kept.server.bev())};
    kept.client.free();
    kept.server.free();
    kept.loop.turns(3);
    EXPECT_TRUE(library.handshake_is_over(mine));
    library.say_goodbye(mine);
    GetParam().server->free_connection(others);
    for (int i = 0; i < 2; i++) {
      if (below[i] != nullptr) {
        bufferevent_free(below[i]);
      } else {
        EXPECT_EQ(evutil_closesocket(sockets[i]), 0);
      }
    }
  }
  library.free_connection(mine);
}

// Passes whole blocks only, from the moment on that it is told to.
bufferevent_filter_result in_blocks(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                    bufferevent_flush_mode, void* is_strict) {
  constexpr std::size_t block_size = 7000;
  std::size_t size = evbuffer_get_length(source);
  if (*static_cast<bool*>(is_strict)) size -= size % block_size;
  if (size == 0) return BEV_NEED_MORE;
  evbuffer_remove_buffer(source, destination, size);
  return BEV_OK;
}

// Its output never becomes empty, so it has no write callback to tell of room.
TEST(TlsOverAFilterThatHoldsBytesBack, GoesOnWhenThereIsRoomAgain) {
  for (Library* library : libraries()) {
    const Version version = Version::tls12;
    bool is_strict = false;
    Loop loop;
    Peer client, server;
    int sockets[2];
    make_sockets(sockets);
    bufferevent* socket = bufferevent_socket_new(loop.base(), sockets[0], BEV_OPT_CLOSE_ON_FREE);
    bufferevent* filter = bufferevent_filter_new(socket, nullptr, in_blocks, BEV_OPT_CLOSE_ON_FREE,
                                                 nullptr, &is_strict);
    client.own(library->over(loop.base(), filter, library->connection(Role::client, version),
                             BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
    server.own(library->over_socket(loop.base(), sockets[1],
                                    library->connection(Role::server, version),
                                    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));
    client.enable(EV_READ | EV_WRITE);
    server.enable(EV_READ | EV_WRITE);
    ASSERT_TRUE(loop.run_until([&] { return client.events.size() + server.events.size() == 2; }));
    is_strict = true;
    server.disable(EV_READ);
    const std::string sent = pattern(4'000'000);
    client.write(sent);
    loop.turns(20);
    server.enable(EV_READ);
    EXPECT_TRUE(loop.run_until([&] { return server.received.size() + 24'000 >= sent.size(); }))
        << library->name() << ": " << server.received.size();
    EXPECT_TRUE(sent.starts_with(server.received));
  }
}

// A filter on top holds a TLS stream which waits for one below that never has an empty output.
TEST(TlsOverAFilterThatHoldsBytesBack, GoesOnForAFilterAfterItIsFreed) {
  for (Library* library : libraries()) {
    const Version version = Version::tls12;
    bool is_strict = false;
    Loop loop;
    Peer client, server;
    int sockets[2];
    make_sockets(sockets);
    bufferevent* socket = bufferevent_socket_new(loop.base(), sockets[0], BEV_OPT_CLOSE_ON_FREE);
    bufferevent* below = bufferevent_filter_new(socket, nullptr, in_blocks, BEV_OPT_CLOSE_ON_FREE,
                                                nullptr, &is_strict);
    bufferevent* tls = library->over(loop.base(), below, library->connection(Role::client, version),
                                     BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
    client.own(bufferevent_filter_new(tls, nullptr, nullptr, 0, nullptr, nullptr));
    server.own(library->over_socket(loop.base(), sockets[1],
                                    library->connection(Role::server, version),
                                    BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));
    client.enable(EV_READ | EV_WRITE);
    server.enable(EV_READ | EV_WRITE);
    ASSERT_TRUE(loop.run_until([&] { return client.events.size() + server.events.size() == 2; }));
    is_strict = true;
    server.disable(EV_READ);
    const std::string sent = pattern(4'000'000);
    client.write(sent);
    loop.turns(20);
    bufferevent_free(tls);
    server.enable(EV_READ);
    EXPECT_TRUE(loop.run_until([&] { return server.received.size() + 24'000 >= sent.size(); }))
        << library->name() << ": " << server.received.size();
    EXPECT_TRUE(sent.starts_with(server.received));
  }
}

}  // namespace
}  // namespace tls_test

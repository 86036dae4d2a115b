// Without BEV_OPT_CLOSE_ON_FREE the program gets connection and descriptor back, and goes on with
// them.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tls/support/peer.h"

namespace tls_test {
namespace {

class HandOverTest : public testing::TestWithParam<Speaker> {
 protected:
  // The server's connection stays ours.
  void connect() {
    make_sockets(sockets);
    connection = library.connection(Role::server, version);
    client.own(library.over_socket(loop.base(), sockets[0],
                                   library.connection(Role::client, version),
                                   BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
    serve(BUFFEREVENT_SSL_ACCEPTING);
  }
  void serve(bufferevent_ssl_state state) {
    server.own(library.over_socket(loop.base(), sockets[1], connection, state, 0));
  }
  void free_connection() {
    library.free_connection(connection);
    ::close(sockets[1]);
  }

  Library& library = *GetParam().library;
  const Version version = GetParam().version;
  Loop loop;
  Peer client;
  Peer server;
  void* connection = nullptr;
  int sockets[2];
};

INSTANTIATE_TEST_SUITE_P(Tls, HandOverTest, testing::ValuesIn(speakers()),
                         testing::PrintToStringParamName());

// The client's first bytes come together with the end of its handshake.
TEST_P(HandOverTest, LeavesWhatWasNotReadToTheNext) {
  connect();
  client.write("first");
  client.enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(loop.run_until([&] { return !server.events.empty(); }));
  loop.turns(5);
  server.free();
  serve(BUFFEREVENT_SSL_OPEN);
  server.enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(loop.run_until([&] { return server.received == "first"; }));
  server.write("second");
  ASSERT_TRUE(loop.run_until([&] { return client.received == "second"; }));
  EXPECT_EQ(client.events, std::vector<short>{BEV_EVENT_CONNECTED});
  server.free();
  free_connection();
}

TEST_P(HandOverTest, LeavesWhatWasHeldUpToTheNext) {
  connect();
  const std::string sent = pattern(100'000);
  bufferevent_setwatermark(server.bev(), EV_READ, 0, 10);
  server.on_read = [] {};
  client.write(sent);
  client.enable(EV_READ | EV_WRITE);
  server.enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(loop.run_until([&] { return server.waiting() == 10; }));
  loop.turns(20);
  server.take();
  server.on_read = nullptr;
  server.free();
  serve(BUFFEREVENT_SSL_OPEN);
  server.enable(EV_READ);
  ASSERT_TRUE(loop.run_until([&] { return server.received.size() == sent.size(); }))
      << server.received.size();
  EXPECT_TRUE(server.received == sent);
  server.free();
  free_connection();
}

TEST_P(HandOverTest, HoldsItsLimitToTheByte) {
  connect();
  ev_token_bucket_cfg* cfg =
      ev_token_bucket_cfg_new(300, 300, EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, nullptr);
  client.write(pattern(100'000));
  client.enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(loop.run_until([&] { return !server.events.empty(); }));
  ASSERT_EQ(bufferevent_set_rate_limit(server.bev(), cfg), 0);
  const ev_ssize_t before = bufferevent_get_read_limit(server.bev());
  server.enable(EV_READ);
  loop.turns(20);
  EXPECT_EQ(before, 300);
  EXPECT_GE(bufferevent_get_read_limit(server.bev()), 0);
  EXPECT_LT(server.received.size(), 300U);
  bufferevent_set_rate_limit(server.bev(), nullptr);
  ASSERT_TRUE(loop.run_until([&] { return server.received.size() == 100'000; }));
  EXPECT_TRUE(server.received == pattern(100'000));
  server.free();
  free_connection();
  ev_token_bucket_cfg_free(cfg);
}

TEST_P(HandOverTest, HearsOfAReset) {
  connect();
  client.enable(EV_READ | EV_WRITE);
  server.enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(loop.run_until([&] { return !client.events.empty() && !server.events.empty(); }));
  loop.turns(5);
  client.disable(EV_READ);
  server.write("never read");
  loop.turns(5);
  client.free();
  ASSERT_TRUE(loop.run_until([&] { return server.events.size() > 1; }));
  loop.turns(5);
  EXPECT_EQ(server.events,
            (std::vector<short>{BEV_EVENT_CONNECTED, BEV_EVENT_ERROR | BEV_EVENT_READING}));
  server.free();
  free_connection();
}

// As programs do that keep both for themselves: everything goes in the callback, and the
// descriptor's number is another's at once.
TEST_P(HandOverTest, ForgetsWhatTheProgramFreesInTheCallback) {
  connect();
  client.enable(EV_READ | EV_WRITE);
  server.enable(EV_READ | EV_WRITE);
  Peer successor;
  int others[2] = {-1, -1};
  server.on_read = [&] {
    server.free();
    free_connection();
    make_sockets(others);
    successor.own(bufferevent_socket_new(loop.base(), others[0], BEV_OPT_CLOSE_ON_FREE));
    successor.enable(EV_READ);
  };
  client.write("that is all");
  ASSERT_TRUE(loop.run_until([&] { return successor.bev() != nullptr; }));
  EXPECT_EQ(others[0], sockets[1]);
  ASSERT_EQ(::write(others[1], "new", 3), 3);
  EXPECT_TRUE(loop.run_until([&] { return successor.received == "new"; }));
  ::close(others[1]);
}

// The records that were made go to the kernel, or the peer could not read later ones.
TEST_P(HandOverTest, SendsTheRecordsThatWereMade) {
  make_sockets(sockets);
  connection = library.connection(Role::server, version);
  bufferevent* pair[2];
  ASSERT_EQ(bufferevent_pair_new(loop.base(), BEV_OPT_CLOSE_ON_FREE, pair), 0);
  Peer wire;  // between the client and the socket, moved by hand
  wire.own(pair[1]);
  wire.enable(EV_READ | EV_WRITE);
  client.own(library.over(loop.base(), pair[0], library.connection(Role::client, version),
                          BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
  client.enable(EV_READ | EV_WRITE);
  serve(BUFFEREVENT_SSL_ACCEPTING);
  server.enable(EV_READ | EV_WRITE);
  std::string from_server;
  const auto drain = [&] {
    char bytes[4096];
    for (ssize_t got; (got = ::recv(sockets[0], bytes, sizeof bytes, 0)) > 0;) {
      from_server.append(bytes, static_cast<std::size_t>(got));
    }
  };
  const auto carry = [&] {
    ::send(sockets[0], wire.received.data(), wire.received.size(), MSG_NOSIGNAL);
    wire.received.clear();
    drain();
    wire.write(from_server);
    from_server.clear();
  };
  ASSERT_TRUE(loop.run_until([&] {
    carry();
    return !client.events.empty() && !server.events.empty();
  }));

  server.write(pattern(1'000'000));  // more records than the kernel takes
  loop.turns(5);
  drain();
  server.free();
  serve(BUFFEREVENT_SSL_OPEN);
  server.write("the end");
  ASSERT_TRUE(loop.run_until([&] {
    carry();
    return client.received.ends_with("the end") || client.events.size() > 1;
  }));
  EXPECT_EQ(client.events, std::vector<short>{BEV_EVENT_CONNECTED});
  server.free();
  ::close(sockets[0]);
  free_connection();
}

}  // namespace
}  // namespace tls_test

// TLS streams that connect: on a socket of their own, or that of the bufferevent below.
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "net/resolver.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

// Somewhere to connect to.
class Listener {
 public:
  Listener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    EXPECT_EQ(::bind(fd_, name(), length), 0);
    EXPECT_EQ(::listen(fd_, 4), 0);
    ::getsockname(fd_, name(), &length);
  }
  ~Listener() { ::close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  sockaddr* name() { return reinterpret_cast<sockaddr*>(&address_); }
  int port() const { return ntohs(address_.sin_port); }
  int accept() const { return ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK); }
  int connect(bufferevent* bev) {
    return bufferevent_socket_connect(bev, name(), static_cast<int>(sizeof address_));
  }

 private:
  int fd_;
  sockaddr_in address_{};
};

class ConnectingTest : public testing::TestWithParam<Speaker> {
 protected:
  // On a socket that is not there yet, or over a bufferevent without one, or over a filter on that.
  void make_client(int layers_below) {
    void* connection = library.connection(Role::client, version);
    const int options = BEV_OPT_CLOSE_ON_FREE;
    if (layers_below == 0) {
      client.own(
          library.over_socket(loop.base(), -1, connection, BUFFEREVENT_SSL_CONNECTING, options));
      client.enable(EV_READ | EV_WRITE);
      return;
    }
    bufferevent* below = bufferevent_socket_new(loop.base(), -1, options);
    if (layers_below > 1) {
      below = bufferevent_filter_new(below, nullptr, nullptr, options, nullptr, nullptr);
    }
    client.own(library.over(loop.base(), below, connection, BUFFEREVENT_SSL_CONNECTING, options));
    client.enable(EV_READ | EV_WRITE);
  }
  // What the client writes arrives at a server that accepts it.
  void expect_talk(const std::string& words = "over tcp") {
    client.write(words);
    int accepted = -1;
    ASSERT_TRUE(loop.run_until([&] { return (accepted = listener.accept()) >= 0; }));
    Peer server;
    server.own(library.over_socket(loop.base(), accepted, library.connection(Role::server, version),
                                   BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));
    server.enable(EV_READ | EV_WRITE);
    ASSERT_TRUE(loop.run_until([&] { return server.received == "over tcp"; }));
    server.write("back");
    ASSERT_TRUE(loop.run_until([&] { return client.received == "back"; }));
    EXPECT_EQ(client.events, std::vector<short>{BEV_EVENT_CONNECTED});
    for (bufferevent* layer = client.bev(); layer != nullptr;
         layer = bufferevent_get_underlying(layer)) {
      EXPECT_GE(bufferevent_getfd(layer), 0);
      EXPECT_EQ(bufferevent_getfd(layer), bufferevent_getfd(client.bev()));
    }
  }

  Library& library = *GetParam().library;
  const Version version = GetParam().version;
  Loop loop;
  Listener listener;
  Peer client;
};

INSTANTIATE_TEST_SUITE_P(Tls, ConnectingTest, testing::ValuesIn(speakers()),
                         testing::PrintToStringParamName());

TEST_P(ConnectingTest, ConnectsByTcpAndRaisesOneEvent) {
  for (const int layers_below : {0, 1, 2}) {
    make_client(layers_below);
    ASSERT_EQ(listener.connect(client.bev()), 0);
    expect_talk();
    client.free();
    client.forget();
  }
}

TEST_P(ConnectingTest, ConnectsByName) {
  for (const int layers_below : {0, 1, 2}) {
    make_client(layers_below);
    ASSERT_EQ(bufferevent_socket_connect_hostname(client.bev(), nullptr, AF_INET, "127.0.0.1",
                                                  listener.port()),
              0);
    expect_talk();
    client.free();
    client.forget();
  }
}

TEST_P(ConnectingTest, TellsOfANameThatCannotBeResolved) {
  for (const int layers_below : {0, 1}) {
    make_client(layers_below);
    ASSERT_EQ(bufferevent_socket_connect_hostname(client.bev(), nullptr, AF_INET, "no such host",
                                                  listener.port()),
              0);
    ASSERT_TRUE(loop.run_until([&] { return !client.events.empty(); }));
    EXPECT_EQ(client.events, std::vector<short>{BEV_EVENT_ERROR});
    EXPECT_NE(bufferevent_socket_get_dns_error(client.bev()), 0);
    client.free();
    client.events.clear();
  }
  ev::join_resolver_workers();
}

TEST_P(ConnectingTest, CannotConnectAPairBelow) {
  bufferevent* pair[2];
  bufferevent_pair_new(loop.base(), BEV_OPT_CLOSE_ON_FREE, pair);
  client.own(library.over(loop.base(), pair[0], library.connection(Role::client, version),
                          BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
  EXPECT_EQ(listener.connect(client.bev()), -1);
  EXPECT_EQ(errno, EINVAL);
  bufferevent_free(pair[1]);
}

// With a new handshake, and without what is left of the old connection.
TEST_P(ConnectingTest, ConnectsAgainFromTheTop) {
  if (library.name() == "GnuTLS") GTEST_SKIP() << "a session serves one connection";
  for (const int layers_below : {0, 1, 2}) {
    make_client(layers_below);
    ASSERT_EQ(listener.connect(client.bev()), 0);
    expect_talk();
    ASSERT_TRUE(loop.run_until([&] { return client.has(BEV_EVENT_EOF | BEV_EVENT_ERROR); }));
    ASSERT_EQ(bufferevent_replacefd(client.bev(), -1), 0);
    client.forget();
    client.enable(EV_READ | EV_WRITE);
    ASSERT_EQ(listener.connect(client.bev()), 0);
    expect_talk();
    client.free();
    client.forget();
  }
}

// As programs do that want to stay connected: from inside the event callback, which pump() calls.
TEST_P(ConnectingTest, ConnectsAgainInTheEventCallback) {
  if (library.name() == "GnuTLS") GTEST_SKIP() << "a session serves one connection";
  for (const int layers_below : {0, 1, 2}) {
    make_client(layers_below);
    bool is_again = false;
    client.on_event = [&](short what) {
      if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0 || is_again) return;
      is_again = true;
      client.forget();
      EXPECT_EQ(bufferevent_replacefd(client.bev(), -1), 0);
      client.enable(EV_READ | EV_WRITE);
      EXPECT_EQ(listener.connect(client.bev()), 0);
    };
    ASSERT_EQ(listener.connect(client.bev()), 0);
    expect_talk();
    ASSERT_TRUE(loop.run_until([&] { return is_again; }));
    loop.turns(5);
    expect_talk();
    client.free();
    client.forget();
  }
}

TEST_P(ConnectingTest, WaitsForADescriptorThatTheEventCallbackTookAway) {
  if (library.name() == "GnuTLS") GTEST_SKIP() << "a session serves one connection";
  for (const int layers_below : {0, 1, 2}) {
    make_client(layers_below);
    bool is_gone = false;
    client.on_event = [&](short what) {
      if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) == 0 || is_gone) return;
      is_gone = true;
      client.forget();
      client.enable(EV_READ | EV_WRITE);
      client.write("over ");
      EXPECT_EQ(bufferevent_replacefd(client.bev(), -1), 0);
    };
    ASSERT_EQ(listener.connect(client.bev()), 0);
    expect_talk();
    ASSERT_TRUE(loop.run_until([&] { return is_gone; }));
    loop.turns(5);
    EXPECT_EQ(client.events, std::vector<short>{});
    ASSERT_EQ(listener.connect(client.bev()), 0);
    expect_talk("tcp");
    client.free();
    client.forget();
  }
}

// The old connection's goodbye came with its last bytes: it does not end the new one.
TEST_P(ConnectingTest, GetsAnotherSocketInTheReadCallback) {
  if (library.name() == "GnuTLS") GTEST_SKIP() << "a session serves one connection";
  for (const Transport transport : {Transport::socket, Transport::filter}) {
    Conversation old(library, library, version, transport);
    ASSERT_TRUE(old.connect());
    if (transport == Transport::filter && bufferevent_getfd(old.client.bev()) < 0) continue;
    old.client.disable(EV_READ);
    old.server.write("last");
    old.loop.turns(5);
    library.say_goodbye(old.connection(Role::server));
    old.loop.turns(5);
    old.client.events.clear();
    Peer server;
    old.client.on_read = [&] {
      old.client.take();
      if (server.bev() != nullptr) return;
      int sockets[2];
      make_sockets(sockets);
      EXPECT_EQ(bufferevent_replacefd(old.client.bev(), sockets[0]), 0);
      server.own(library.over_socket(old.loop.base(), sockets[1],
                                     library.connection(Role::server, version),
                                     BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));
      server.enable(EV_READ | EV_WRITE);
    };
    old.client.enable(EV_READ);
    ASSERT_TRUE(old.run_until([&] { return old.client.received == "last"; }));
    old.client.write("hello");
    ASSERT_TRUE(old.run_until([&] { return server.received == "hello"; }));
    server.write("you");
    ASSERT_TRUE(old.run_until([&] { return old.client.received == "lastyou"; }));
    EXPECT_EQ(old.client.events, std::vector<short>{BEV_EVENT_CONNECTED});
  }
}

TEST_P(ConnectingTest, TriesAgainAfterAConnectionThatWasRefused) {
  if (library.name() == "GnuTLS") GTEST_SKIP() << "a session serves one connection";
  sockaddr_in nowhere{};
  {
    Listener gone;
    std::memcpy(&nowhere, gone.name(), sizeof nowhere);
  }
  for (const int layers_below : {0, 1, 2}) {
    make_client(layers_below);
    ASSERT_EQ(bufferevent_socket_connect(client.bev(), reinterpret_cast<sockaddr*>(&nowhere),
                                         static_cast<int>(sizeof nowhere)),
              0);
    ASSERT_TRUE(loop.run_until([&] { return !client.events.empty(); }));
    EXPECT_EQ(client.events, std::vector<short>{BEV_EVENT_ERROR});
    client.events.clear();
    ASSERT_EQ(bufferevent_replacefd(client.bev(), -1), 0);
    ASSERT_EQ(listener.connect(client.bev()), 0);
    expect_talk();
    client.free();
    client.forget();
  }
}

}  // namespace
}  // namespace tls_test

// A stream carries one other at a time. A TLS stream that is refused takes neither the stream below nor
// the connection object.
#include <gtest/gtest.h>

#include <cerrno>

#include "tls/support/peer.h"

namespace tls_test {
namespace {

class OneLayerAboveTest : public testing::TestWithParam<Speaker> {
 protected:
  Library& library = *GetParam().library;
  const Version version = GetParam().version;
};

INSTANTIATE_TEST_SUITE_P(Tls, OneLayerAboveTest, testing::ValuesIn(speakers()),
                         testing::PrintToStringParamName());

bufferevent* filter_on(bufferevent* below) {
  return bufferevent_filter_new(below, nullptr, nullptr, 0, nullptr, nullptr);
}

TEST_P(OneLayerAboveTest, RefusesASecondStream) {
  for (const int options : {0, int{BEV_OPT_CLOSE_ON_FREE}}) {
    Conversation talk(library, library, version, Transport::pair);
    ASSERT_TRUE(talk.connect());
    bufferevent* below = bufferevent_get_underlying(talk.client.bev());
    void* connection = library.connection(Role::client, version);
    errno = 0;
    EXPECT_EQ(
        library.over(talk.loop.base(), below, connection, BUFFEREVENT_SSL_CONNECTING, options),
        nullptr);
    EXPECT_EQ(errno, EINVAL);
    errno = 0;
    EXPECT_EQ(filter_on(below), nullptr);
    EXPECT_EQ(errno, EINVAL);
    talk.client.write("ping");
    talk.server.write("pong");
    ASSERT_TRUE(talk.run_until(
        [&] { return talk.server.received == "ping" && talk.client.received == "pong"; }));
    // As good as new.
    talk.client.free();
    talk.server.free();
    Conversation other(library, connection, library, library.connection(Role::server, version));
    EXPECT_TRUE(other.connect());
  }
}

TEST_P(OneLayerAboveTest, IsRefusedBesideAFilter) {
  Loop loop;
  bufferevent* pair[2];
  ASSERT_EQ(bufferevent_pair_new(loop.base(), 0, pair), 0);
  bufferevent* filter = filter_on(pair[0]);
  void* connection = library.connection(Role::client, version);
  errno = 0;
  EXPECT_EQ(library.over(loop.base(), pair[0], connection, BUFFEREVENT_SSL_CONNECTING,
                         BEV_OPT_CLOSE_ON_FREE),
            nullptr);
  EXPECT_EQ(errno, EINVAL);
  bufferevent_free(filter);
  bufferevent* stream = library.over(loop.base(), pair[0], connection, BUFFEREVENT_SSL_CONNECTING,
                                     BEV_OPT_CLOSE_ON_FREE);
  ASSERT_NE(stream, nullptr);
  bufferevent_free(stream);
  bufferevent_free(pair[1]);
}

// From TLS to plain bytes and back, on the same stream.
TEST_P(OneLayerAboveTest, MakesRoomForTheNextInACallback) {
  Loop loop;
  bufferevent* pair[2];
  ASSERT_EQ(bufferevent_pair_new(loop.base(), 0, pair), 0);
  Peer peers[2], next[2];
  void* connections[2];
  for (int i = 0; i < 2; i++) {
    const Role role = i == 0 ? Role::client : Role::server;
    connections[i] = library.connection(role, version);
    peers[i].own(library.over(loop.base(), pair[i], connections[i], state_of(role), 0));
    peers[i].enable(EV_READ | EV_WRITE);
    peers[i].on_read = [&, i] {
      peers[i].free();
      next[i].own(filter_on(pair[i]));
      ASSERT_NE(next[i].bev(), nullptr);
      next[i].enable(EV_READ | EV_WRITE);
    };
    peers[i].write("change");
  }
  ASSERT_TRUE(loop.run_until([&] { return next[0].bev() != nullptr && next[1].bev() != nullptr; }));
  loop.turns(5);
  for (Peer& end : next) end.write("plain");
  EXPECT_TRUE(loop.run_until(
      [&] { return next[0].received.ends_with("plain") && next[1].received.ends_with("plain"); }));
  for (int i = 0; i < 2; i++) {
    next[i].free();
    library.free_connection(connections[i]);
    bufferevent_free(pair[i]);
  }
}

}  // namespace
}  // namespace tls_test

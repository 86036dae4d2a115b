// What only GnuTLS can: its way of parking handshakes, and its sessions. Compiled where it was
// built.
#include <event2/bevel.h>
#include <event2/bevel_gnutls.h>
#include <gnutls/gnutls.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cerrno>

#include "support/shutdown_outcome.h"
#include "tls/support/gnutls_library.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

gnutls_session_t session(Role role, Version version = Version::tls13) {
  return static_cast<gnutls_session_t>(gnutls().connection(role, version));
}

struct Gate {
  bool is_open = false;
  int calls = 0;
};

int hello_later(gnutls_session_t session) {
  auto& gate = *static_cast<Gate*>(gnutls_session_get_ptr(session));
  gate.calls++;
  return gate.is_open ? 0 : GNUTLS_E_AGAIN;
}

TEST(GnuTlsStream, ParksAndResumesHandshakes) {
  for (const Version version : {Version::tls12, Version::tls13}) {
    Gate gate;
    gnutls_session_t server = session(Role::server, version);
    gnutls_session_set_ptr(server, &gate);
    gnutls_handshake_set_post_client_hello_function(server, hello_later);
    Conversation talk(gnutls(), session(Role::client, version), gnutls(), server);
    for (Peer* end : {&talk.client, &talk.server}) end->enable(EV_READ | EV_WRITE);
    talk.client.write("patience");
    ASSERT_TRUE(talk.run_until([&] { return gate.calls > 0; }));
    talk.loop.turns(10);
    EXPECT_EQ(gate.calls, 1);
    gate.is_open = true;
    EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "patience"; }));
    EXPECT_EQ(talk.server.events, std::vector<short>{BEV_EVENT_CONNECTED});
  }
}

TEST(GnuTlsStream, TakesTheDescriptorOfTheSession) {
  Loop loop;
  int sockets[2];
  make_sockets(sockets);
  gnutls_session_t client = session(Role::client);
  bufferevent* bev =
      bevel_gnutls_socket_new(loop.base(), -1, client, BUFFEREVENT_SSL_CONNECTING, 0);
  EXPECT_EQ(bufferevent_getfd(bev), -1);
  bufferevent_free(bev);
  gnutls_transport_set_int(client, sockets[0]);
  bev = bevel_gnutls_socket_new(loop.base(), -1, client, BUFFEREVENT_SSL_CONNECTING,
                                BEV_OPT_CLOSE_ON_FREE);
  ASSERT_NE(bev, nullptr);
  EXPECT_EQ(bufferevent_getfd(bev), sockets[0]);
  EXPECT_EQ(bevel_gnutls_get_session(bev), client);
  bufferevent_free(bev);
  loop.turn();
  ::close(sockets[1]);
}

// Its session could not serve the new one, and the old one is not given up for nothing.
TEST(GnuTlsStream, GoesOnWithAShutdownWhenItRefusesADescriptor) {
  for (const bool is_same : {false, true}) {
    Conversation talk(gnutls(), gnutls(), Version::tls13);
    ASSERT_TRUE(talk.connect());
    test::ShutdownOutcome outcome;
    ASSERT_EQ(bevel_shutdown(talk.client.bev(), EV_READ | EV_WRITE, nullptr,
                             test::ShutdownOutcome::note, &outcome),
              0);
    int others[2];
    make_sockets(others);
    const int fd = is_same ? bufferevent_getfd(talk.client.bev()) : others[0];
    errno = 0;
    EXPECT_EQ(bufferevent_setfd(talk.client.bev(), fd), -1);
    EXPECT_EQ(errno, EINVAL);
    ASSERT_TRUE(talk.run_until(
        [&] { return !talk.server.has(BEV_EVENT_ERROR) && talk.server.has(BEV_EVENT_EOF); }));
    ASSERT_EQ(bevel_shutdown(talk.server.bev(), EV_WRITE, nullptr, nullptr, nullptr), 0);
    ASSERT_TRUE(talk.run_until([&] { return outcome.calls == 1; }));
    EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
    for (const int other : others) ::close(other);
  }
}

TEST(GnuTlsStream, EndsAShutdownWhenItsDescriptorIsTaken) {
  Conversation talk(gnutls(), gnutls(), Version::tls13);
  ASSERT_TRUE(talk.connect());
  test::ShutdownOutcome outcome;
  ASSERT_EQ(bevel_shutdown(talk.client.bev(), EV_READ | EV_WRITE, nullptr,
                           test::ShutdownOutcome::note, &outcome),
            0);
  EXPECT_EQ(bufferevent_replacefd(talk.client.bev(), -1), 0);
  ASSERT_TRUE(talk.run_until([&] { return outcome.calls == 1; }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
}

TEST(GnuTlsStream, RefusesNewHandshakesThatItDidNotAskFor) {
  Conversation talk(openssl(), gnutls(), Version::tls12);
  ASSERT_TRUE(talk.connect());
  EXPECT_EQ(openssl().renegotiate(talk.client.bev()), 0);
  ASSERT_TRUE(talk.run_until([&] { return talk.client.events.size() > 1; }));
  EXPECT_NE(talk.client.events.back() & BEV_EVENT_ERROR, 0);
  EXPECT_EQ(talk.client.count(BEV_EVENT_CONNECTED), 1);
}

TEST(GnuTlsStream, ResumesSessions) {
  for (const Version version : {Version::tls12, Version::tls13}) {
    gnutls_datum_t key{}, kept{};
    ASSERT_EQ(gnutls_session_ticket_key_generate(&key), 0);
    for (int round = 0; round < 2; round++) {
      gnutls_session_t client = session(Role::client, version);
      gnutls_session_t server = session(Role::server, version);
      gnutls_session_ticket_enable_server(server, &key);
      if (kept.data != nullptr) gnutls_session_set_data(client, kept.data, kept.size);
      Conversation talk(gnutls(), client, gnutls(), server);
      ASSERT_TRUE(talk.connect());
      talk.server.write("x");
      ASSERT_TRUE(talk.run_until([&] { return talk.client.received == "x"; }));
      EXPECT_EQ(gnutls_session_is_resumed(client) != 0, round == 1);
      if (kept.data == nullptr) gnutls_session_get_data2(client, &kept);
    }
    gnutls_free(kept.data);
    gnutls_free(key.data);
  }
}

}  // namespace
}  // namespace tls_test

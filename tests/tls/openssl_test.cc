// What programs do with the SSL object of a stream, and what only OpenSSL can.
#include <event2/bevel.h>
#include <gtest/gtest.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <unistd.h>

#include <cerrno>
#include <functional>

#include "tls/support/openssl_context.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

constexpr Version versions[] = {Version::tls12, Version::tls13};

SSL* ssl_of(const Peer& peer) { return bufferevent_openssl_get_ssl(peer.bev()); }

// --- The SSL object stays the program's ---

TEST(OpenSslStream, TellsTheDescriptorThroughTheSslObject) {
  Conversation talk(openssl(), openssl(), Version::tls13);
  EXPECT_EQ(SSL_get_fd(ssl_of(talk.client)), bufferevent_getfd(talk.client.bev()));
  EXPECT_EQ(SSL_get_rfd(ssl_of(talk.client)), bufferevent_getfd(talk.client.bev()));
}

TEST(OpenSslStream, TakesTheDescriptorOfTheSslObject) {
  Loop loop;
  int sockets[2];
  make_sockets(sockets);
  const OpenSslContext context(Role::client, Version::tls13);
  SSL* ssl = context.connection();
  // A BIO that would close it, and with it the stream's descriptor.
  BIO* bio = BIO_new_socket(sockets[0], BIO_CLOSE);
  SSL_set_bio(ssl, bio, bio);
  event_base* base = loop.base();
  const auto state = BUFFEREVENT_SSL_CONNECTING;
  EXPECT_EQ(bufferevent_openssl_socket_new(base, sockets[1], ssl, state, 0), nullptr);
  bufferevent* bev = bufferevent_openssl_socket_new(base, -1, ssl, state, BEV_OPT_CLOSE_ON_FREE);
  ASSERT_NE(bev, nullptr);
  EXPECT_EQ(bufferevent_getfd(bev), sockets[0]);
  loop.turn();
  char hello[6];
  EXPECT_EQ(::read(sockets[1], hello, 6), 6);
  EXPECT_EQ(hello[0], 0x16);
  bufferevent_free(bev);
  loop.turn();
  EXPECT_EQ(::close(sockets[0]), -1);
  ::close(sockets[1]);
}

// What the manual advises against connections that look broken.
TEST(OpenSslStream, EndsCleanlyByTheWorkaroundOfTheManual) {
  for (const Version version : versions) {
    Conversation talk(openssl(), openssl(), version);
    ASSERT_TRUE(talk.connect());
    talk.client.write("bye");
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "bye"; }));
    SSL* ssl = ssl_of(talk.client);
    SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
    SSL_shutdown(ssl);
    talk.client.free();
    ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
    EXPECT_EQ(talk.server.events.back(), BEV_EVENT_EOF | BEV_EVENT_READING);
  }
}

// Two ends, the client first, whose handshake the program did itself. Both are the test's to free.
struct OpenedConnection {
  explicit OpenedConnection(Version version) {
    make_sockets(sockets);
    for (const Role role : {Role::client, Role::server}) {
      const int end = role == Role::client ? 0 : 1;
      ssl[end] = OpenSslContext(role, version).connection();
      SSL_set_fd(ssl[end], sockets[end]);
    }
    SSL_set_connect_state(ssl[0]);
    SSL_set_accept_state(ssl[1]);
    for (int i = 0; i < 10; i++) SSL_do_handshake(ssl[i % 2]);
    EXPECT_TRUE(SSL_is_init_finished(ssl[0]) && SSL_is_init_finished(ssl[1]));
  }

  int sockets[2];
  SSL* ssl[2];
};

// A descriptor that the program gives to the SSL object is the stream's as well.
TEST(OpenSslStream, ConnectsAlsoIfTheProgramSetsTheDescriptorOfTheSslObject) {
  for (const bool before_the_stream_has_it : {false, true}) {
    Loop loop;
    int sockets[2];
    make_sockets(sockets);
    Peer client, server;
    client.own(openssl().over_socket(loop.base(), before_the_stream_has_it ? -1 : sockets[0],
                                     openssl().connection(Role::client, Version::tls13),
                                     BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
    server.own(openssl().over_socket(loop.base(), sockets[1],
                                     openssl().connection(Role::server, Version::tls13),
                                     BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE));
    SSL_set_fd(ssl_of(client), sockets[0]);
    if (before_the_stream_has_it) {
      ASSERT_EQ(bufferevent_setfd(client.bev(), sockets[0]), 0);
    }
    for (Peer* peer : {&client, &server}) peer->enable(EV_READ | EV_WRITE);
    client.write("up");
    EXPECT_TRUE(loop.run_until([&] { return server.received == "up"; }));
    SSL_set_fd(ssl_of(server), sockets[1]);
    server.write("down");
    client.write(pattern(100'000));
    EXPECT_TRUE(loop.run_until(
        [&] { return client.received == "down" && server.received.size() == 100'002; }));
  }
}

// What it writes passes a filter at once, which asks for more: not while OpenSSL works.
TEST(OpenSslStream, LetsTheProgramCallOpenSslWhileOutputWaits) {
  Conversation talk(openssl(), openssl(), Version::tls13, Transport::filter);
  ASSERT_TRUE(talk.connect());
  std::string sent;
  for (unsigned round = 0; round < 4; round++) {
    talk.client.write(pattern(100'000, round));
    sent += pattern(100'000, round);
    SSL* ssl = ssl_of(talk.client);
    ASSERT_EQ(SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    EXPECT_EQ(SSL_do_handshake(ssl), 1);
    EXPECT_TRUE(talk.run_until([&] { return talk.server.received.size() == sent.size(); }));
  }
  EXPECT_TRUE(talk.server.received == sent);
  EXPECT_EQ(talk.server.events, std::vector<short>{BEV_EVENT_CONNECTED});
}

TEST(OpenSslStream, GoesOnWithAConnectionThatTheProgramOpened) {
  const auto [sockets, ssl] = OpenedConnection(Version::tls13);
  Loop loop;
  Peer client, server;
  Peer* peers[2] = {&client, &server};
  for (int i = 0; i < 2; i++) {
    peers[i]->own(bufferevent_openssl_socket_new(loop.base(), sockets[i], ssl[i],
                                                 BUFFEREVENT_SSL_OPEN, BEV_OPT_CLOSE_ON_FREE));
    peers[i]->enable(EV_READ);
  }
  client.write("up");
  server.write("down");
  ASSERT_TRUE(loop.run_until([&] { return server.received == "up" && client.received == "down"; }));
  EXPECT_TRUE(client.events.empty());
  EXPECT_TRUE(server.events.empty());
}

// OpenSSL holds records then that it does not count as pending.
TEST(OpenSslStream, FindsWhatOpenSslReadAhead) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Conversation talk(openssl(), openssl(), Version::tls13, way);
    SSL_set_read_ahead(ssl_of(talk.server), 1);
    ASSERT_TRUE(talk.connect());
    bufferevent_setwatermark(talk.server.bev(), EV_READ, 0, 100);
    talk.server.on_read = [&] {};
    std::string sent;
    for (int i = 0; i < 10; i++) {
      talk.client.write(pattern(100, static_cast<unsigned>(i)));
      sent += pattern(100, static_cast<unsigned>(i));
      talk.loop.turns(i % 3);  // records of their own
    }
    ASSERT_TRUE(talk.run_until([&] {
      talk.server.take();
      return talk.server.received.size() == sent.size();
    })) << talk.server.received.size();
    EXPECT_TRUE(talk.server.received == sent);
    EXPECT_LE(talk.loop.wakeups(), 5);
  }
}

TEST(OpenSslStream, FindsWhatTheProgramHadItReadAhead) {
  const auto [sockets, ssl] = OpenedConnection(Version::tls12);
  Loop loop;
  SSL_set_read_ahead(ssl[1], 1);
  for (const char* piece : {"one", "two"}) ASSERT_EQ(SSL_write(ssl[0], piece, 3), 3);
  char bytes[3];
  ASSERT_EQ(SSL_read(ssl[1], bytes, 3), 3);
  ASSERT_EQ(SSL_pending(ssl[1]), 0);

  Peer server;
  server.own(bufferevent_openssl_socket_new(loop.base(), sockets[1], ssl[1], BUFFEREVENT_SSL_OPEN,
                                            BEV_OPT_CLOSE_ON_FREE));
  server.enable(EV_READ);
  EXPECT_TRUE(loop.run_until([&] { return server.received == "two"; }));
  SSL_free(ssl[0]);
  ::close(sockets[0]);
}

// --- Sessions ---

int keep_session(SSL* ssl, SSL_SESSION* session) {
  auto** kept = static_cast<SSL_SESSION**>(SSL_get_app_data(ssl));
  if (kept == nullptr) return 0;
  SSL_SESSION_free(*kept);
  *kept = session;
  return 1;
}

TEST(OpenSslStream, ResumesSessions) {
  for (const Version version : versions) {
    const OpenSslContext client_context(Role::client, version);
    const OpenSslContext server_context(Role::server, version);
    SSL_CTX_set_session_cache_mode(client_context.get(), SSL_SESS_CACHE_CLIENT);
    SSL_CTX_sess_set_new_cb(client_context.get(), keep_session);
    SSL_SESSION* kept = nullptr;
    for (int round = 0; round < 2; round++) {
      SSL* client_ssl = client_context.connection();
      SSL_set_app_data(client_ssl, &kept);
      if (kept != nullptr) SSL_set_session(client_ssl, kept);
      Conversation talk(openssl(), client_ssl, openssl(), server_context.connection());
      ASSERT_TRUE(talk.connect());
      talk.server.write("x");
      ASSERT_TRUE(talk.run_until([&] { return talk.client.received == "x"; }));
      ASSERT_NE(kept, nullptr);
      EXPECT_EQ(SSL_session_reused(client_ssl), round);
      SSL_shutdown(client_ssl);  // a connection that is cut takes its session with it
    }
    SSL_SESSION_free(kept);
  }
}

// --- Handshakes that wait for the program ---

struct Gate {
  bool is_open = false;
  int calls = 0;
};

int certificate_later(SSL* ssl, void* gate) {
  auto& own = *static_cast<Gate*>(gate);
  own.calls++;
  if (!own.is_open) return -1;
  give_certificate(ssl, SSL_use_certificate, SSL_use_PrivateKey);
  return 1;
}

int hello_later(SSL*, int*, void* gate) {
  auto& own = *static_cast<Gate*>(gate);
  own.calls++;
  return own.is_open ? SSL_CLIENT_HELLO_SUCCESS : SSL_CLIENT_HELLO_RETRY;
}

class Parked : public testing::TestWithParam<Version> {
 protected:
  void wait_and_resume(Conversation& talk, Gate& gate) {
    for (Peer* end : {&talk.client, &talk.server}) end->enable(EV_READ | EV_WRITE);
    talk.client.write("patience");
    ASSERT_TRUE(talk.run_until([&] { return gate.calls > 0; }));
    // Nothing goes on, also not when somebody touches the stream, and nobody burns time.
    talk.server.disable(EV_READ);
    talk.server.enable(EV_READ);
    talk.loop.turns(10);
    EXPECT_LE(talk.loop.wakeups(), 5);
    EXPECT_EQ(gate.calls, 1);
    EXPECT_TRUE(talk.server.events.empty());
    // Too early: it asks again, and waits again.
    EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
    talk.loop.turns(10);
    EXPECT_EQ(gate.calls, 2);
    gate.is_open = true;
    EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "patience"; }));
    EXPECT_EQ(talk.server.events, std::vector<short>{BEV_EVENT_CONNECTED});
    EXPECT_EQ(talk.client.events, std::vector<short>{BEV_EVENT_CONNECTED});
    EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);  // harmless
    talk.loop.turns(3);
    EXPECT_EQ(talk.server.events.size(), 1U);
  }
};

INSTANTIATE_TEST_SUITE_P(OpenSslStream, Parked, testing::ValuesIn(versions));

TEST_P(Parked, WaitsForACertificate) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Gate gate;
    const OpenSslContext context(Role::server, GetParam());
    SSL_CTX_set_cert_cb(context.get(), certificate_later, &gate);
    Conversation talk(openssl(), openssl().connection(Role::client, GetParam()), openssl(),
                      context.connection(), way);
    wait_and_resume(talk, gate);
  }
}

TEST_P(Parked, WaitsForADecisionAboutTheClientHello) {
  Gate gate;
  const OpenSslContext context(Role::server, GetParam());
  SSL_CTX_set_client_hello_cb(context.get(), hello_later, &gate);
  Conversation talk(openssl(), openssl().connection(Role::client, GetParam()), openssl(),
                    context.connection());
  wait_and_resume(talk, gate);
}

// Gives up the stream, and refuses the connection.
int certificate_and_free(SSL*, void* stream) {
  bufferevent_free(*static_cast<bufferevent**>(stream));
  return 0;
}

TEST_P(Parked, GivesTheStreamBelowBackWhenItIsFreedWhileOpenSslWorks) {
  Loop loop;
  int sockets[2];
  make_sockets(sockets);
  bufferevent* stream = nullptr;
  const OpenSslContext context(Role::server, GetParam());
  SSL_CTX_set_cert_cb(context.get(), certificate_and_free, &stream);
  SSL* ssl = context.connection();
  Peer client, below;
  bufferevent* socket = bufferevent_socket_new(loop.base(), sockets[1], BEV_OPT_CLOSE_ON_FREE);
  stream = bufferevent_openssl_filter_new(loop.base(), socket, ssl, BUFFEREVENT_SSL_ACCEPTING, 0);
  client.own(openssl().over_socket(loop.base(), sockets[0],
                                   openssl().connection(Role::client, GetParam()),
                                   BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE));
  client.enable(EV_READ | EV_WRITE);
  loop.turns(10);
  below.own(socket);
  below.enable(EV_READ);
  const int fd = bufferevent_getfd(client.bev());
  ASSERT_EQ(::write(fd, "plain", 5), 5);
  EXPECT_TRUE(loop.run_until([&] { return below.received.ends_with("plain"); }));
  SSL_free(ssl);
}

// The same, with the next on the same stream at once.
struct Successor {
  bufferevent* first = nullptr;
  std::function<void()> take_over;
};
int certificate_and_next(SSL*, void* arg) {
  auto& successor = *static_cast<Successor*>(arg);
  bufferevent_free(successor.first);
  successor.take_over();
  return 0;
}

TEST_P(Parked, MakesRoomForTheNextWhenItIsFreedWhileOpenSslWorks) {
  for (const bool is_freed_below : {false, true}) {
    Loop loop;
    Peer client, next;
    Successor successor;
    bufferevent* pair[2];
    ASSERT_EQ(bufferevent_pair_new(loop.base(), 0, pair), 0);
    successor.take_over = [&] {
      next.own(bufferevent_filter_new(pair[1], nullptr, nullptr, 0, nullptr, nullptr));
      ASSERT_NE(next.bev(), nullptr);
      next.enable(EV_READ | EV_WRITE);
    };
    const OpenSslContext context(Role::server, GetParam());
    SSL_CTX_set_cert_cb(context.get(), certificate_and_next, &successor);
    SSL* ssl = context.connection();
    successor.first =
        bufferevent_openssl_filter_new(loop.base(), pair[1], ssl, BUFFEREVENT_SSL_ACCEPTING, 0);
    client.own(openssl().over(loop.base(), pair[0], openssl().connection(Role::client, GetParam()),
                              BUFFEREVENT_SSL_CONNECTING, 0));
    void* connection = openssl().connection_of(client.bev());
    client.enable(EV_READ | EV_WRITE);
    ASSERT_TRUE(loop.run_until([&] { return next.bev() != nullptr; }));
    EXPECT_EQ(bufferevent_filter_new(pair[1], nullptr, nullptr, 0, nullptr, nullptr), nullptr);
    if (is_freed_below) bufferevent_free(pair[1]);
    client.free();
    openssl().free_connection(connection);
    client.own(pair[0]);
    client.enable(EV_READ | EV_WRITE);
    client.write("plain");
    next.write("next");
    EXPECT_TRUE(loop.run_until(
        [&] { return next.received.ends_with("plain") && client.received.ends_with("next"); }));
    next.free();
    if (!is_freed_below) bufferevent_free(pair[1]);
    SSL_free(ssl);
  }
}

int certificate_with_another_descriptor(SSL* ssl, void* stream) {
  EXPECT_EQ(bufferevent_setfd(*static_cast<bufferevent**>(stream), -1), -1);
  EXPECT_EQ(errno, EBUSY);
  give_certificate(ssl, SSL_use_certificate, SSL_use_PrivateKey);
  return 1;
}

TEST_P(Parked, KeepsTheDescriptorWhileOpenSslWorks) {
  bufferevent* stream = nullptr;
  const OpenSslContext context(Role::server, GetParam());
  SSL_CTX_set_cert_cb(context.get(), certificate_with_another_descriptor, &stream);
  Conversation talk(openssl(), openssl().connection(Role::client, GetParam()), openssl(),
                    context.connection());
  stream = talk.server.bev();
  EXPECT_TRUE(talk.connect());
}

// The client begins it, so it is a read that waits.
TEST(OpenSslStream, WaitsForACertificateInANewHandshake) {
  Gate gate;
  gate.is_open = true;
  const OpenSslContext context(Role::server, Version::tls12);
  SSL_CTX_set_options(context.get(), SSL_OP_ALLOW_CLIENT_RENEGOTIATION |
                                         SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
  SSL_CTX_set_cert_cb(context.get(), certificate_later, &gate);
  Conversation talk(openssl(), openssl().connection(Role::client, Version::tls12), openssl(),
                    context.connection());
  ASSERT_TRUE(talk.connect());
  gate = {};
  ASSERT_EQ(openssl().renegotiate(talk.client.bev()), 0);
  ASSERT_TRUE(talk.run_until([&] { return gate.calls > 0; }));
  talk.loop.turns(10);
  EXPECT_EQ(gate.calls, 1);
  gate.is_open = true;
  EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
  talk.client.write("up");
  ASSERT_TRUE(talk.run_until(
      [&] { return talk.client.count(BEV_EVENT_CONNECTED) == 2 && talk.server.received == "up"; }));
}

TEST_P(Parked, HearsLaterThatTheClientHasGone) {
  Gate gate;
  const OpenSslContext context(Role::server, GetParam());
  SSL_CTX_set_cert_cb(context.get(), certificate_later, &gate);
  Conversation talk(openssl(), openssl().connection(Role::client, GetParam()), openssl(),
                    context.connection());
  for (Peer* end : {&talk.client, &talk.server}) end->enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return gate.calls > 0; }));
  talk.client.free();
  talk.loop.turns(10);
  EXPECT_LE(talk.loop.wakeups(), 5);
  EXPECT_TRUE(talk.server.events.empty());
  gate.is_open = true;
  EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
  ASSERT_TRUE(talk.run_until([&] { return talk.server.has(BEV_EVENT_ERROR); }));
}

TEST_P(Parked, MayBeFreedWhileItWaits) {
  Gate gate;
  const OpenSslContext context(Role::server, GetParam());
  SSL_CTX_set_cert_cb(context.get(), certificate_later, &gate);
  Conversation talk(openssl(), openssl().connection(Role::client, GetParam()), openssl(),
                    context.connection());
  for (Peer* end : {&talk.client, &talk.server}) end->enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return gate.calls > 0; }));
  bevel_tls_resume(talk.server.bev());
  talk.server.free();
  talk.loop.turns(3);
}

// --- Records ---

struct RecordCount {
  int data = 0;
};

void count_records(int is_write, int, int type, const void* bytes, size_t size, SSL*, void* count) {
  if (is_write == 0 || type != SSL3_RT_HEADER || size < 5) return;
  if (*static_cast<const unsigned char*>(bytes) == SSL3_RT_APPLICATION_DATA) {
    static_cast<RecordCount*>(count)->data++;
  }
}

// A record each would cost the peer time and the wire bytes.
TEST(OpenSslStream, PutsSmallPiecesIntoFewRecords) {
  Conversation talk(openssl(), openssl(), Version::tls12);
  ASSERT_TRUE(talk.connect());
  RecordCount count;
  SSL_set_msg_callback(ssl_of(talk.client), count_records);
  SSL_set_msg_callback_arg(ssl_of(talk.client), &count);
  static const char piece[] = "a piece of the caller's memory, in an extent of its own";
  evbuffer* output = bufferevent_get_output(talk.client.bev());
  std::string sent;
  for (int i = 0; i < 500; i++) {
    evbuffer_add_reference(output, piece, sizeof piece, nullptr, nullptr);
    sent.append(piece, sizeof piece);
  }
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received.size() == sent.size(); }));
  EXPECT_TRUE(talk.server.received == sent);
  EXPECT_LE(count.data, 8);
}

// --- Alerts ---

// The server refuses the client after the client's handshake is over; what it says can be read,
// though writing fails first.
TEST(OpenSslStream, HearsTheAlertOfAPeerThatRefusesIt) {
  const OpenSslContext server_context(Role::server, Version::tls13);
  SSL_CTX_set_verify(server_context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                     nullptr);
  Conversation talk(openssl(), openssl().connection(Role::client, Version::tls13), openssl(),
                    server_context.connection());
  unsigned long reason = 0;
  talk.client.on_event = [&](short what) {
    if ((what & BEV_EVENT_ERROR) == 0) return;
    const unsigned long code = bufferevent_get_openssl_error(talk.client.bev());
    if (code != 0) reason = static_cast<unsigned long>(ERR_GET_REASON(code));
  };
  talk.server.on_event = [&](short) { talk.server.free(); };
  for (Peer* end : {&talk.client, &talk.server}) end->enable(EV_READ | EV_WRITE);
  talk.client.write(pattern(1000));
  ASSERT_TRUE(talk.run_until([&] { return reason != 0; }));
  EXPECT_EQ(reason, static_cast<unsigned long>(SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED));
}

TEST(OpenSslStream, KeepsNoErrorsForOthers) {
  Conversation talk(openssl(), openssl(), Version::tls13);
  ASSERT_TRUE(talk.connect());
  ERR_put_error(ERR_LIB_USER, 0, 1, __FILE__, __LINE__);  // left by another connection
  talk.client.write("x");
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "x"; }));
  EXPECT_EQ(talk.server.events.size(), 1U);
  EXPECT_EQ(bufferevent_get_openssl_error(talk.server.bev()), 0U);
}

TEST(OpenSslStream, HasTheOldNamesOfTheFlag) {
  Conversation talk(openssl(), openssl(), Version::tls13);
  bufferevent* bev = talk.client.bev();
  EXPECT_EQ(bufferevent_openssl_get_allow_dirty_shutdown(bev), 0);
  bufferevent_openssl_set_allow_dirty_shutdown(bev, 5);
  EXPECT_EQ(bufferevent_openssl_get_allow_dirty_shutdown(bev), 1);
  EXPECT_EQ(bufferevent_ssl_set_flags(bev, BUFFEREVENT_SSL_BATCH_WRITE), 1U);
  EXPECT_EQ(bufferevent_ssl_clear_flags(bev, BUFFEREVENT_SSL_DIRTY_SHUTDOWN), 3U);
  EXPECT_EQ(bufferevent_ssl_get_flags(bev), 2U);
  EXPECT_EQ(bufferevent_ssl_set_flags(bev, 4 | BUFFEREVENT_SSL_DIRTY_SHUTDOWN), 2U);
  for (const ev_uint64_t none_known : {0U, 4U}) {
    EXPECT_EQ(bufferevent_ssl_set_flags(bev, none_known), EV_UINT64_MAX);
    EXPECT_EQ(bufferevent_ssl_clear_flags(bev, none_known), EV_UINT64_MAX);
  }
  EXPECT_EQ(bufferevent_ssl_get_flags(bev), 3U);
  EXPECT_EQ(bufferevent_openssl_get_allow_dirty_shutdown(nullptr), -1);
  bufferevent_openssl_set_allow_dirty_shutdown(nullptr, 1);
}

}  // namespace
}  // namespace tls_test

// What only mbedTLS can: its sessions, and keys that answer later. Compiled where it was built.
#include <event2/bevel.h>
#include <gtest/gtest.h>
#include <mbedtls/pk.h>
#include <mbedtls/ssl_cache.h>
#include <mbedtls/ssl_ticket.h>
#include <mbedtls/x509_crt.h>
#include <unistd.h>

#include <cstring>

#include "tls/support/mbedtls_library.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

// --- Sessions ---

// Verified in a full handshake only.
int count_certificates(void* count, mbedtls_x509_crt*, int, std::uint32_t*) {
  ++*static_cast<int*>(count);
  return 0;
}

// A client and a server that let sessions be resumed, by one of the two means of TLS 1.2.
class ResumingPair {
 public:
  explicit ResumingPair(bool by_ticket) {
    mbedtls_ssl_session_init(&session);
    mbedtls_ssl_ticket_init(&tickets_);
    mbedtls_ssl_cache_init(&cache_);
    mbedtls_ssl_config* conf = server.get();
    if (by_ticket) {
      mbedtls_ssl_ticket_setup(&tickets_, conf->f_rng, conf->p_rng, MBEDTLS_CIPHER_AES_256_GCM,
                               3600);
      mbedtls_ssl_conf_session_tickets_cb(conf, mbedtls_ssl_ticket_write, mbedtls_ssl_ticket_parse,
                                          &tickets_);
    } else {
      mbedtls_ssl_conf_session_cache(conf, &cache_, mbedtls_ssl_cache_get, mbedtls_ssl_cache_set);
    }
    const int use =
        by_ticket ? MBEDTLS_SSL_SESSION_TICKETS_ENABLED : MBEDTLS_SSL_SESSION_TICKETS_DISABLED;
    mbedtls_ssl_conf_session_tickets(client.get(), use);
    mbedtls_ssl_conf_authmode(client.get(), MBEDTLS_SSL_VERIFY_OPTIONAL);
    mbedtls_ssl_conf_verify(client.get(), count_certificates, &certificates);
  }
  ~ResumingPair() {
    mbedtls_ssl_session_free(&session);
    mbedtls_ssl_ticket_free(&tickets_);
    mbedtls_ssl_cache_free(&cache_);
  }

  MbedTlsConfig client{Role::client};
  MbedTlsConfig server{Role::server};
  mbedtls_ssl_session session;  // the client's, from one connection to the next
  int certificates = 0;         // that the client has verified

 private:
  mbedtls_ssl_ticket_context tickets_;
  mbedtls_ssl_cache_context cache_;
};

class MbedTlsSessions : public testing::TestWithParam<bool> {};

INSTANTIATE_TEST_SUITE_P(All, MbedTlsSessions, testing::Bool(),
                         [](const auto& row) { return row.param ? "ByTicket" : "ById"; });

TEST_P(MbedTlsSessions, AreResumedByTheNextConnection) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    ResumingPair ends(GetParam());
    for (int round = 0; round < 3; round++) {
      mbedtls_ssl_context* client = ends.client.connection();
      if (round > 0) {
        ASSERT_EQ(mbedtls_ssl_set_session(client, &ends.session), 0);
      }
      Conversation talk(mbedtls(), client, mbedtls(), ends.server.connection(), way);
      talk.client.write("up");
      talk.server.write("down");
      ASSERT_TRUE(talk.connect());
      EXPECT_EQ(ends.certificates, 1) << "in round " << round;
      ASSERT_TRUE(talk.run_until(
          [&] { return talk.server.received == "up" && talk.client.received == "down"; }));
      mbedtls_ssl_session_free(&ends.session);
      ASSERT_EQ(mbedtls_ssl_get_session(client, &ends.session), 0);
    }
  }
}

// The stream forgets the connection, not the program its session.
TEST_P(MbedTlsSessions, AreResumedByAStreamThatIsConnectedAgain) {
  ResumingPair ends(GetParam());
  Conversation talk(mbedtls(), ends.client.connection(), mbedtls(), ends.server.connection());
  ASSERT_TRUE(talk.connect());
  auto* client = static_cast<mbedtls_ssl_context*>(talk.connection(Role::client));
  ASSERT_EQ(mbedtls_ssl_get_session(client, &ends.session), 0);
  int sockets[2];
  make_sockets(sockets);
  ASSERT_EQ(bufferevent_replacefd(talk.client.bev(), sockets[0]), 0);
  ASSERT_EQ(bufferevent_replacefd(talk.server.bev(), sockets[1]), 0);
  ASSERT_EQ(mbedtls_ssl_set_session(client, &ends.session), 0);
  ASSERT_TRUE(talk.run_until([&] {
    return talk.client.count(BEV_EVENT_CONNECTED) == 2 &&
           talk.server.count(BEV_EVENT_CONNECTED) == 2;
  }));
  EXPECT_EQ(ends.certificates, 1);
}

// mbedTLS itself would begin, and wait for ever.
TEST(MbedTls, RenegotiatesOnlyIfItsConfigurationAllowsIt) {
  MbedTlsConfig client{Role::client};
  MbedTlsConfig server{Role::server};
  mbedtls_ssl_conf_renegotiation(client.get(), MBEDTLS_SSL_RENEGOTIATION_DISABLED);
  Conversation talk(mbedtls(), client.connection(), mbedtls(), server.connection());
  ASSERT_TRUE(talk.connect());
  EXPECT_EQ(mbedtls().renegotiate(talk.client.bev()), -1);
  talk.client.write("goes on");
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "goes on"; }));
}

// --- Keys that answer later ---

// A key in hardware: mbedTLS asks it for a signature, and asks again until it has one. (Debian's
// mbedTLS is built without MBEDTLS_SSL_ASYNC_PRIVATE, whose callbacks answer the same.)
class DistantKey {
 public:
  explicit DistantKey(int refusal) : refusal_(refusal) {
    const Certificate& made = rsa_certificate();
    mbedtls_x509_crt_init(&certificate_);
    mbedtls_pk_init(&real_);
    mbedtls_pk_init(&key_);
    const auto* cert = reinterpret_cast<const unsigned char*>(made.certificate.c_str());
    const auto* key = reinterpret_cast<const unsigned char*>(made.key.c_str());
    mbedtls_x509_crt_parse(&certificate_, cert, made.certificate.size() + 1);
    mbedtls_pk_parse_key(&real_, key, made.key.size() + 1, nullptr, 0);
    mbedtls_pk_setup_rsa_alt(&key_, this, decrypt, sign, length);
  }
  ~DistantKey() {
    mbedtls_pk_free(&key_);
    mbedtls_pk_free(&real_);
    mbedtls_x509_crt_free(&certificate_);
  }
  void use_in(MbedTlsConfig& config) {
    mbedtls_ssl_conf_own_cert(config.get(), &certificate_, &key_);
  }

  bool is_ready = false;
  int asked = 0;

 private:
  static int decrypt(void*, int, std::size_t*, const unsigned char*, unsigned char*, std::size_t) {
    return MBEDTLS_ERR_PK_FEATURE_UNAVAILABLE;
  }
  static int sign(void* self, int (*random)(void*, unsigned char*, std::size_t), void* random_state,
                  int, mbedtls_md_type_t digest, unsigned int size, const unsigned char* hash,
                  unsigned char* signature) {
    DistantKey& key = *static_cast<DistantKey*>(self);
    key.asked++;
    if (!key.is_ready) return key.refusal_;
    std::size_t written = 0;
    return mbedtls_pk_sign(&key.real_, digest, hash, size, signature, &written, random,
                           random_state);
  }
  static std::size_t length(void* self) {
    return mbedtls_pk_get_len(&static_cast<DistantKey*>(self)->real_);
  }

  mbedtls_x509_crt certificate_;
  mbedtls_pk_context real_;
  mbedtls_pk_context key_;
  int refusal_;
};

class MbedTlsKey : public testing::TestWithParam<int> {
 protected:
  MbedTlsKey() { key.use_in(config); }

  static void enable(Conversation& talk) {
    for (Peer* end : {&talk.client, &talk.server}) end->enable(EV_READ | EV_WRITE);
  }
  // The server waits for its key: nobody burns time, also not when somebody touches the stream.
  void expect_parked(Conversation& talk) {
    const int before = key.asked;
    talk.server.disable(EV_READ);
    talk.server.enable(EV_READ);
    talk.loop.turns(10);
    EXPECT_LE(talk.loop.wakeups(), 5);
    EXPECT_EQ(key.asked, before);
    EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
    talk.loop.turns(10);
    EXPECT_EQ(key.asked, before + 1) << "too early: it waits again";
  }
  // `who` begins a new handshake on the open connection, and the server asks for a key that is late.
  void begin_renewal(Conversation& talk, Peer& who) {
    key.is_ready = true;
    ASSERT_TRUE(talk.connect());
    key.is_ready = false;
    const int before = key.asked;
    ASSERT_EQ(mbedtls().renegotiate(who.bev()), 0);
    ASSERT_TRUE(talk.run_until([&] { return key.asked > before; }));
  }
  void bring_key(Conversation& talk) {
    key.is_ready = true;
    EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
  }

  DistantKey key{GetParam()};
  MbedTlsConfig config{Role::server};
};

INSTANTIATE_TEST_SUITE_P(All, MbedTlsKey,
                         testing::Values(MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS,
                                         MBEDTLS_ERR_SSL_CRYPTO_IN_PROGRESS),
                         [](const auto& row) {
                           return row.param == MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS ? "Async"
                                                                                 : "Restartable";
                         });

TEST_P(MbedTlsKey, ParksTheHandshakeUntilTheProgramSaysSo) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    key.is_ready = false;
    key.asked = 0;
    Conversation talk(mbedtls(), mbedtls().connection(Role::client, Version::tls12), mbedtls(),
                      config.connection(), way);
    enable(talk);
    talk.client.write("patience");
    ASSERT_TRUE(talk.run_until([&] { return key.asked > 0; }));
    expect_parked(talk);
    EXPECT_TRUE(talk.server.events.empty());
    EXPECT_TRUE(talk.client.events.empty());
    bring_key(talk);
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "patience"; }));
    EXPECT_EQ(talk.server.events, std::vector<short>{BEV_EVENT_CONNECTED});
    EXPECT_EQ(talk.client.events, std::vector<short>{BEV_EVENT_CONNECTED});
  }
}

// With a client that does not know how the server came to its signature.
TEST_P(MbedTlsKey, ParksTheHandshakeWithAClientOfAnotherLibrary) {
  Conversation talk(openssl(), openssl().connection(Role::client, Version::tls12), mbedtls(),
                    config.connection());
  enable(talk);
  talk.client.write("patience");
  ASSERT_TRUE(talk.run_until([&] { return key.asked > 0; }));
  expect_parked(talk);
  bring_key(talk);
  ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "patience"; }));
}

// The client begins it, so it is a read that waits for the key.
TEST_P(MbedTlsKey, ParksANewHandshakeOfTheClients) {
  Conversation talk(mbedtls(), mbedtls().connection(Role::client, Version::tls12), mbedtls(),
                    config.connection());
  begin_renewal(talk, talk.client);
  expect_parked(talk);
  bring_key(talk);
  talk.client.write("up");
  ASSERT_TRUE(talk.run_until(
      [&] { return talk.client.count(BEV_EVENT_CONNECTED) == 2 && talk.server.received == "up"; }));
}

TEST_P(MbedTlsKey, ParksANewHandshakeOfTheServers) {
  Conversation talk(mbedtls(), mbedtls().connection(Role::client, Version::tls12), mbedtls(),
                    config.connection());
  begin_renewal(talk, talk.server);
  talk.server.write("down");  // behind the handshake
  expect_parked(talk);
  bring_key(talk);
  ASSERT_TRUE(talk.run_until([&] {
    return talk.server.count(BEV_EVENT_CONNECTED) == 2 && talk.client.received == "down";
  }));
}

// Which makes the socket readable until somebody looks.
TEST_P(MbedTlsKey, MayComeWhenTheClientHasGone) {
  Conversation talk(mbedtls(), mbedtls().connection(Role::client, Version::tls12), mbedtls(),
                    config.connection());
  enable(talk);
  ASSERT_TRUE(talk.run_until([&] { return key.asked > 0; }));
  talk.client.free();
  expect_parked(talk);
  EXPECT_TRUE(talk.server.events.empty());
  bring_key(talk);
  ASSERT_TRUE(talk.run_until([&] { return talk.server.has(BEV_EVENT_ERROR); }));
}

TEST_P(MbedTlsKey, MayBeMissingWhenTheStreamIsFreed) {
  Conversation talk(mbedtls(), mbedtls().connection(Role::client, Version::tls12), mbedtls(),
                    config.connection());
  enable(talk);
  ASSERT_TRUE(talk.run_until([&] { return key.asked > 0; }));
  bevel_tls_resume(talk.server.bev());
  talk.server.free();
  talk.loop.turns(3);
}

}  // namespace
}  // namespace tls_test

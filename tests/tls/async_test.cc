// Handshakes that wait for work done elsewhere, as hardware does it: OpenSSL's asynchronous jobs.
#include <event2/bevel.h>
#include <gtest/gtest.h>
#include <openssl/async.h>
#include <unistd.h>

#include "tls/support/openssl_context.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

// Who does the work, and the descriptor by which it is told that the work is done.
struct Worker {
  int pipe[2] = {-1, -1};
  bool has_descriptor;
  int calls = 0;
  int asked = 0;
  bool is_done = false;

  explicit Worker(bool with_descriptor) : has_descriptor(with_descriptor) {
    EXPECT_EQ(::pipe(pipe), 0);
  }
  ~Worker() {
    ::close(pipe[0]);
    ::close(pipe[1]);
  }
  void finish() {
    is_done = true;
    EXPECT_EQ(::write(pipe[1], "!", 1), 1);
  }
};

int certificate_from_elsewhere(SSL* ssl, void* arg) {
  Worker& worker = *static_cast<Worker*>(arg);
  worker.calls++;
  ASYNC_WAIT_CTX* waiting = ASYNC_get_wait_ctx(ASYNC_get_current_job());
  if (worker.has_descriptor) {
    ASYNC_WAIT_CTX_set_wait_fd(waiting, &worker, worker.pipe[0], nullptr, nullptr);
  }
  while (!worker.is_done) {
    worker.asked++;
    ASYNC_pause_job();
  }
  if (worker.has_descriptor) ASYNC_WAIT_CTX_clear_fd(waiting, &worker);
  give_certificate(ssl, SSL_use_certificate, SSL_use_PrivateKey);
  return 1;
}

class AsyncTest : public testing::TestWithParam<Version> {
 protected:
  void SetUp() override {
    if (ASYNC_is_capable() == 0) GTEST_SKIP() << "this OpenSSL has no jobs";
  }
  void TearDown() override { ASYNC_cleanup_thread(); }

  void* server_of(Worker& worker) {
    SSL_CTX_set_cert_cb(context.get(), certificate_from_elsewhere, &worker);
    SSL* ssl = context.connection();
    SSL_set_mode(ssl, SSL_MODE_ASYNC);
    return ssl;
  }
  void* client() const { return openssl().connection(Role::client, GetParam()); }
  static void begin(Conversation& talk, const Worker& worker) {
    for (Peer* end : {&talk.client, &talk.server}) end->enable(EV_READ | EV_WRITE);
    talk.client.write("patience");
    ASSERT_TRUE(talk.run_until([&] { return worker.asked > 0; }));
    talk.loop.turns(10);
    EXPECT_EQ(worker.asked, 1) << "nobody burns time";
    EXPECT_TRUE(talk.server.events.empty());
  }
  static void expect_connection(Conversation& talk) {
    ASSERT_TRUE(talk.run_until([&] { return talk.server.received == "patience"; }));
    EXPECT_EQ(talk.server.events, std::vector<short>{BEV_EVENT_CONNECTED});
    EXPECT_EQ(talk.client.events, std::vector<short>{BEV_EVENT_CONNECTED});
  }

  const OpenSslContext context{Role::server, GetParam()};
};

INSTANTIATE_TEST_SUITE_P(OpenSsl, AsyncTest, testing::Values(Version::tls12, Version::tls13),
                         [](const auto& row) { return name_of(row.param); });

TEST_P(AsyncTest, GoesOnByItselfWhenTheDescriptorIsReady) {
  for (const Transport way : {Transport::socket, Transport::pair}) {
    Worker worker(true);
    Conversation talk(openssl(), client(), openssl(), server_of(worker), way);
    begin(talk, worker);
    worker.finish();
    expect_connection(talk);
    EXPECT_EQ(worker.calls, 1);
  }
}

TEST_P(AsyncTest, GoesOnWhenTheProgramSaysSo) {
  Worker worker(false);
  Conversation talk(openssl(), client(), openssl(), server_of(worker));
  begin(talk, worker);
  EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
  talk.loop.turns(5);
  EXPECT_EQ(worker.asked, 2) << "too early: it waits again";
  worker.finish();
  EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
  expect_connection(talk);
}

TEST_P(AsyncTest, IsTimedWhileItWaits) {
  Worker worker(true);
  Conversation talk(openssl(), client(), openssl(), server_of(worker));
  begin(talk, worker);
  int calls = 0;
  constexpr timeval time{0, 10000};
  const auto count = [](bufferevent*, bevel_shutdown_outcome outcome, void* arg) {
    EXPECT_EQ(outcome, BEVEL_SHUTDOWN_TIMEOUT);
    ++*static_cast<int*>(arg);
  };
  EXPECT_EQ(bevel_shutdown(talk.server.bev(), EV_WRITE, &time, count, &calls), 0);
  ASSERT_TRUE(talk.run_until([&] { return calls == 1; }));
  worker.finish();
  expect_connection(talk);
}

// A callback of the program's that has to be called again.
struct Decision {
  bool is_open = true;
  int asked = 0;
};

int decide(SSL*, void* arg) {
  Decision& decision = *static_cast<Decision*>(arg);
  decision.asked++;
  return decision.is_open ? -1 : 1;
}

struct Patience {
  Version version;
  Transport transport;
  short timeout;
};

void PrintTo(const Patience& row, std::ostream* out) {
  *out << name_of(row.version) << name_of(row.transport)
       << (row.timeout == EV_READ ? "Read" : "Write");
}

class PatienceTest : public testing::TestWithParam<Patience> {
 protected:
  void* server() {
    SSL_CTX_set_cert_cb(context.get(), decide, &decision);
    SSL_CTX_set_options(context.get(), SSL_OP_NO_SESSION_RESUMPTION_ON_RENEGOTIATION);
    return context.connection();
  }
  void* client() const { return openssl().connection(Role::client, GetParam().version); }
  void set_timeout(const Peer& peer) const {
    static const timeval time{0, 30000};
    const bool reads = GetParam().timeout == EV_READ;
    bufferevent_set_timeouts(peer.bev(), reads ? &time : nullptr, reads ? nullptr : &time);
  }

  Decision decision;
  const OpenSslContext context{Role::server, GetParam().version};
  Conversation talk{openssl(), client(), openssl(), server(), GetParam().transport};
};

std::vector<Patience> patiences() {
  std::vector<Patience> rows;
  for (const Version version : {Version::tls12, Version::tls13}) {
    for (const Transport way : {Transport::socket, Transport::pair, Transport::filter}) {
      for (const short timeout : {short{EV_READ}, short{EV_WRITE}})
        rows.push_back({version, way, timeout});
    }
  }
  return rows;
}

INSTANTIATE_TEST_SUITE_P(OpenSsl, PatienceTest, testing::ValuesIn(patiences()),
                         testing::PrintToStringParamName());

TEST_P(PatienceTest, EndsWithAHandshakeThatWaits) {
  for (Peer* end : {&talk.client, &talk.server}) end->enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return decision.asked > 0; }));
  set_timeout(talk.server);
  talk.client.write("bytes meanwhile");
  talk.server.disable(EV_READ | EV_WRITE);
  talk.server.enable(EV_READ | EV_WRITE);
  ASSERT_TRUE(talk.run_until([&] { return !talk.server.events.empty(); }));
  EXPECT_EQ(talk.server.events, std::vector<short>{BEV_EVENT_TIMEOUT});
  EXPECT_EQ(decision.asked, 1);
  decision.is_open = false;
  EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
  talk.loop.turns(5);
  EXPECT_EQ(decision.asked, 1) << "the stream is over";
  EXPECT_EQ(talk.server.events.size(), 1U);
}

TEST_P(PatienceTest, EndsWithANewHandshakeThatWaits) {
  if (GetParam().version != Version::tls12) return;
  decision.is_open = false;
  ASSERT_TRUE(talk.connect());
  decision = {};
  ASSERT_EQ(openssl().renegotiate(talk.server.bev()), 0);
  ASSERT_TRUE(talk.run_until([&] { return decision.asked > 0; }));
  talk.server.write("later");
  set_timeout(talk.server);
  ASSERT_TRUE(talk.run_until([&] { return talk.server.events.size() > 1; }));
  const short side = GetParam().timeout == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;
  EXPECT_EQ(talk.server.events.back(), BEV_EVENT_TIMEOUT | side);
  talk.loop.turns(5);
  EXPECT_EQ(talk.server.events.size(), 2U);
  // Only the patience with the peer is over.
  decision.is_open = false;
  talk.server.enable(EV_READ | EV_WRITE);
  EXPECT_EQ(bevel_tls_resume(talk.server.bev()), 0);
  EXPECT_TRUE(talk.run_until([&] { return talk.client.received == "later"; }));
}

}  // namespace
}  // namespace tls_test

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

}  // namespace
}  // namespace tls_test

// The load of the TLS benchmarks. echo: each connection has one message on its way and checks the
// answer; send and receive: as many bytes as the connections take; handshake: full handshakes,
// several at a time.

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "common/options.h"
#include "common/sockets.h"
#include "common/window.h"

namespace {

using bench::checked;

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "tls_client: %s\n", what);
  ERR_print_errors_fp(stderr);
  std::exit(1);
}

struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;
  unsigned interest = EPOLLIN;
  std::size_t sent = 0;
  std::size_t received = 0;
  bench::Clock::time_point started{};
};

struct Load {
  std::uint16_t port;
  std::string mode;
  std::size_t connections;
  std::size_t size;
};

class TlsClient {
 public:
  explicit TlsClient(const Load& load)
      : load_(load),
        context_(SSL_CTX_new(TLS_client_method())),
        epoll_(checked(epoll_create1(0), "epoll_create1")),
        connections_(load.connections),
        message_(load.size),
        reply_(load.size) {
    for (std::size_t i = 0; i < load.size; ++i) message_[i] = static_cast<unsigned char>(i * 31);
  }

  void run(bench::Window& window) {
    load_.mode == "handshake" ? run_handshakes(window) : run_transfer(window);
  }

 private:
  void open(Connection& connection) {
    connection.fd = bench::connect_to(load_.port);
    connection.ssl = SSL_new(context_);
    connection.started = bench::Clock::now();
    SSL_set_fd(connection.ssl, connection.fd);
    SSL_set_connect_state(connection.ssl);
    SSL_set_mode(connection.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE);
  }

  void close(Connection& connection) {
    SSL_free(connection.ssl);
    bench::close_with_reset(connection.fd);
  }

  // The server closes as soon as the handshake is complete on its side, which ends SSL_read.
  void run_handshakes(bench::Window& window) {
    while (window.open()) {
      for (Connection& connection : connections_) {
        open(connection);
        if (SSL_connect(connection.ssl) != 1) fail("handshake");
        if (SSL_session_reused(connection.ssl)) fail("the session was resumed");
      }
      for (Connection& connection : connections_) {
        if (SSL_read(connection.ssl, reply_.data(), 1) > 0) fail("unexpected bytes");
        window.count(0, connection.started);
        close(connection);
      }
    }
  }

  void run_transfer(bench::Window& window) {
    for (Connection& connection : connections_) {
      open(connection);
      if (SSL_connect(connection.ssl) != 1) fail("handshake");
      bench::set_blocking(connection.fd, false);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
      checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event), "epoll_ctl");
    }
    for (Connection& connection : connections_) begin(connection, window);
    while (window.open()) handle_batch(window);
    for (Connection& connection : connections_) close(connection);
  }

  void begin(Connection& connection, bench::Window& window) {
    connection.started = bench::Clock::now();
    if (load_.mode != "receive") advance(connection, window);
  }

  void handle_batch(bench::Window& window) {
    std::array<epoll_event, 512> ready;
    const int count = epoll_wait(epoll_, ready.data(), int{ready.size()}, 10000);
    if (count == 0) fail("no answer for ten seconds");
    for (int i = 0; i < count; ++i) {
      advance(*static_cast<Connection*>(ready[static_cast<std::size_t>(i)].data.ptr), window);
    }
  }

  void advance(Connection& connection, bench::Window& window) {
    if (load_.mode == "send") {
      send_some(connection, window);
    } else if (load_.mode == "receive") {
      receive_some(connection, window);
    } else {
      exchange(connection, window);
    }
  }

  // One call per wake-up, so that every connection gets its turn.
  void send_some(Connection& connection, bench::Window& window) {
    const int sent = SSL_write(connection.ssl, message_.data(), static_cast<int>(message_.size()));
    if (sent <= 0) return wait(connection, sent);
    window.count(static_cast<std::uint64_t>(sent));
    set_interest(connection, EPOLLOUT);
  }

  void receive_some(Connection& connection, bench::Window& window) {
    const int got = SSL_read(connection.ssl, reply_.data(), static_cast<int>(reply_.size()));
    if (got <= 0) return wait(connection, got);
    window.count(static_cast<std::uint64_t>(got));
  }

  void exchange(Connection& connection, bench::Window& window) {
    for (;;) {
      if (!send_rest(connection) || !receive_rest(connection)) return;
      window.count(message_.size(), connection.started);
      connection.sent = connection.received = 0;
      connection.started = bench::Clock::now();
    }
  }

  bool send_rest(Connection& connection) {
    while (connection.sent < message_.size()) {
      const int sent = SSL_write(connection.ssl, message_.data() + connection.sent,
                                 static_cast<int>(message_.size() - connection.sent));
      if (sent <= 0) {
        wait(connection, sent);
        return false;
      }
      connection.sent += static_cast<std::size_t>(sent);
    }
    return true;
  }

  bool receive_rest(Connection& connection) {
    while (connection.received < message_.size()) {
      const int got = SSL_read(connection.ssl, reply_.data(),
                               static_cast<int>(message_.size() - connection.received));
      if (got <= 0) {
        wait(connection, got);
        return false;
      }
      const auto size = static_cast<std::size_t>(got);
      if (std::memcmp(reply_.data(), message_.data() + connection.received, size) != 0)
        fail("wrong bytes");
      connection.received += size;
    }
    return true;
  }

  void wait(Connection& connection, int result) {
    const int error = SSL_get_error(connection.ssl, result);
    if (error == SSL_ERROR_WANT_READ) return set_interest(connection, EPOLLIN);
    if (error == SSL_ERROR_WANT_WRITE) return set_interest(connection, EPOLLOUT);
    fail("the connection ended");
  }

  void set_interest(Connection& connection, unsigned interest) {
    if (connection.interest == interest) return;
    connection.interest = interest;
    epoll_event event{.events = interest, .data = {.ptr = &connection}};
    checked(epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event), "epoll_ctl");
  }

  Load load_;
  SSL_CTX* context_;
  int epoll_;
  std::vector<Connection> connections_;
  std::vector<unsigned char> message_;
  std::vector<unsigned char> reply_;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  const Load load{.port = options.integer<std::uint16_t>("port", 0),
                  .mode = options.text("mode", "echo"),
                  .connections = options.integer<std::size_t>("connections", 8),
                  .size = options.integer<std::size_t>("size", 64)};
  bench::Window window(options.number("warmup", 0.2), options.number("seconds", 1),
                       options.integer<pid_t>("server", 0));
  TlsClient(load).run(window);
  window.print();
  return 0;
}

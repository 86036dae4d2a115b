// Question: what does TLS 1.3 cost without any library between OpenSSL and epoll? SSL_read and
// SSL_write of 16 KiB straight on the socket.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "common/options.h"
#include "common/sockets.h"
#include "tls/credentials.h"

namespace {

using bench::checked;

enum class Mode { echo, sink, source, handshake };

Mode mode_named(const std::string& name) {
  if (name == "echo") return Mode::echo;
  if (name == "sink") return Mode::sink;
  if (name == "source") return Mode::source;
  if (name == "handshake") return Mode::handshake;
  std::fprintf(stderr, "modes: echo, sink, source, handshake\n");
  std::exit(2);
}

struct Connection {
  int fd;
  SSL* ssl;
  unsigned interest = EPOLLIN;
  bool established = false;
  std::vector<unsigned char> unsent;
};

class RawTlsServer {
 public:
  explicit RawTlsServer(Mode mode)
      : mode_(mode),
        context_(bench_server_context()),
        epoll_(checked(epoll_create1(0), "epoll_create1")),
        listener_(bench::listen_and_announce()) {
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event), "epoll_ctl");
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 512> ready;
    for (;;) {
      const int count = epoll_wait(epoll_, ready.data(), int{ready.size()}, -1);
      for (int i = 0; i < count; ++i) {
        auto* connection = static_cast<Connection*>(ready[static_cast<std::size_t>(i)].data.ptr);
        connection ? advance(connection) : accept_all();
      }
    }
  }

 private:
  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      bench::set_nodelay(fd);
      auto* connection = new Connection{.fd = fd, .ssl = SSL_new(context_), .unsent = {}};
      SSL_set_fd(connection->ssl, fd);
      SSL_set_accept_state(connection->ssl);
      SSL_set_mode(connection->ssl,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = connection}};
      checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
    }
  }

  void advance(Connection* connection) {
    if (!connection->established && !shake_hands(connection)) return;
    if (mode_ == Mode::handshake) return drop(connection);
    mode_ == Mode::source ? send_chunks(connection) : receive(connection);
  }

  bool shake_hands(Connection* connection) {
    const int result = SSL_do_handshake(connection->ssl);
    connection->established = result == 1;
    if (result != 1) wait_or_drop(connection, result);
    return connection->established;
  }

  void send_chunks(Connection* connection) {
    for (int i = 0; i < records_per_turn; ++i) {
      const int sent = SSL_write(connection->ssl, buffer_.data(), buffer_size);
      if (sent <= 0) return wait_or_drop(connection, sent);
    }
    set_interest(connection, EPOLLOUT);
  }

  void receive(Connection* connection) {
    if (!connection->unsent.empty() && !flush(connection)) return;
    for (int i = 0; i < records_per_turn; ++i) {
      const int got = SSL_read(connection->ssl, buffer_.data(), buffer_size);
      if (got <= 0) return wait_or_drop(connection, got);
      if (mode_ == Mode::echo && !send_back(connection, got)) return;
    }
  }

  bool send_back(Connection* connection, int size) {
    const int sent = SSL_write(connection->ssl, buffer_.data(), size);
    if (sent == size) return true;
    connection->unsent.assign(buffer_.data() + (sent > 0 ? sent : 0), buffer_.data() + size);
    if (sent > 0) return flush(connection);
    wait_or_drop(connection, sent);
    return false;
  }

  bool flush(Connection* connection) {
    auto& rest = connection->unsent;
    while (!rest.empty()) {
      const int sent = SSL_write(connection->ssl, rest.data(), static_cast<int>(rest.size()));
      if (sent <= 0) {
        wait_or_drop(connection, sent);
        return false;
      }
      rest.erase(rest.begin(), rest.begin() + sent);
    }
    return true;
  }

  void wait_or_drop(Connection* connection, int result) {
    const int error = SSL_get_error(connection->ssl, result);
    if (error == SSL_ERROR_WANT_READ) return set_interest(connection, EPOLLIN);
    if (error == SSL_ERROR_WANT_WRITE) return set_interest(connection, EPOLLOUT);
    drop(connection);
  }

  void set_interest(Connection* connection, unsigned interest) {
    if (connection->interest == interest) return;
    connection->interest = interest;
    epoll_event event{.events = interest, .data = {.ptr = connection}};
    checked(epoll_ctl(epoll_, EPOLL_CTL_MOD, connection->fd, &event), "epoll_ctl");
  }

  static void drop(Connection* connection) {
    SSL_free(connection->ssl);
    close(connection->fd);
    delete connection;
  }

  // A peer as fast as we are would otherwise keep the loop in one connection for ever.
  static constexpr int records_per_turn = 4;

  Mode mode_;
  SSL_CTX* context_;
  int epoll_;
  int listener_;
  static constexpr int buffer_size = 16 * 1024;
  std::array<unsigned char, buffer_size> buffer_{};
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  RawTlsServer(mode_named(options.text("mode", "echo"))).run();
}

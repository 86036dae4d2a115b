// The load of the echo benchmarks: N connections, each with one message of S bytes on its way.
// Checks every byte that comes back, and that every connection ends with a clean end of stream.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "common/options.h"
#include "common/sockets.h"
#include "common/window.h"

namespace {

using bench::checked;

struct Connection {
  int fd = -1;
  bool waits_for_room = false;  // the interest is EPOLLOUT as well
  std::size_t sent = 0;         // of the message on its way
  std::size_t received = 0;
  bench::Clock::time_point started{};
};

class EchoClient {
 public:
  EchoClient(std::uint16_t port, std::size_t connections, std::size_t message_size)
      : epoll_(checked(epoll_create1(0), "epoll_create1")),
        connections_(connections),
        message_(message_size),
        reply_(message_size) {
    for (std::size_t i = 0; i < message_size; ++i)
      message_[i] = static_cast<char>(i * 31 + i / 251);
    for (Connection& connection : connections_) open(connection, port);
  }

  void run(bench::Window& window) {
    for (Connection& connection : connections_) begin_message(connection);
    while (window.open()) handle_batch(window);
    draining_ = true;
    while (on_their_way_ > 0) handle_batch(window);
    for (const Connection& connection : connections_) finish(connection);
  }

 private:
  void open(Connection& connection, std::uint16_t port) {
    connection.fd = bench::connect_to(port);
    bench::set_blocking(connection.fd, false);
    watch(EPOLL_CTL_ADD, connection, EPOLLIN);
  }

  void watch(int operation, Connection& connection, unsigned events) {
    epoll_event event{.events = events, .data = {.ptr = &connection}};
    checked(epoll_ctl(epoll_, operation, connection.fd, &event), "epoll_ctl");
  }

  void handle_batch(bench::Window& window) {
    std::array<epoll_event, 512> ready;
    const int count = epoll_wait(epoll_, ready.data(), int{ready.size()}, 10000);
    if (count == 0) fail("no answer for ten seconds");
    for (int i = 0; i < count; ++i) {
      const epoll_event& event = ready[static_cast<std::size_t>(i)];
      Connection& connection = *static_cast<Connection*>(event.data.ptr);
      if (event.events & EPOLLOUT) send_rest(connection);
      if (event.events & (EPOLLIN | EPOLLHUP | EPOLLERR)) receive(connection, window);
    }
  }

  void begin_message(Connection& connection) {
    connection.sent = connection.received = 0;
    connection.started = bench::Clock::now();
    ++on_their_way_;
    send_rest(connection);
  }

  void send_rest(Connection& connection) {
    const ssize_t sent = send(connection.fd, message_.data() + connection.sent,
                              message_.size() - connection.sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) bench::die("send");
    if (sent > 0) connection.sent += static_cast<std::size_t>(sent);
    const bool more = connection.sent < message_.size();
    if (more == connection.waits_for_room) return;
    connection.waits_for_room = more;
    watch(EPOLL_CTL_MOD, connection, more ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  void receive(Connection& connection, bench::Window& window) {
    const std::size_t missing = message_.size() - connection.received;
    const ssize_t got = recv(connection.fd, reply_.data(), missing, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got < 0) bench::die("recv");
    if (got == 0) fail("the server closed a connection");
    check(connection.received, static_cast<std::size_t>(got));
    connection.received += static_cast<std::size_t>(got);
    if (connection.received < message_.size()) return;
    --on_their_way_;
    window.count(message_.size(), connection.started);
    if (!draining_) begin_message(connection);
  }

  void check(std::size_t offset, std::size_t size) const {
    if (std::memcmp(reply_.data(), message_.data() + offset, size) != 0) fail("wrong bytes");
  }

  // The server must answer our end of stream with its own, with no byte before it.
  void finish(const Connection& connection) const {
    checked(shutdown(connection.fd, SHUT_WR), "shutdown");
    bench::set_blocking(connection.fd, true);
    char surplus;
    if (recv(connection.fd, &surplus, 1, 0) != 0) fail("bytes after the last answer");
    close(connection.fd);
  }

  [[noreturn]] static void fail(const char* what) {
    std::fprintf(stderr, "echo_client: %s\n", what);
    std::exit(1);
  }

  int epoll_;
  bool draining_ = false;
  std::size_t on_their_way_ = 0;
  std::vector<Connection> connections_;
  std::vector<char> message_;
  std::vector<char> reply_;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  EchoClient client(options.integer<std::uint16_t>("port", 0),
                    options.integer<std::size_t>("connections", 1),
                    options.integer<std::size_t>("size", 64));
  bench::Window window(options.number("warmup", 0.2), options.number("seconds", 1),
                       options.integer<pid_t>("server", 0));
  client.run(window);
  window.print();
  return 0;
}

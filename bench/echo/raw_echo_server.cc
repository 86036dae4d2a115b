// Question: what is the least an echo over TCP can cost? One level-triggered epoll, one recv and
// one send per message, one read buffer for all connections, no library.

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <memory>
#include <vector>

#include "common/options.h"
#include "common/sockets.h"

namespace {

using bench::checked;

class RawEchoServer {
 public:
  explicit RawEchoServer(bool close_at_once)
      : close_at_once_(close_at_once),
        epoll_(checked(epoll_create1(0), "epoll_create1")),
        listener_(bench::listen_and_announce()),
        terminate_(terminate_descriptor()) {
    watch(EPOLL_CTL_ADD, listener_, EPOLLIN);
    watch(EPOLL_CTL_ADD, terminate_, EPOLLIN);
  }

  void run() {
    std::array<epoll_event, 512> ready;
    while (!stopped_) {
      const int count = epoll_wait(epoll_, ready.data(), int{ready.size()}, -1);
      for (int i = 0; i < count; ++i) handle(ready[static_cast<std::size_t>(i)]);
    }
    std::printf("{\"accepted\": %lu, \"open\": %lu}\n", accepted_, open_);
  }

 private:
  static int terminate_descriptor() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, nullptr);
    return checked(signalfd(-1, &signals, 0), "signalfd");
  }

  void watch(int operation, int fd, unsigned events) {
    epoll_event event{.events = events, .data = {.fd = fd}};
    checked(epoll_ctl(epoll_, operation, fd, &event), "epoll_ctl");
  }

  void handle(const epoll_event& event) {
    const int fd = event.data.fd;
    if (fd == listener_) {
      accept_all();
    } else if (fd == terminate_) {
      stopped_ = true;
    } else if (event.events & EPOLLOUT) {
      flush(fd);
    } else {
      echo(fd);
    }
  }

  void accept_all() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK);
      if (fd < 0) return;
      ++accepted_;
      close_at_once_ ? static_cast<void>(close(fd)) : add_connection(fd);
    }
  }

  void add_connection(int fd) {
    bench::set_nodelay(fd);
    const auto index = static_cast<std::size_t>(fd);
    if (unsent_.size() <= index) unsent_.resize(index + 1);
    unsent_[index].clear();
    watch(EPOLL_CTL_ADD, fd, EPOLLIN);
    ++open_;
  }

  void echo(int fd) {
    const ssize_t got = recv(fd, buffer_.get(), buffer_size, 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) return drop(fd);
    const ssize_t sent = send(fd, buffer_.get(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return drop(fd);
    if (sent < got) keep_rest(fd, sent < 0 ? 0 : sent, got);
  }

  // Nothing more is read from a connection until its peer has taken what it sent.
  void keep_rest(int fd, ssize_t sent, ssize_t got) {
    unsent_[static_cast<std::size_t>(fd)].assign(buffer_.get() + sent, buffer_.get() + got);
    watch(EPOLL_CTL_MOD, fd, EPOLLOUT);
  }

  void flush(int fd) {
    std::vector<char>& rest = unsent_[static_cast<std::size_t>(fd)];
    const ssize_t sent = send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) return drop(fd);
    if (sent > 0) rest.erase(rest.begin(), rest.begin() + sent);
    if (rest.empty()) watch(EPOLL_CTL_MOD, fd, EPOLLIN);
  }

  void drop(int fd) {
    close(fd);
    --open_;
  }

  static constexpr std::size_t buffer_size = 256 * 1024;

  bool close_at_once_;
  bool stopped_ = false;
  int epoll_;
  int listener_;
  int terminate_;
  unsigned long accepted_ = 0;
  unsigned long open_ = 0;
  std::unique_ptr<char[]> buffer_ = std::make_unique<char[]>(buffer_size);
  std::vector<std::vector<char>> unsent_;  // by descriptor
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  RawEchoServer(options.text("mode", "echo") == "accept").run();
  return 0;
}

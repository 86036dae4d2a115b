// The load of the rate limit benchmarks: N connections that are kept full until the reader goes
// away.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include "common/abstract_socket.h"
#include "common/options.h"
#include "common/sockets.h"

namespace {

using bench::checked;

constexpr std::size_t largest_piece = 64 * 1024;

// False when the reader has gone.
bool fill(int fd, std::size_t piece) {
  static const std::array<char, largest_piece> zeros{};
  for (;;) {
    const ssize_t sent = send(fd, zeros.data(), piece, MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
  }
}

// A local socket becomes writable again when three quarters of its buffer are free, so a reader
// that is allowed to read always finds something.
void keep_full(int epoll, std::size_t piece) {
  std::array<epoll_event, 512> ready;
  for (;;) {
    const int count = epoll_wait(epoll, ready.data(), int{ready.size()}, -1);
    for (int i = 0; i < count; ++i) {
      if (!fill(ready[static_cast<std::size_t>(i)].data.fd, piece)) return;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  const auto buffer = options.integer<int>("buffer", 65536);
  const int epoll = checked(epoll_create1(0), "epoll_create1");
  for (auto left = options.integer<int>("members", 1); left > 0; --left) {
    const int fd = bench::connect_abstract(options.integer<int>("port", 0));
    checked(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer), "SO_SNDBUF");
    bench::set_blocking(fd, false);
    epoll_event event{.events = EPOLLOUT, .data = {.fd = fd}};
    checked(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
  }
  // The kernel counts a piece as used until all of it has been read: with pieces as large as the
  // buffer, a reader would find it empty before we hear of room.
  keep_full(epoll, std::min(largest_piece, static_cast<std::size_t>(buffer) / 4));
  return 0;
}

// The source for limits that others impose (nginx, the kernel): keeps one connection after the
// other full.

#include <sys/socket.h>
#include <unistd.h>

#include <array>

#include "common/options.h"
#include "common/sockets.h"

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  const int listener = bench::listen_and_announce(options.text("address", "127.0.0.1"));
  bench::set_blocking(listener, true);
  static const std::array<char, 64 * 1024> zeros{};
  for (;;) {
    const int fd = bench::checked(accept(listener, nullptr, nullptr), "accept");
    while (send(fd, zeros.data(), zeros.size(), MSG_NOSIGNAL) >= 0) {
    }
    close(fd);
  }
}

#include "common/abstract_socket.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <cstdio>

#include "common/sockets.h"

namespace bench {
namespace {

struct Address {
  sockaddr_un name{};
  socklen_t size;

  explicit Address(int number) {
    name.sun_family = AF_UNIX;
    // The leading zero makes the name abstract.
    const int length =
        std::snprintf(name.sun_path + 1, sizeof name.sun_path - 1, "bench-%d", number);
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1) +
           static_cast<socklen_t>(length);
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&name); }
};

}  // namespace

int listen_abstract_and_announce() {
  const Address address(getpid());
  const int fd = checked(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  checked(bind(fd, address.get(), address.size), "bind");
  checked(listen(fd, 4096), "listen");
  std::printf("port %d\n", getpid());
  std::fflush(stdout);
  return fd;
}

int connect_abstract(int number) {
  const Address address(number);
  const int fd = checked(socket(AF_UNIX, SOCK_STREAM, 0), "socket");
  checked(connect(fd, address.get(), address.size), "connect");
  return fd;
}

}  // namespace bench

#include "common/sockets.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace bench {
namespace {

sockaddr_in to_sockaddr(const std::string& address, std::uint16_t port) {
  sockaddr_in result{};
  result.sin_family = AF_INET;
  result.sin_port = htons(port);
  if (inet_pton(AF_INET, address.c_str(), &result.sin_addr) != 1) {
    errno = EINVAL;
    die(address.c_str());
  }
  return result;
}

}  // namespace

void die(const char* what) {
  std::fprintf(stderr, "%s: %s\n", what, std::strerror(errno));
  std::exit(1);
}

int checked(int result, const char* what) {
  if (result < 0) die(what);
  return result;
}

int listen_and_announce(const std::string& where) {
  const int fd = checked(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), "socket");
  sockaddr_in address = to_sockaddr(where, 0);
  socklen_t size = sizeof address;
  checked(bind(fd, reinterpret_cast<sockaddr*>(&address), size), "bind");
  checked(listen(fd, 4096), "listen");
  checked(getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
  std::printf("port %d\n", ntohs(address.sin_port));
  std::fflush(stdout);
  return fd;
}

int connect_to(std::uint16_t port, const std::string& where) {
  const int fd = checked(socket(AF_INET, SOCK_STREAM, 0), "socket");
  const sockaddr_in address = to_sockaddr(where, port);
  checked(connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
  set_nodelay(fd);
  return fd;
}

void set_blocking(int fd, bool blocking) {
  const int flags = checked(fcntl(fd, F_GETFL), "fcntl");
  checked(fcntl(fd, F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK), "fcntl");
}

void set_nodelay(int fd) {
  const int on = 1;
  checked(setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "TCP_NODELAY");
}

void close_with_reset(int fd) {
  const linger at_once{.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  close(fd);
}

}  // namespace bench

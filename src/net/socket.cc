#include "net/socket.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>

#include "net/address.h"

namespace ev {
namespace {

// Keeps the errno of the call that failed while descriptors are closed on the way out.
bool refuse(int error) noexcept {
  errno = error;
  return false;
}

bool add_flag(int fd, int get, int set, int flag) noexcept {
  const int flags = ::fcntl(fd, get);
  if (flags < 0) return false;
  return (flags & flag) != 0 || ::fcntl(fd, set, flags | flag) == 0;
}

SocketAddress loopback(int family) noexcept {
  SocketAddress address;
  parse_address(family == AF_INET6 ? "::1" : "127.0.0.1", address);
  return address;
}

Fd listen_on_loopback(int family, SocketAddress& address) noexcept {
  Fd listener(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  address = loopback(family);
  if (!listener || ::bind(listener.get(), address.get(), address.length) != 0 ||
      ::listen(listener.get(), 1) != 0 ||
      ::getsockname(listener.get(), address.get(), &address.length) != 0) {
    return {};
  }
  return listener;
}

// Somebody else on this machine may have connected first.
bool is_other_end(int fd, const SocketAddress& peer) noexcept {
  SocketAddress local;
  local.length = sizeof local.storage;
  return ::getsockname(fd, local.get(), &local.length) == 0 &&
         compare_addresses(*local.get(), *peer.get(), true) == 0;
}

bool pair_over_loopback(int family, int type_flags, int pair[2]) noexcept {
  SocketAddress address;
  const Fd listener = listen_on_loopback(family, address);
  if (!listener) return false;
  Fd first(::socket(family, SOCK_STREAM | (type_flags & SOCK_CLOEXEC), 0));
  if (!first || ::connect(first.get(), address.get(), address.length) != 0) return false;
  SocketAddress peer;
  peer.length = sizeof peer.storage;
  Fd second(::accept4(listener.get(), peer.get(), &peer.length, type_flags));
  if (!second) return false;
  if (!is_other_end(first.get(), peer)) return refuse(ECONNABORTED);
  if ((type_flags & SOCK_NONBLOCK) != 0 && !make_nonblocking(first.get())) return false;
  pair[0] = first.take();
  pair[1] = second.take();
  return true;
}

}  // namespace

Fd make_socket(int family, int type, int protocol) noexcept {
  return Fd(::socket(family, type | SOCK_NONBLOCK, protocol));
}

ConnectResult start_connect(int fd, const sockaddr* address, socklen_t length) noexcept {
  if (::connect(fd, address, length) == 0) return {ConnectState::connected, 0};
  // Interrupted: the kernel goes on connecting.
  if (errno == EINPROGRESS || errno == EINTR) return {ConnectState::in_progress, 0};
  return {ConnectState::failed, errno};
}

ConnectResult finish_connect(int fd) noexcept {
  const int error = take_socket_error(fd);
  if (error == 0) return {ConnectState::connected, 0};
  if (error == EINPROGRESS || error == EINTR) return {ConnectState::in_progress, 0};
  return {ConnectState::failed, error};
}

int take_socket_error(int fd) noexcept {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool has_input(int fd) noexcept {
  pollfd asked{.fd = fd, .events = POLLIN, .revents = 0};
  return ::poll(&asked, 1, 0) != 0;
}

bool make_nonblocking(int fd) noexcept { return add_flag(fd, F_GETFL, F_SETFL, O_NONBLOCK); }

bool make_close_on_exec(int fd) noexcept { return add_flag(fd, F_GETFD, F_SETFD, FD_CLOEXEC); }

bool set_option(int fd, int level, int option, int value) noexcept {
  return ::setsockopt(fd, level, option, &value, sizeof value) == 0;
}

bool allow_address_reuse(int fd) noexcept { return set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1); }

bool allow_port_sharing(int fd) noexcept { return set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1); }

bool set_ipv6_only(int fd, bool only) noexcept {
  return set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, only ? 1 : 0);
}

bool defer_accept(int fd) noexcept { return set_option(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1); }

bool make_socket_pair(int family, int type, int protocol, int pair[2]) noexcept {
  if (pair == nullptr) return refuse(EFAULT);
  if (family != AF_INET && family != AF_INET6) {
    int made[2];  // the kernel writes into it also when it fails
    if (::socketpair(family, type, protocol, made) != 0) return false;
    std::copy(made, made + 2, pair);
    return true;
  }
  constexpr int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
  if ((type & ~flags) != SOCK_STREAM) return refuse(EOPNOTSUPP);
  if (protocol != 0 && protocol != IPPROTO_TCP) return refuse(EPROTONOSUPPORT);
  return pair_over_loopback(family, type & flags, pair);
}

}  // namespace ev

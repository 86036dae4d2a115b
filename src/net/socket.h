// Non-blocking sockets: what every user of the network needs from the kernel, with the outcome as a
// value. Nothing here remembers anything; descriptors belong to the caller unless an Fd is
// returned. Safe from every thread.
#pragma once

#include <sys/socket.h>

#include "sys/fd.h"

namespace ev {

// A non-blocking socket. It survives exec() unless `type` says SOCK_CLOEXEC. Empty: errno tells
// why.
Fd make_socket(int family, int type, int protocol = 0) noexcept;

enum class ConnectState { connected, in_progress, failed };

struct ConnectResult {
  ConnectState state = ConnectState::failed;
  int error = 0;  // errno when failed
};

// Begins to connect and never waits. In progress: the socket becomes writable when the outcome is
// known; ask finish_connect(). Takes any address the kernel knows, a unix path of all 108 bytes
// without its NUL included.
ConnectResult start_connect(int fd, const sockaddr* address, socklen_t length) noexcept;

// The outcome of a connect that was in progress. A socket that woke up too early is still in
// progress.
ConnectResult finish_connect(int fd) noexcept;

// Takes the socket's pending error (SO_ERROR): 0 when there is none, the reason when it cannot be
// asked.
int take_socket_error(int fd) noexcept;

// False: nothing to receive or to accept now, neither a connection nor an error. True also when
// that cannot be told.
bool has_input(int fd) noexcept;

// False: errno tells why.
bool make_nonblocking(int fd) noexcept;
bool make_close_on_exec(int fd) noexcept;
bool set_option(int fd, int level, int option, int value) noexcept;

// For listening sockets, before bind().
bool allow_address_reuse(int fd) noexcept;       // SO_REUSEADDR: old connections may linger
bool allow_port_sharing(int fd) noexcept;        // SO_REUSEPORT: several sockets, one port
bool set_ipv6_only(int fd, bool only) noexcept;  // IPV6_V6ONLY: no IPv4 through this one
bool defer_accept(int fd) noexcept;              // TCP_DEFER_ACCEPT: wake with the first data

// socketpair(), and for AF_INET and AF_INET6, which the kernel cannot pair, two streams connected
// over the loopback interface. False: errno tells why and `pair` is as it was.
bool make_socket_pair(int family, int type, int protocol, int pair[2]) noexcept;

}  // namespace ev

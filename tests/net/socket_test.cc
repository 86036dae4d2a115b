#include "net/socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "net/address.h"

namespace ev {
namespace {

bool is_nonblocking(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }
bool is_close_on_exec(int fd) { return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0; }

int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  getsockopt(fd, level, name, &value, &size);
  return value;
}

// A bound socket on 127.0.0.1, and its address.
Fd bound(SocketAddress& address) {
  Fd fd = make_socket(AF_INET, SOCK_STREAM);
  parse_address("127.0.0.1", address);
  EXPECT_EQ(bind(fd.get(), address.get(), address.length), 0);
  getsockname(fd.get(), address.get(), &address.length);
  return fd;
}

ConnectResult connected_in_the_end(int fd, const SocketAddress& address) {
  const ConnectResult begun = start_connect(fd, address.get(), address.length);
  if (begun.state != ConnectState::in_progress) return begun;
  pollfd wait{fd, POLLOUT, 0};
  EXPECT_EQ(poll(&wait, 1, 5000), 1);
  return finish_connect(fd);
}

TEST(Socket, IsNonBlocking) {
  const Fd plain = make_socket(AF_INET, SOCK_STREAM);
  ASSERT_TRUE(plain);
  EXPECT_TRUE(is_nonblocking(plain.get()));
  EXPECT_FALSE(is_close_on_exec(plain.get()));
  EXPECT_TRUE(is_close_on_exec(make_socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC).get()));
  errno = 0;
  EXPECT_FALSE(make_socket(12345, SOCK_STREAM));
  EXPECT_EQ(errno, EAFNOSUPPORT);
}

TEST(Socket, Connects) {
  SocketAddress address;
  const Fd listener = bound(address);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const Fd client = make_socket(AF_INET, SOCK_STREAM);
  EXPECT_EQ(connected_in_the_end(client.get(), address).state, ConnectState::connected);
}

TEST(Socket, IsRefused) {
  SocketAddress address;
  const Fd nobody_listens = bound(address);
  const Fd client = make_socket(AF_INET, SOCK_STREAM);
  const ConnectResult result = connected_in_the_end(client.get(), address);
  EXPECT_EQ(result.state, ConnectState::failed);
  EXPECT_EQ(result.error, ECONNREFUSED);
}

TEST(Socket, BadConnectsFailAtOnce) {
  SocketAddress address;
  parse_address("127.0.0.1:1", address);
  EXPECT_EQ(start_connect(-1, address.get(), address.length).error, EBADF);
  const Fd client = make_socket(AF_INET, SOCK_STREAM);
  EXPECT_EQ(start_connect(client.get(), nullptr, 16).error, EFAULT);
  EXPECT_EQ(start_connect(client.get(), address.get(), 0).error, EINVAL);
  EXPECT_EQ(start_connect(client.get(), address.get(), socklen_t(-1)).error, EINVAL);
  EXPECT_EQ(finish_connect(-1).error, EBADF);
  EXPECT_EQ(finish_connect(-1).state, ConnectState::failed);
}

// sun_path has no room for a NUL behind 108 bytes.
TEST(Socket, ConnectsToTheLongestUnixPath) {
  char directory[] = "/tmp/bevelXXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  std::string path = std::string(directory) + "/";
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.append(sizeof address.sun_path - path.size(), 'x');
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  const Fd listener = make_socket(AF_UNIX, SOCK_STREAM);
  ASSERT_EQ(bind(listener.get(), generic, sizeof address), 0);
  ASSERT_EQ(listen(listener.get(), 1), 0);
  const Fd client = make_socket(AF_UNIX, SOCK_STREAM);
  EXPECT_EQ(start_connect(client.get(), generic, sizeof address).state, ConnectState::connected);
  unlink(path.c_str());
  rmdir(directory);
}

TEST(Socket, HasInputWhenAnAcceptOrAReadWouldNotWait) {
  SocketAddress address;
  const Fd listener = bound(address);
  ASSERT_EQ(listen(listener.get(), 5), 0);
  EXPECT_FALSE(has_input(listener.get()));
  const Fd client = make_socket(AF_INET, SOCK_STREAM);
  connected_in_the_end(client.get(), address);
  EXPECT_TRUE(has_input(listener.get()));
  const Fd server(accept(listener.get(), nullptr, nullptr));
  EXPECT_FALSE(has_input(listener.get()));
  EXPECT_FALSE(has_input(client.get()));
  ASSERT_EQ(send(server.get(), "x", 1, MSG_NOSIGNAL), 1);
  EXPECT_TRUE(has_input(client.get()));
  const int closed = dup(client.get());
  close(closed);
  EXPECT_TRUE(has_input(closed)) << "the call behind it tells what is wrong";
}

TEST(Socket, FlagsAreSetOnceAndKept) {
  const Fd fd(socket(AF_INET, SOCK_STREAM, 0));
  for (int i = 0; i < 2; i++) {
    EXPECT_TRUE(make_nonblocking(fd.get()));
    EXPECT_TRUE(is_nonblocking(fd.get()));
    EXPECT_TRUE(make_close_on_exec(fd.get()));
    EXPECT_TRUE(is_close_on_exec(fd.get()));
  }
  errno = 0;
  EXPECT_FALSE(make_nonblocking(-1));
  EXPECT_EQ(errno, EBADF);
  EXPECT_FALSE(make_close_on_exec(-1));
}

TEST(Socket, OptionsOfListeners) {
  const Fd fd(socket(AF_INET, SOCK_STREAM, 0));
  EXPECT_TRUE(allow_address_reuse(fd.get()));
  EXPECT_EQ(option_of(fd.get(), SOL_SOCKET, SO_REUSEADDR), 1);
  EXPECT_TRUE(allow_port_sharing(fd.get()));
  EXPECT_EQ(option_of(fd.get(), SOL_SOCKET, SO_REUSEPORT), 1);
  EXPECT_TRUE(defer_accept(fd.get()));
  EXPECT_GT(option_of(fd.get(), IPPROTO_TCP, TCP_DEFER_ACCEPT), 0);
  EXPECT_FALSE(set_ipv6_only(fd.get(), true));
  EXPECT_FALSE(allow_address_reuse(-1));
}

class SocketPair : public testing::TestWithParam<int> {};

TEST_P(SocketPair, IsConnectedBothWays) {
  int ends[2] = {-1, -1};
  if (!make_socket_pair(GetParam(), SOCK_STREAM, 0, ends)) GTEST_SKIP() << strerror(errno);
  const Fd first(ends[0]);
  const Fd second(ends[1]);
  char got = 0;
  EXPECT_EQ(write(first.get(), "a", 1), 1);
  EXPECT_EQ(read(second.get(), &got, 1), 1);
  EXPECT_EQ(got, 'a');
  EXPECT_EQ(write(second.get(), "b", 1), 1);
  EXPECT_EQ(read(first.get(), &got, 1), 1);
  EXPECT_EQ(got, 'b');
  EXPECT_FALSE(is_nonblocking(first.get()) || is_nonblocking(second.get()));
}

TEST_P(SocketPair, TakesFlags) {
  int ends[2] = {-1, -1};
  if (!make_socket_pair(GetParam(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends)) {
    GTEST_SKIP() << strerror(errno);
  }
  for (const int end : ends) {
    const Fd fd(end);
    EXPECT_TRUE(is_nonblocking(fd.get()));
    EXPECT_TRUE(is_close_on_exec(fd.get()));
  }
}

INSTANTIATE_TEST_SUITE_P(Families, SocketPair, testing::Values(AF_UNIX, AF_INET, AF_INET6));

TEST(SocketPair, RefusesWhatCannotBePaired) {
  int ends[2] = {-7, -7};
  EXPECT_FALSE(make_socket_pair(AF_INET, SOCK_DGRAM, 0, ends));
  EXPECT_EQ(errno, EOPNOTSUPP);
  EXPECT_FALSE(make_socket_pair(AF_INET, SOCK_STREAM, IPPROTO_UDP, ends));
  EXPECT_EQ(errno, EPROTONOSUPPORT);
  EXPECT_FALSE(make_socket_pair(12345, SOCK_STREAM, 0, ends));
  EXPECT_EQ(errno, EAFNOSUPPORT);
  EXPECT_FALSE(make_socket_pair(AF_INET, SOCK_STREAM, 0, nullptr));
  EXPECT_EQ(errno, EFAULT);
  EXPECT_FALSE(make_socket_pair(AF_UNIX, SOCK_STREAM, 0, nullptr));
  EXPECT_EQ(ends[0], -7);
  EXPECT_EQ(ends[1], -7);
}

}  // namespace
}  // namespace ev

#include "net/listener.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "net/socket.h"
#include "net/support.h"
#include "sys/log.h"

namespace ev {
namespace {

using std::chrono::milliseconds;

struct FreeListener {
  void operator()(evconnlistener* listener) const { listener->discard(); }
};
using OwnedListener = std::unique_ptr<evconnlistener, FreeListener>;

SocketAddress any_port() {
  SocketAddress address;
  parse_address("127.0.0.1", address);
  return address;
}

SocketAddress address_of(int fd) {
  SocketAddress address;
  address.length = sizeof address.storage;
  getsockname(fd, address.get(), &address.length);
  return address;
}

class ListenerTest : public test::LoopTest {
 protected:
  evconnlistener* make(unsigned flags = 0, evconnlistener_cb callback = &on_accept) {
    const SocketAddress address = any_port();
    return evconnlistener::make_bound(loop_, callback, this, flags | LEV_OPT_CLOSE_ON_FREE, 300,
                                      address.get(), static_cast<int>(address.length));
  }
  void listen(unsigned flags = 0, evconnlistener_cb callback = &on_accept) {
    listener_.reset(make(flags, callback));
    ASSERT_TRUE(listener_);
  }
  int connect(int count = 1) {
    const SocketAddress address = address_of(listener_->fd());
    for (int i = 0; i < count; i++) clients_.push_back(test::client_of(address));
    return count;
  }
  bool accepts(std::size_t count) {
    return run_until([&] { return accepted_.size() >= count; });
  }

  static void on_accept(evconnlistener* listener, int fd, sockaddr* peer, int length, void* self) {
    auto& test = *static_cast<ListenerTest*>(self);
    EXPECT_EQ(listener, test.listener_.get());
    test.accepted_.push_back(Fd(fd));
    std::memcpy(&test.peer_.storage, peer, static_cast<std::size_t>(length));
    test.peer_.length = static_cast<socklen_t>(length);
    if (test.in_callback_) test.in_callback_();
  }
  static void on_error(evconnlistener*, void* self) {
    auto& test = *static_cast<ListenerTest*>(self);
    test.errors_.push_back(errno);
    if (test.in_error_callback_) test.in_error_callback_();
  }

  OwnedListener listener_;
  std::vector<Fd> clients_;
  std::vector<Fd> accepted_;
  std::vector<int> errors_;
  SocketAddress peer_;
  std::function<void()> in_callback_;
  std::function<void()> in_error_callback_;
};

TEST_F(ListenerTest, HandsOutConnectionsInTheirOrder) {
  listen();
  connect(3);
  ASSERT_TRUE(accepts(3));
  for (std::size_t i = 0; i < 3; i++) {
    const char name = static_cast<char>('a' + i);
    char got = 0;
    ASSERT_EQ(write(clients_[i].get(), &name, 1), 1);
    ASSERT_EQ(recv(accepted_[i].get(), &got, 1, 0), 1);
    EXPECT_EQ(got, name);
  }
  const SocketAddress last = address_of(clients_[2].get());
  EXPECT_EQ(compare_addresses(*peer_.get(), *last.get(), true), 0);
  EXPECT_EQ(listener_->base(), loop_);
}

TEST_F(ListenerTest, FlagsDecideAboutTheNewSocket) {
  for (const unsigned flags : {0u, LEV_OPT_LEAVE_SOCKETS_BLOCKING, LEV_OPT_CLOSE_ON_EXEC,
                               LEV_OPT_LEAVE_SOCKETS_BLOCKING | LEV_OPT_CLOSE_ON_EXEC}) {
    accepted_.clear();
    listen(flags);
    connect();
    ASSERT_TRUE(accepts(1));
    const int fd = accepted_[0].get();
    const bool blocking = (flags & LEV_OPT_LEAVE_SOCKETS_BLOCKING) != 0;
    const bool close_on_exec = (flags & LEV_OPT_CLOSE_ON_EXEC) != 0;
    EXPECT_EQ((fcntl(fd, F_GETFL) & O_NONBLOCK) == 0, blocking) << flags;
    EXPECT_EQ((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0, close_on_exec) << flags;
    EXPECT_EQ((fcntl(listener_->fd(), F_GETFD) & FD_CLOEXEC) != 0, close_on_exec) << flags;
    EXPECT_NE(fcntl(listener_->fd(), F_GETFL) & O_NONBLOCK, 0);
  }
}

TEST_F(ListenerTest, ClosesOnlyWhatItWasGiven) {
  test::Endpoint endpoint = test::listening();
  const int fd = endpoint.fd.get();
  evconnlistener::make(loop_, &on_accept, this, 0, 0, fd)->discard();
  EXPECT_NE(fcntl(fd, F_GETFD), -1);
  evconnlistener::make(loop_, &on_accept, this, LEV_OPT_CLOSE_ON_FREE, 0, endpoint.fd.take())
      ->discard();
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

TEST_F(ListenerTest, TwoShareAPortWhenBothSaySo) {
  listen(LEV_OPT_REUSEABLE_PORT);
  SocketAddress same = address_of(listener_->fd());
  const int length = static_cast<int>(same.length);
  errno = 0;
  EXPECT_EQ(evconnlistener::make_bound(loop_, &on_accept, this, 0, -1, same.get(), length),
            nullptr);
  EXPECT_EQ(errno, EADDRINUSE);
  const OwnedListener second(evconnlistener::make_bound(
      loop_, &on_accept, this, LEV_OPT_REUSEABLE_PORT | LEV_OPT_CLOSE_ON_FREE, -1, same.get(),
      length));
  EXPECT_TRUE(second);
}

TEST_F(ListenerTest, IPv6AloneOrWithIPv4) {
  SocketAddress address;
  parse_address("::", address);
  const int length = static_cast<int>(address.length);
  for (const bool only : {true, false}) {
    const unsigned flag = only ? LEV_OPT_BIND_IPV6ONLY : LEV_OPT_BIND_IPV4_AND_IPV6;
    const OwnedListener listener(evconnlistener::make_bound(
        loop_, &on_accept, this, flag | LEV_OPT_CLOSE_ON_FREE, -1, address.get(), length));
    if (!listener) GTEST_SKIP() << strerror(errno);
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(listener->fd(), IPPROTO_IPV6, IPV6_V6ONLY, &value, &size);
    EXPECT_EQ(value, only ? 1 : 0);
  }
  EXPECT_EQ(make(LEV_OPT_BIND_IPV6ONLY), nullptr);  // an IPv4 socket
}

TEST_F(ListenerTest, RefusesNonsense) {
  const SocketAddress address = any_port();
  const auto make_bound = [&](event_base* loop, int backlog, const sockaddr* where, int length) {
    return evconnlistener::make_bound(loop, &on_accept, this, 0, backlog, where, length);
  };
  const std::size_t before = test::open_descriptors();
  const int length = static_cast<int>(address.length);
  EXPECT_EQ(make_bound(nullptr, -1, address.get(), length), nullptr);
  EXPECT_EQ(make_bound(loop_, 0, address.get(), length), nullptr);
  EXPECT_EQ(make_bound(loop_, -1, nullptr, 0), nullptr);
  for (const int bad : {0, -1, 1, INT_MIN, INT_MAX}) {
    EXPECT_EQ(make_bound(loop_, -1, address.get(), bad), nullptr) << bad;
  }
  sockaddr unknown{};
  unknown.sa_family = 12345;
  EXPECT_EQ(make_bound(loop_, -1, &unknown, sizeof unknown), nullptr);
  EXPECT_EQ(evconnlistener::make(nullptr, &on_accept, this, 0, 0, 0), nullptr);
  for (const int backlog : {0, -1, 5}) {
    errno = 0;
    EXPECT_EQ(evconnlistener::make(loop_, &on_accept, this, 0, backlog, -1), nullptr);
    EXPECT_EQ(errno, EBADF);
  }
  EXPECT_EQ(test::open_descriptors(), before);
}

TEST_F(ListenerTest, FailureLeavesTheDescriptorToTheCaller) {
  const Fd datagram(socket(AF_INET, SOCK_DGRAM, 0));
  EXPECT_EQ(evconnlistener::make(loop_, &on_accept, this, LEV_OPT_CLOSE_ON_FREE, 5, datagram.get()),
            nullptr);
  EXPECT_NE(fcntl(datagram.get(), F_GETFD), -1);
}

TEST_F(ListenerTest, EveryBacklogButZeroListens) {
  for (const int backlog : {1, -1, -2, INT_MIN, INT_MAX, 0}) {
    test::Endpoint endpoint = test::refusing();
    const OwnedListener listener(
        evconnlistener::make(loop_, &on_accept, this, 0, backlog, endpoint.fd.get()));
    ASSERT_TRUE(listener);
    int listens = -1;
    socklen_t size = sizeof listens;
    getsockopt(endpoint.fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &size);
    EXPECT_EQ(listens, backlog != 0) << backlog;
  }
}

TEST_F(ListenerTest, DisabledConnectionsWaitInTheBacklog) {
  listen(LEV_OPT_DISABLED);
  connect(2);
  run_for(milliseconds(10));
  EXPECT_TRUE(accepted_.empty());
  EXPECT_EQ(event_base_get_num_events(loop_, EVENT_BASE_COUNT_ADDED), 0);
  EXPECT_TRUE(listener_->enable());
  EXPECT_TRUE(listener_->enable());
  ASSERT_TRUE(accepts(2));
  listener_->disable();
  listener_->disable();
  connect();
  run_for(milliseconds(10));
  EXPECT_EQ(accepted_.size(), 2u);
}

TEST_F(ListenerTest, WithoutACallbackIsDisabled) {
  listen(0, nullptr);
  connect();
  run_for(milliseconds(10));
  EXPECT_EQ(event_base_get_num_events(loop_, EVENT_BASE_COUNT_ADDED), 0);
  listener_->set_callback(&on_accept, this);
  ASSERT_TRUE(accepts(1));
  listener_->set_callback(nullptr, nullptr);
  connect();
  run_for(milliseconds(10));
  EXPECT_EQ(accepted_.size(), 1u);
  listener_->set_callback(&on_accept, this);
  ASSERT_TRUE(accepts(2));
}

TEST_F(ListenerTest, ACallbackDoesNotEnable) {
  listen(LEV_OPT_DISABLED, nullptr);
  listener_->set_callback(&on_accept, this);
  connect();
  run_for(milliseconds(10));
  EXPECT_TRUE(accepted_.empty());
  EXPECT_TRUE(listener_->enable());
  EXPECT_TRUE(accepts(1));
}

TEST_F(ListenerTest, IsDisabledInItsCallback) {
  listen();
  connect(3);
  in_callback_ = [this] { listener_->disable(); };
  run_for(milliseconds(10));
  EXPECT_EQ(accepted_.size(), 1u);
  in_callback_ = [this] { listener_->set_callback(nullptr, nullptr); };
  EXPECT_TRUE(listener_->enable());
  run_for(milliseconds(10));
  EXPECT_EQ(accepted_.size(), 2u);
  in_callback_ = nullptr;
  listener_->set_callback(&on_accept, this);
  EXPECT_TRUE(accepts(3));
}

TEST_F(ListenerTest, IsFreedInItsCallback) {
  listen();
  const int fd = listener_->fd();
  connect(3);
  in_callback_ = [this] { listener_.reset(); };
  event_base_dispatch(loop_);
  EXPECT_EQ(accepted_.size(), 1u);
  EXPECT_EQ(fcntl(fd, F_GETFD), -1);
}

TEST_F(ListenerTest, IsFreedAfterTheLoop) {
  listen();
  free_loop();
  listener_.reset();
}

TEST_F(ListenerTest, IsFreedAfterTheLoopWhileDisabled) {
  listen(LEV_OPT_DISABLED);
  free_loop();
  listener_.reset();
}

void count(int, short, void* turns) { ++*static_cast<int*>(turns); }

// A flood of connections leaves time for others.
TEST_F(ListenerTest, AcceptsSomePerTurn) {
  listen();
  connect(150);
  int turns = 0;
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const Fd readable(ends[0]);
  const Fd writable(ends[1]);
  ASSERT_EQ(write(writable.get(), "x", 1), 1);
  event* other = event_new(loop_, readable.get(), EV_READ | EV_PERSIST, count, &turns);
  event_add(other, nullptr);
  std::size_t most = 0;
  while (accepted_.size() < 150) {
    const std::size_t before = accepted_.size();
    event_base_loop(loop_, EVLOOP_ONCE);
    most = std::max(most, accepted_.size() - before);
  }
  EXPECT_GE(most, 16u);
  EXPECT_LE(most, 64u);
  EXPECT_GE(turns, 3);
  event_free(other);
}

// Lets no more descriptors be opened while it lives.
class NoDescriptors {
 public:
  NoDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    rlimit now = before_;
    const Fd next(dup(0));
    now.rlim_cur = static_cast<rlim_t>(next.get());
    setrlimit(RLIMIT_NOFILE, &now);
  }
  ~NoDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_;
};

TEST_F(ListenerTest, BacksOffWithoutDescriptors) {
  listen();
  listener_->set_error_callback(&on_error);
  connect();
  {
    const NoDescriptors limit;
    const TimePoint begin = monotonic_now();
    ASSERT_TRUE(run_until([this] { return errors_.size() >= 3; }));
    EXPECT_GE(monotonic_now() - begin, milliseconds(10 + 20));
    run_for(milliseconds(5));
    EXPECT_EQ(errors_, std::vector<int>(3, EMFILE));
  }
  ASSERT_TRUE(accepts(1));
  errors_.clear();
  connect();
  const NoDescriptors limit;  // after a success it begins with a short pause again
  const TimePoint begin = monotonic_now();
  ASSERT_TRUE(run_until([this] { return errors_.size() >= 2; }));
  EXPECT_LT(monotonic_now() - begin, milliseconds(10 + 20 + 40));
}

TEST_F(ListenerTest, BackingOffEndsWhenDisabledOrEnabled) {
  listen();
  listener_->set_error_callback(&on_error);
  connect();
  {
    const NoDescriptors limit;
    ASSERT_TRUE(run_until([this] { return errors_.size() >= 4; }));
    listener_->disable();
    EXPECT_EQ(event_base_get_num_events(loop_, EVENT_BASE_COUNT_ADDED), 0);
    EXPECT_TRUE(listener_->enable());
    ASSERT_TRUE(run_until([this] { return errors_.size() >= 5; }));
    EXPECT_TRUE(listener_->enable());  // now, not after the pause
  }
  event_base_loop(loop_, EVLOOP_ONCE);
  EXPECT_EQ(accepted_.size(), 1u);
}

TEST_F(ListenerTest, ErrorCallbackMayDisableOrFree) {
  listen();
  listener_->set_error_callback(&on_error);
  connect();
  const NoDescriptors limit;
  in_error_callback_ = [this] { listener_->disable(); };
  event_base_dispatch(loop_);
  EXPECT_EQ(errors_.size(), 1u);
  in_error_callback_ = [this] { listener_.reset(); };
  EXPECT_TRUE(listener_->enable());
  event_base_dispatch(loop_);
  EXPECT_EQ(errors_.size(), 2u);
}

int logged = 0;
void count_log(int, const char*) { logged++; }

TEST_F(ListenerTest, WithoutErrorCallbackLogsOncePerPause) {
  listen();
  connect();
  logged = 0;
  set_log_callback(&count_log);
  {
    const NoDescriptors limit;
    run_for(milliseconds(50));
  }
  set_log_callback(nullptr);
  EXPECT_GE(logged, 2);
  EXPECT_LE(logged, 4);
  EXPECT_TRUE(accepts(1));
}

TEST_F(ListenerTest, ABrokenSocketIsAnErrorToo) {
  listen();
  listener_->set_error_callback(&on_error);
  shutdown(listener_->fd(), SHUT_RDWR);
  ASSERT_TRUE(run_until([this] { return errors_.size() >= 2; }));
  EXPECT_EQ(errors_[0], EINVAL);
}

TEST_F(ListenerTest, PeersMayHaveTheLongestUnixPath) {
  char directory[] = "/tmp/bevelXXXXXX";
  ASSERT_NE(mkdtemp(directory), nullptr);
  const auto full_path = [&](char last) {
    SocketAddress address;
    auto& local = reinterpret_cast<sockaddr_un&>(address.storage);
    local.sun_family = AF_UNIX;
    std::string path = std::string(directory) + "/";
    path.append(sizeof local.sun_path - path.size(), last);
    std::memcpy(local.sun_path, path.data(), path.size());
    address.length = sizeof local;
    return address;
  };
  const SocketAddress server = full_path('s');
  const SocketAddress client = full_path('c');
  listener_.reset(evconnlistener::make_bound(loop_, &on_accept, this, LEV_OPT_CLOSE_ON_FREE, -1,
                                             server.get(), static_cast<int>(server.length)));
  ASSERT_TRUE(listener_);
  const Fd fd(socket(AF_UNIX, SOCK_STREAM, 0));
  ASSERT_EQ(bind(fd.get(), client.get(), client.length), 0);
  ASSERT_EQ(::connect(fd.get(), server.get(), server.length), 0);
  ASSERT_TRUE(accepts(1));
  EXPECT_GE(peer_.length, client.length);
  EXPECT_EQ(std::memcmp(&peer_.storage, &client.storage, client.length), 0);
  for (const SocketAddress& address : {server, client}) {
    std::string path(reinterpret_cast<const sockaddr_un&>(address.storage).sun_path, 108);
    unlink(path.c_str());
  }
  rmdir(directory);
}

TEST_F(ListenerTest, AcceptingAllocatesNothing) {
  listen();
  connect();
  ASSERT_TRUE(accepts(1));
  accepted_.reserve(10);
  connect(5);
  const test::Memory memory(0);
  while (accepted_.size() < 6) event_base_loop(loop_, EVLOOP_NONBLOCK);
  EXPECT_FALSE(memory.ran_out());
}

TEST_F(ListenerTest, SurvivesEveryFailingAllocation) {
  { const OwnedListener warm_up(make()); }
  const std::size_t before = test::open_descriptors();
  for (long left = 0;; left++) {
    test::Memory memory(left);
    evconnlistener* listener = nullptr;
    bool threw = false;
    try {
      listener = make(LEV_OPT_THREADSAFE);
    } catch (const std::bad_alloc&) {
      threw = true;
    }
    EXPECT_EQ(threw, memory.ran_out());
    EXPECT_EQ(listener != nullptr, !threw);
    if (listener != nullptr) listener->discard();
    EXPECT_EQ(memory.outstanding(), 0) << left;
    EXPECT_EQ(test::open_descriptors(), before) << left;
    if (!threw) break;
    ASSERT_LT(left, 100);
  }
}

}  // namespace
}  // namespace ev

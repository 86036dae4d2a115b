// A stream that gets another descriptor, or connects again: what belonged to the old connection is
// forgotten.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "net/resolver.h"
#include "stream/support.h"

namespace test {
namespace {

struct Sockets {
  int ours = -1;
  int others = -1;

  Sockets() {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ours = fds[0];
    others = fds[1];
  }
};

// Somewhere to connect to, on a port of the kernel's choice.
class Listener {
 public:
  explicit Listener(int backlog = 16) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    EXPECT_EQ(bind(fd_, name(), length), 0);
    EXPECT_EQ(listen(fd_, backlog), 0);
    getsockname(fd_, name(), &length);
  }
  ~Listener() {
    for (const int fd : waiting_) close(fd);
    close(fd_);
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  sockaddr* name() { return reinterpret_cast<sockaddr*>(&address_); }
  int port() const { return ntohs(address_.sin_port); }
  // From now on nobody gets an answer: the kernel's queue is full.
  void fill() {
    for (int& fd : waiting_) {
      fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      connect(fd, name(), sizeof address_);
    }
  }
  int accept() { return ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK); }

 private:
  int fd_;
  sockaddr_in address_{};
  int waiting_[8] = {-1, -1, -1, -1, -1, -1, -1, -1};
};

class Reuse : public LoopTest {
 protected:
  ~Reuse() override {
    end_.free();
    settle();
  }
  void make(int fd) { end_.take(bufferevent_socket_new(loop_, fd, BEV_OPT_CLOSE_ON_FREE)); }
  static std::string read_from(int fd) {
    char bytes[100];
    const ssize_t size = read(fd, bytes, sizeof bytes);
    return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : "";
  }
  // Both directions work.
  void expect_talk_with(int other) {
    end_.got.clear();
    end_.write("out");
    EXPECT_EQ(write(other, "in", 2), 2);
    std::string out;
    ASSERT_TRUE(run_until([&] {
      out += read_from(other);
      return end_.got == "in" && out == "out";
    }));
  }

  End end_;
};

TEST_F(Reuse, TakesADescriptorWhileANameIsLookedUp) {
  make(-1);
  ASSERT_EQ(bufferevent_socket_connect_hostname(end_.bev, nullptr, AF_INET, "localhost", 9), 0);
  const Sockets sockets;
  ASSERT_EQ(bufferevent_setfd(end_.bev, sockets.ours), 0);
  expect_talk_with(sockets.others);
  EXPECT_EQ(end_.events, 0);
  close(sockets.others);
  ev::join_resolver_workers();
}

// Which would go on reading while there are tokens.
TEST_F(Reuse, LosesItsDescriptorInTheReadCallbackOfALimitedStream) {
  const Sockets sockets;
  make(sockets.ours);
  ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(1'000'000, 1'000'000, 1000, 1000, nullptr);
  ASSERT_EQ(bufferevent_set_rate_limit(end_.bev, cfg), 0);
  const std::string bytes = pattern(50'000);
  ASSERT_EQ(write(sockets.others, bytes.data(), bytes.size()), 50'000);
  end_.on_read = [&] { EXPECT_EQ(bufferevent_replacefd(end_.bev, -1), 0); };
  ASSERT_TRUE(run_until([&] { return end_.reads > 0; }));
  settle();
  EXPECT_EQ(end_.reads, 1);
  EXPECT_EQ(end_.events, 0);
  end_.free();
  ev_token_bucket_cfg_free(cfg);
  close(sockets.others);
}

TEST_F(Reuse, TakesADescriptorWhileItConnects) {
  Listener deaf(0);
  deaf.fill();
  make(-1);
  ASSERT_EQ(bufferevent_socket_connect(end_.bev, deaf.name(), sizeof(sockaddr_in)), 0);
  turn();
  const Sockets sockets;
  ASSERT_EQ(bufferevent_replacefd(end_.bev, sockets.ours), 0);
  expect_talk_with(sockets.others);
  EXPECT_EQ(end_.events, 0);
  close(sockets.others);
}

TEST_F(Reuse, ConnectsAfterAnAttemptThatTookTooLong) {
  Listener deaf(0), good;
  deaf.fill();
  make(-1);
  constexpr timeval soon{0, 20'000};
  bufferevent_set_timeouts(end_.bev, nullptr, &soon);
  ASSERT_EQ(
      bufferevent_socket_connect_hostname(end_.bev, nullptr, AF_INET, "127.0.0.1", deaf.port()), 0);
  ASSERT_TRUE(run_until([&] { return end_.events > 0; }));
  EXPECT_EQ(end_.what, BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING);
  bufferevent_set_timeouts(end_.bev, nullptr, nullptr);
  bufferevent_enable(end_.bev, EV_READ | EV_WRITE);
  ASSERT_EQ(bufferevent_socket_connect(end_.bev, good.name(), sizeof(sockaddr_in)), 0);
  int accepted = -1;
  ASSERT_TRUE(run_until([&] { return accepted >= 0 || (accepted = good.accept()) >= 0; }));
  expect_talk_with(accepted);
  close(accepted);
}

TEST_F(Reuse, WaitsForTheEndOfTheNewPeer) {
  const Sockets first, second;
  make(first.ours);
  close(first.others);
  ASSERT_TRUE(run_until([&] { return end_.events > 0; }));
  ASSERT_EQ(bufferevent_replacefd(end_.bev, second.ours), 0);
  int calls = 0;
  const auto count = [](bufferevent*, bevel_shutdown_outcome outcome, void* arg) {
    EXPECT_EQ(outcome, BEVEL_SHUTDOWN_CLEAN);
    ++*static_cast<int*>(arg);
  };
  ASSERT_EQ(bevel_shutdown(end_.bev, EV_READ | EV_WRITE, nullptr, count, &calls), 0);
  settle();
  EXPECT_EQ(calls, 0);
  close(second.others);
  ASSERT_TRUE(run_until([&] { return calls == 1; }));
}

TEST_F(Reuse, CannotBeShutDownWithoutADescriptor) {
  make(-1);
  end_.write("where to?");
  int calls = 0;
  const auto count = [](bufferevent*, bevel_shutdown_outcome outcome, void* arg) {
    EXPECT_EQ(outcome, BEVEL_SHUTDOWN_ERROR);
    ++*static_cast<int*>(arg);
  };
  ASSERT_EQ(bevel_shutdown(end_.bev, EV_READ | EV_WRITE, nullptr, count, &calls), 0);
  ASSERT_TRUE(run_until([&] { return calls == 1; }));
}

TEST_F(Reuse, RefusesASecondAttemptWhileOneIsRunning) {
  Listener deaf(0);
  deaf.fill();
  make(-1);
  ASSERT_EQ(bufferevent_socket_connect(end_.bev, deaf.name(), sizeof(sockaddr_in)), 0);
  EXPECT_EQ(bufferevent_socket_connect(end_.bev, deaf.name(), sizeof(sockaddr_in)), -1);
  EXPECT_EQ(errno, EALREADY);
  EXPECT_EQ(bufferevent_socket_connect_hostname(end_.bev, nullptr, AF_INET, "localhost", 9), -1);
  EXPECT_EQ(errno, EALREADY);
}

TEST_F(Reuse, TakesItsOutputToAnotherLoop) {
  const Sockets sockets;
  event_base* other = event_base_new();
  make(sockets.ours);
  bufferevent_disable(end_.bev, EV_READ);
  end_.write("not lost");
  ASSERT_EQ(bufferevent_base_set(other, end_.bev), 0);
  settle();
  EXPECT_EQ(read_from(sockets.others), "");
  for (int i = 0; i < 10; i++) event_base_loop(other, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  EXPECT_EQ(read_from(sockets.others), "not lost");
  end_.free();
  event_base_loop(other, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  event_base_free(other);
  close(sockets.others);
}

TEST_F(Reuse, PairsAndFiltersStayOnTheirLoop) {
  event_base* other = event_base_new();
  bufferevent* pair[2];
  ASSERT_EQ(bufferevent_pair_new(loop_, 0, pair), 0);
  bufferevent* filter = bufferevent_filter_new(pair[0], nullptr, nullptr, 0, nullptr, nullptr);
  for (bufferevent* bev : {pair[1], filter}) {
    errno = 0;
    EXPECT_EQ(bufferevent_base_set(other, bev), -1);
    EXPECT_EQ(errno, EINVAL);
    EXPECT_EQ(bufferevent_get_base(bev), loop_);
  }
  bufferevent_free(filter);
  for (bufferevent* end : pair) bufferevent_free(end);
  event_base_free(other);
}

TEST_F(Reuse, StaysOnItsLoopWhileItIsShutDown) {
  const Sockets sockets;
  make(sockets.ours);
  event_base* other = event_base_new();
  settle();
  bufferevent_disable(end_.bev, EV_READ | EV_WRITE);
  ASSERT_EQ(bevel_shutdown(end_.bev, EV_READ | EV_WRITE, nullptr, nullptr, nullptr), 0);
  settle();
  bufferevent_disable(end_.bev, EV_READ | EV_WRITE);
  EXPECT_EQ(bufferevent_base_set(other, end_.bev), -1);
  EXPECT_EQ(errno, EBUSY);
  EXPECT_EQ(bufferevent_get_base(end_.bev), loop_);
  close(sockets.others);
  end_.free();
  settle();
  event_base_free(other);
}

}  // namespace
}  // namespace test

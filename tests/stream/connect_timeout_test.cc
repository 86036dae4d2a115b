// The time that a stack waits for its connection.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stream/support.h"

namespace test {
namespace {

// A listener whose queue is full: whoever connects waits.
class SilentPeer {
 public:
  SilentPeer() : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address_;
    EXPECT_EQ(::bind(listener_, name(), length), 0);
    EXPECT_EQ(::listen(listener_, 0), 0);
    EXPECT_EQ(::getsockname(listener_, name(), &length), 0);
    while (fill()) {
    }
  }
  ~SilentPeer() {
    for (const int fd : fds_) ::close(fd);
    ::close(listener_);
  }
  SilentPeer(const SilentPeer&) = delete;
  SilentPeer& operator=(const SilentPeer&) = delete;

  sockaddr* name() { return reinterpret_cast<sockaddr*>(&address_); }
  int port() const { return ntohs(address_.sin_port); }
  // Those who wait now; others who tried in vain may come back before them.
  void answer() {
    for (int fd; (fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0;)
      fds_.push_back(fd);
  }

 private:
  // False: the queue is full.
  bool fill() {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    fds_.push_back(fd);
    ::connect(fd, name(), sizeof address_);
    pollfd waits{fd, POLLOUT, 0};
    return ::poll(&waits, 1, 20) == 1 && fds_.size() < 100;
  }

  int listener_;
  sockaddr_in address_{};
  std::vector<int> fds_;
};

// a_ is the top of a stack on a socket that is not there yet; the parameter is its height.
class ConnectTimeouts : public ConversationTest, public testing::WithParamInterface<int> {
 protected:
  void SetUp() override {
    bufferevent* bev = bufferevent_socket_new(loop_, -1, BEV_OPT_CLOSE_ON_FREE);
    for (int i = 0; i < GetParam(); i++) {
      bev = bufferevent_filter_new(bev, nullptr, nullptr, BEV_OPT_CLOSE_ON_FREE, nullptr, nullptr);
    }
    a_.take(bev);
  }

  bool is_answered() {
    return run_until([&] {
      peer_.answer();
      return (a_.what & BEV_EVENT_CONNECTED) != 0;
    });
  }

  static constexpr short timed_out = BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING;
  static constexpr timeval soon{0, 20'000};
  SilentPeer peer_;
};

INSTANTIATE_TEST_SUITE_P(Height, ConnectTimeouts, testing::Values(0, 1, 3));

TEST_P(ConnectTimeouts, AreToldAtTheTopEachTimeTheyPass) {
  bufferevent_set_timeouts(a_.bev, nullptr, &soon);
  ASSERT_EQ(bufferevent_socket_connect(a_.bev, peer_.name(), sizeof(sockaddr_in)), 0);
  ASSERT_TRUE(run_until([&] { return a_.events >= 3; }));
  EXPECT_EQ(a_.what, timed_out);
  EXPECT_EQ(bufferevent_get_enabled(a_.bev) & EV_WRITE, 0);
  bufferevent_set_timeouts(a_.bev, nullptr, nullptr);
  const int before = a_.events;
  run_for(60);
  EXPECT_EQ(a_.events, before);
  ASSERT_TRUE(is_answered());
}

TEST_P(ConnectTimeouts, MayBeSetAfterwardsAndArePutOffByNoWrite) {
  ASSERT_EQ(bufferevent_socket_connect(a_.bev, peer_.name(), sizeof(sockaddr_in)), 0);
  bufferevent_set_timeouts(a_.bev, nullptr, &soon);
  ASSERT_TRUE(run_until([&] {
    a_.write("early");
    return a_.events > 0;
  }));
  EXPECT_EQ(a_.what, timed_out);
}

TEST_P(ConnectTimeouts, EndWithTheConnection) {
  peer_.answer();
  constexpr timeval later{0, 300'000};
  bufferevent_set_timeouts(a_.bev, nullptr, &later);
  ASSERT_EQ(bufferevent_socket_connect(a_.bev, peer_.name(), sizeof(sockaddr_in)), 0);
  ASSERT_TRUE(is_answered());
  const int before = a_.events;
  run_for(400);
  EXPECT_EQ(a_.events, before) << "nothing waits to be written";
}

TEST_P(ConnectTimeouts, EndTheTryingOfAddresses) {
  bufferevent_set_timeouts(a_.bev, nullptr, &soon);
  ASSERT_EQ(
      bufferevent_socket_connect_hostname(a_.bev, nullptr, AF_INET, "127.0.0.1", peer_.port()), 0);
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.what, timed_out);
  EXPECT_EQ(bufferevent_getfd(a_.bev), -1);
  run_for(60);
  EXPECT_EQ(a_.events, 1);
}

}  // namespace
}  // namespace test

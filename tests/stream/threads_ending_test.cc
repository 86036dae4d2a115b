// Streams that are safe for threads and end, or connect again, while their loop is on its way into
// one of their callbacks. Meant for the sanitizers.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "stream/support.h"
#include "support/loop_thread.h"

namespace test {
namespace {

constexpr int options = BEV_OPT_THREADSAFE | BEV_OPT_CLOSE_ON_FREE;
constexpr const char* localhost = "127.0.0.1";
constexpr timeval at_once{};

class ThreadsEnding : public testing::Test {
 protected:
  void SetUp() override { use_threads(); }
};

// A port of the kernel's choice that takes connections.
class Port {
 public:
  Port() : fd_(socket(AF_INET, SOCK_STREAM, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* name = reinterpret_cast<sockaddr*>(&address_);
    EXPECT_EQ(bind(fd_, name, size), 0);
    EXPECT_EQ(listen(fd_, 64), 0);
    getsockname(fd_, name, &size);
  }
  ~Port() { close(fd_); }
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  int number() const { return ntohs(address_.sin_port); }
  sockaddr* name() { return reinterpret_cast<sockaddr*>(&address_); }

 private:
  int fd_;
  sockaddr_in address_{};
};

int port_of_peer(bufferevent* bev) {
  sockaddr_in peer{};
  socklen_t size = sizeof peer;
  if (getpeername(bufferevent_getfd(bev), reinterpret_cast<sockaddr*>(&peer), &size) != 0)
    return -1;
  return ntohs(peer.sin_port);
}

// Time for the loop's thread to get somewhere; how far differs from round to round.
void linger(int round) {
  for (std::atomic<int> i = 0; i < round % 3000; i++) {
  }
}

TEST_F(ThreadsEnding, FreedWhileANameIsLookedUp) {
  const Port port;
  LoopThread thread;
  for (int round = 0; round < 5000; round++) {
    bufferevent* bev = bufferevent_socket_new(thread.loop(), -1, options);
    ASSERT_EQ(bufferevent_socket_connect_hostname(bev, nullptr, AF_INET, localhost, port.number()),
              0);
    linger(round);
    bufferevent_free(bev);
  }
}

// The first answer may be on its way already when the program asks for another host.
TEST_F(ThreadsEnding, ConnectToTheHostThatWasAskedForLast) {
  for (int round = 0; round < 300; round++) {
    const Port first, second;
    LoopThread thread;
    std::atomic<int> events = 0;
    bufferevent* bev = bufferevent_socket_new(thread.loop(), -1, options);
    bufferevent_setcb(
        bev, nullptr, nullptr,
        [](bufferevent*, short, void* count) { ++*static_cast<std::atomic<int>*>(count); },
        &events);
    bufferevent_lock(bev);
    bufferevent_socket_connect_hostname(bev, nullptr, AF_INET, localhost, first.number());
    linger(round);
    bufferevent_setfd(bev, -1);
    bufferevent_socket_connect_hostname(bev, nullptr, AF_INET, localhost, second.number());
    bufferevent_unlock(bev);
    ASSERT_TRUE(happens([&] { return events > 0; }));
    ASSERT_EQ(port_of_peer(bev), second.number()) << round;
    bufferevent_free(bev);
  }
}

TEST_F(ThreadsEnding, FreedWhileTheLoopIsStartedAgainAndAgain) {
  event_base* loop = event_base_new();
  std::atomic<bool> is_over = false;
  std::thread runner([&] {
    while (!is_over) event_base_loop(loop, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  });
  for (int round = 0; round < 3000; round++) {
    bufferevent* pair[2];
    ASSERT_EQ(bufferevent_pair_new(loop, options, pair), 0);
    bufferevent_setcb(
        pair[1], [](bufferevent*, void*) {}, nullptr, nullptr, nullptr);
    bufferevent_enable(pair[1], EV_READ);
    bufferevent_write(pair[0], "bytes", 5);
    linger(round);
    for (bufferevent* end : pair) bufferevent_free(end);
  }
  is_over = true;
  runner.join();
  event_base_free(loop);
}

TEST_F(ThreadsEnding, LeftToTheLoopWhileTheyAreShutDown) {
  LoopThread thread;
  for (int round = 0; round < 5000; round++) {
    bufferevent* pair[2];
    ASSERT_EQ(bufferevent_pair_new(thread.loop(), options, pair), 0);
    bufferevent_enable(pair[1], EV_READ);
    bufferevent_write(pair[0], "bytes", 5);
    ASSERT_EQ(bevel_shutdown(pair[0], EV_WRITE, nullptr, nullptr, nullptr), 0);
    linger(round);
    bevel_free_when_flushed(pair[0]);
    bufferevent_free(pair[1]);
  }
}

TEST_F(ThreadsEnding, FreedWhileTheProgramIsToHearThatAllHasLeft) {
  LoopThread thread;
  for (int round = 0; round < 5000; round++) {
    bufferevent* pair[2];
    ASSERT_EQ(bufferevent_pair_new(thread.loop(), options, pair), 0);
    ASSERT_EQ(bevel_set_drain_cb(
                  pair[0], [](bufferevent*, void*) {}, nullptr),
              0);
    bufferevent_enable(pair[1], EV_READ);
    bufferevent_write(pair[0], "bytes", 5);
    linger(round);
    for (bufferevent* end : pair) bufferevent_free(end);
  }
}

// The loop has seen that the socket is connected, but comes to it only after something more urgent,
// in which the filter is freed.
TEST_F(ThreadsEnding, FreedFiltersDoNotHearThatTheSocketBelowIsConnected) {
  struct Scene {
    Port port;
    event_base* loop = event_base_new();
    bufferevent* filter = nullptr;
    event* urgent = nullptr;
    std::atomic<bool> is_busy = false;
    std::atomic<bool> may_go = false;
  } scene;
  event_base_priority_init(scene.loop, 2);
  bufferevent* socket = bufferevent_socket_new(scene.loop, -1, options);
  scene.filter = bufferevent_filter_new(socket, nullptr, nullptr, options, nullptr, nullptr);
  constexpr timeval long_time{3600, 0};
  bufferevent_set_timeouts(scene.filter, nullptr, &long_time);
  const auto begin = [](evutil_socket_t, short, void* arg) {
    Scene& begun = *static_cast<Scene*>(arg);
    bufferevent* below = bufferevent_get_underlying(begun.filter);
    EXPECT_EQ(bufferevent_socket_connect(below, begun.port.name(), sizeof(sockaddr_in)), 0);
    const std::string more_than_below(1'000'000, 'x');
    bufferevent_write(begun.filter, more_than_below.data(), more_than_below.size());
    event_add(begun.urgent, &at_once);  // the next poll sees both
  };
  const auto be_busy = [](evutil_socket_t, short, void* arg) {
    Scene& busy = *static_cast<Scene*>(arg);
    busy.is_busy = true;
    EXPECT_TRUE(happens([&] { return busy.may_go.load(); }));
  };
  scene.urgent = event_new(scene.loop, -1, 0, be_busy, &scene);
  event_priority_set(scene.urgent, 0);
  event_base_once(scene.loop, -1, EV_TIMEOUT, begin, &scene, &at_once);
  std::thread runner([&] { event_base_loop(scene.loop, EVLOOP_NO_EXIT_ON_EMPTY); });
  EXPECT_TRUE(happens([&] { return scene.is_busy.load(); }));
  bufferevent_free(scene.filter);
  scene.may_go = true;
  constexpr unsigned all = EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE;
  EXPECT_TRUE(happens([&] { return event_base_get_num_events(scene.loop, all) == 0; }));
  event_base_loopexit(scene.loop, &at_once);
  runner.join();
  event_free(scene.urgent);
  event_base_free(scene.loop);
}

// The turn that they wait for may have come while another thread holds the lock.
TEST_F(ThreadsEnding, MoveAllInTurnsThatManyThreadsAskFor) {
  constexpr std::size_t piece = 64, pieces = 10'000;
  LoopThread thread;
  bufferevent* pair[2];
  ASSERT_EQ(bufferevent_pair_new(thread.loop(), options, pair), 0);
  std::atomic<std::size_t> received = 0;
  const auto on_read = [](bufferevent* bev, void* sum) {
    char bytes[4096];
    while (const std::size_t size = bufferevent_read(bev, bytes, sizeof bytes)) {
      *static_cast<std::atomic<std::size_t>*>(sum) += size;
    }
  };
  for (bufferevent* end : pair) {
    bufferevent_setcb(end, on_read, nullptr, nullptr, &received);
    bufferevent_set_max_single_read(end, 50);
    bufferevent_set_max_single_write(end, 70);
    bufferevent_enable(end, EV_READ);
  }
  const auto write = [&](bufferevent* asking) {
    const std::string bytes(piece, 'x');
    for (std::size_t i = 0; i < pieces; i++) {
      for (bufferevent* end : pair) bufferevent_write(end, bytes.data(), piece);
      bufferevent_flush(asking, EV_READ | EV_WRITE, BEV_NORMAL);
      bufferevent_enable(asking, EV_READ | EV_WRITE);
      if (i % 100 == 0) happens([&] { return received + 100'000 > 2 * piece * i; });
    }
  };
  std::thread writers[] = {std::thread(write, pair[0]), std::thread(write, pair[1])};
  for (std::thread& writer : writers) writer.join();
  EXPECT_TRUE(happens([&] { return received == 4 * piece * pieces; })) << received;
  for (bufferevent* end : pair) bufferevent_free(end);
}

}  // namespace
}  // namespace test

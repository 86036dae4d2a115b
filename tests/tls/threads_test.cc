// TLS streams that are safe for threads, used from several: meant for ThreadSanitizer.
#include <event2/bevel.h>
#include <event2/thread.h>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "support/loop_thread.h"
#include "tls/support/peer.h"

namespace tls_test {
namespace {

using test::happens;
using test::LoopThread;

constexpr int locked = BEV_OPT_THREADSAFE;
constexpr int unlocked = BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS;

struct Case {
  Library* library;
  bool is_over;  // another bufferevent, not a socket
  int options;
};

void PrintTo(const Case& row, std::ostream* out) {
  *out << row.library->name() << (row.is_over ? "OverBufferevent" : "OverSocket")
       << (row.options == locked ? "Locked" : "Unlocked");
}

std::vector<Case> cases() {
  std::vector<Case> rows;
  for (Library* library : libraries()) {
    for (const bool is_over : {false, true}) {
      for (const int options : {locked, unlocked}) rows.push_back({library, is_over, options});
    }
  }
  return rows;
}

class TlsThreads : public testing::TestWithParam<Case> {
 protected:
  using Ends = std::array<bufferevent*, 2>;

  static void SetUpTestSuite() { ASSERT_EQ(evthread_use_pthreads(), 0); }

  static bool is_locked() { return GetParam().options == locked; }
  static Version version() {
    return GetParam().library->speaks(Version::tls13) ? Version::tls13 : Version::tls12;
  }
  static bufferevent* make_end(event_base* base, int fd, Role role) {
    const auto [library, is_over, options] = GetParam();
    const int all = options | BEV_OPT_CLOSE_ON_FREE;
    void* connection = library->connection(role, version());
    if (!is_over) return library->over_socket(base, fd, connection, state_of(role), all);
    bufferevent* below = bufferevent_socket_new(base, fd, all);
    return library->over(base, below, connection, state_of(role), all);
  }
  // Both ends of a connection, each on a loop of its own or both on one.
  static Ends make_ends(event_base* of_client, event_base* of_server) {
    int sockets[2];
    make_sockets(sockets);
    return {make_end(of_client, sockets[0], Role::client),
            make_end(of_server, sockets[1], Role::server)};
  }
};

INSTANTIATE_TEST_SUITE_P(Tls, TlsThreads, testing::ValuesIn(cases()),
                         testing::PrintToStringParamName());

// Three connections in a ring. Each goes from the loop of one thread to that of the next, where
// what arrives is written to a connection of the third: its stream may be busy there, writing to
// the next.
TEST_P(TlsThreads, WriteToStreamsOfOtherThreadsFromTheirCallbacks) {
  struct Link {
    LoopThread thread;
    bufferevent* client = nullptr;
    bufferevent* server = nullptr;  // in the next link's thread
    Link* target = nullptr;
    std::atomic<int>* left = nullptr;
    std::atomic<std::size_t> sent = 0;
    std::atomic<std::size_t> received = 0;

    void send() {
      sent += 8;
      bufferevent_write(client, "messages", 8);
    }
  };
  std::atomic<int> left = 600;
  std::array<Link, 3> links;
  const auto on_read = [](bufferevent* bev, void* arg) {
    Link& link = *static_cast<Link*>(arg);
    char message[8];
    evbuffer* input = bufferevent_get_input(bev);
    while (evbuffer_get_length(input) >= 8) {
      bufferevent_read(bev, message, 8);
      EXPECT_EQ(std::string(message, 8), "messages");
      link.received += 8;
      if (--*link.left > 0) link.target->send();
    }
  };
  for (std::size_t i = 0; i < 3; i++) {
    Link& link = links[i];
    const Ends ends = make_ends(link.thread.loop(), links[(i + 1) % 3].thread.loop());
    link.client = ends[0];
    link.server = ends[1];
    link.target = &links[(i + 2) % 3];
    link.left = &left;
  }
  for (Link& link : links) {
    bufferevent_setcb(link.server, on_read, nullptr, nullptr, &link);
    bufferevent_enable(link.server, EV_READ);
    bufferevent_enable(link.client, EV_READ);
  }
  for (int i = 0; i < 4; i++) {
    for (Link& link : links) link.send();
  }
  EXPECT_TRUE(happens([&] { return left <= 0; }));
  for (const Link& link : links) {
    EXPECT_TRUE(happens([&] { return link.received == link.sent; }));
  }
  for (Link& link : links) link.thread.stop();
  for (const Link& link : links) {
    bufferevent_free(link.client);
    bufferevent_free(link.server);
  }
}

// In the handshake, between two records, or in a callback: none begins afterwards.
TEST_P(TlsThreads, FreeStreamsOfOtherThreads) {
  struct Seen {
    std::atomic<bool> is_freed = false;
    std::atomic<int> calls = 0;
    std::atomic<int> late = 0;

    void note() {
      if (is_freed) late++;
      calls++;
    }
  };
  auto one = std::make_unique<LoopThread>();
  auto other = std::make_unique<LoopThread>();
  const auto on_read = [](bufferevent* bev, void* arg) {
    static_cast<Seen*>(arg)->note();
    evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
    bufferevent_write(bev, "again", 5);
  };
  const auto on_event = [](bufferevent*, short, void* arg) { static_cast<Seen*>(arg)->note(); };
  for (int round = 0; round < 16; round++) {
    Seen seen;
    const Ends ends = make_ends(one->loop(), other->loop());
    for (bufferevent* end : ends) {
      bufferevent_setcb(end, on_read, nullptr, on_event, &seen);
      bufferevent_enable(end, EV_READ);
      bufferevent_write(end, "go", 2);
    }
    const int enough = round % 4 * 3;  // calls, of which the first two tell of the handshake
    EXPECT_TRUE(happens([&] { return seen.calls >= enough; }));
    std::thread freeing([&] { bufferevent_free(ends[0]); });
    bufferevent_free(ends[1]);
    freeing.join();
    if (is_locked()) {
      seen.is_freed = true;  // with the lock held, a callback that ran is over now
    } else {                 // one may have begun before
      for (auto* thread : {&one, &other}) {
        thread->reset();
        *thread = std::make_unique<LoopThread>();
      }
    }
    std::this_thread::yield();
    EXPECT_EQ(seen.late, 0);
  }
}

// Everything at once, from two threads beside the loops'.
TEST_P(TlsThreads, SurviveManyOperations) {
  LoopThread one, other;
  const Ends ends = make_ends(one.loop(), other.loop());
  const auto on_read = [](bufferevent* bev, void*) {
    evbuffer_drain(bufferevent_get_input(bev), 1000);
  };
  const auto on_event = [](bufferevent*, short, void*) {};
  const auto work = [&](unsigned seed) {
    unsigned state = seed;
    for (int i = 0; i < 1500; i++) {
      state = state * 1664525U + 1013904223U;
      bufferevent* bev = ends[(state >> 16) & 1];
      switch ((state >> 20) % 12) {
        case 0:
          bufferevent_disable(bev, EV_READ);
          break;
        case 1:
        case 2:
          bufferevent_enable(bev, EV_READ | EV_WRITE);
          break;
        case 3:
          bufferevent_setcb(bev, on_read, nullptr, on_event, nullptr);
          break;
        case 4:
          bufferevent_setwatermark(bev, EV_READ, 0, (state >> 8) % 5000);
          break;
        case 5: {
          const timeval time{1 + static_cast<int>((state >> 8) % 5), 0};
          bufferevent_set_timeouts(bev, &time, &time);
          break;
        }
        case 6:
          bufferevent_set_max_single_read(bev, (state >> 8) % 300);
          break;
        case 7:
          bevel_tls_resume(bev);
          break;
        case 8:
          bevel_tls_key_update(bev, static_cast<int>(state >> 8 & 1));
          break;
        case 9:
          GetParam().library->take_error(bev);
          bufferevent_ssl_set_flags(bev, BUFFEREVENT_SSL_DIRTY_SHUTDOWN);
          break;
        default:
          bufferevent_write(bev, "some bytes", 10);
      }
    }
  };
  std::thread first(work, 1), second(work, 2);
  first.join();
  second.join();
  bevel_free_when_flushed(ends[0]);
  bufferevent_free(ends[1]);
}

// What waits below goes on leaving, in the partner's thread, while the loop that is to release the
// memory of the freed stream is busy.
TEST(TlsThreadsOverAPair, FreedWhileItsLoopIsBusyAndBytesLeaveBelow) {
  ASSERT_EQ(evthread_use_pthreads(), 0);
  for (Library* library : libraries()) {
    const Version version = library->speaks(Version::tls13) ? Version::tls13 : Version::tls12;
    const int options = locked | BEV_OPT_CLOSE_ON_FREE;
    LoopThread thread;
    Loop here;
    bufferevent* pair[2];
    ASSERT_EQ(bevel_pair_new(thread.loop(), here.base(), options, 0, pair), 0);
    bufferevent* client =
        library->over(thread.loop(), pair[0], library->connection(Role::client, version),
                      BUFFEREVENT_SSL_CONNECTING, options);
    Peer server;
    server.own(library->over(here.base(), pair[1], library->connection(Role::server, version),
                             BUFFEREVENT_SSL_ACCEPTING, options));
    server.enable(EV_READ | EV_WRITE);
    std::atomic<bool> is_connected = false;
    const auto on_event = [](bufferevent*, short, void* connected) {
      *static_cast<std::atomic<bool>*>(connected) = true;
    };
    bufferevent_setcb(client, nullptr, nullptr, on_event, &is_connected);
    bufferevent_enable(client, EV_READ | EV_WRITE);
    ASSERT_TRUE(here.run_until([&] { return is_connected && server.has(BEV_EVENT_CONNECTED); }));
    server.disable(EV_READ);
    bufferevent_set_max_single_write(client, 50'000);
    const std::string much(1'000'000, 'x');
    bufferevent_write(client, much.data(), much.size());
    const evbuffer* waiting = bufferevent_get_output(pair[0]);
    ASSERT_TRUE(happens([&] { return evbuffer_get_length(waiting) >= 128U * 1024; }));

    struct Stop {
      std::atomic<bool> is_in = false;
      std::atomic<bool> may_go = false;
    } stop;
    const auto be_busy = [](evutil_socket_t, short, void* arg) {
      Stop& busy = *static_cast<Stop*>(arg);
      busy.is_in = true;
      EXPECT_TRUE(happens([&] { return busy.may_go.load(); }));
    };
    constexpr timeval at_once{};
    event_base_once(thread.loop(), -1, EV_TIMEOUT, be_busy, &stop, &at_once);
    ASSERT_TRUE(happens([&] { return stop.is_in.load(); }));
    bufferevent_free(client);
    server.enable(EV_READ);
    here.turns(20);
    stop.may_go = true;
    constexpr unsigned all = EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE;
    EXPECT_TRUE(happens([&] { return event_base_get_num_events(thread.loop(), all) == 0; }));
  }
}

}  // namespace
}  // namespace tls_test

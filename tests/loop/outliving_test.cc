// Events that are freed after their loop: nothing of them may lead there.
#include <event2/event.h>
#include <event2/thread.h>

#include <csignal>
#include <string>

#include "support.h"

namespace ev {
namespace {

using test::SocketPair;

class Outliving : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    if (GetParam()) {
      ASSERT_EQ(evthread_use_pthreads(), 0);
    }
    base_ = event_base_new();
  }

  event* add(int fd, short what, const timeval* timeout = nullptr) {
    event* made = event_new(base_, fd, what, nothing, nullptr);
    EXPECT_EQ(event_add(made, timeout), 0);
    return made;
  }
  // The loop's memory is likely to be used for something else by then.
  void free_base() {
    event_base_free(base_);
    other_ = event_base_new();
  }
  void TearDown() override { event_base_free(other_); }

  static void nothing(evutil_socket_t, short, void*) {}

  event_base* base_ = nullptr;
  event_base* other_ = nullptr;
};

std::string name_of(const testing::TestParamInfo<bool>& threads) {
  return threads.param ? "with_threads" : "without_threads";
}

INSTANTIATE_TEST_SUITE_P(All, Outliving, testing::Bool(), name_of);

TEST_P(Outliving, EventsThatArePending) {
  const SocketPair sockets;
  const timeval later{60, 0};
  event* events[] = {add(sockets.fds[0], EV_READ), add(sockets.fds[1], EV_READ | EV_PERSIST),
                     add(-1, 0, &later), add(SIGUSR1, EV_SIGNAL)};
  event_active(events[0], EV_READ, 1);
  free_base();
  for (event* each : events) event_free(each);
}

TEST_P(Outliving, EventsThatHaveFired) {
  const SocketPair sockets;
  const timeval now{0, 0};
  event* events[] = {add(sockets.fds[0], EV_WRITE), add(sockets.fds[1], EV_WRITE | EV_PERSIST),
                     add(sockets.fds[1], EV_WRITE | EV_ET), add(-1, 0, &now),
                     add(SIGUSR1, EV_SIGNAL)};
  raise(SIGUSR1);
  for (int turn = 0; turn < 3; turn++) event_base_loop(base_, EVLOOP_NONBLOCK | EVLOOP_ONCE);
  free_base();
  for (event* each : events) {
    EXPECT_EQ(event_del(each), 0);
    event_free(each);
  }
}

TEST_P(Outliving, EventsWhoseFinalizerHasRun) {
  const SocketPair sockets;
  event* made = add(sockets.fds[0], EV_WRITE);
  event_finalize(0, made, [](event*, void*) {});
  free_base();
  event_free(made);
}

}  // namespace
}  // namespace ev

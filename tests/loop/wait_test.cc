// What other threads do while the loop waits: it must hear of all of it. The other thread is the
// backend's on_wait, so that everything happens at a known moment.
#include <poll.h>

#include "support.h"

namespace ev {
namespace {

using namespace test;  // NOLINT: the whole vocabulary

constexpr int unwatched = 1;

class Waiting : public testing::Test {
 protected:
  // An event that fired and was added again makes the loop look twice: the first look does not
  // wait.
  Waiting() {
    EXPECT_TRUE(loop->make_notifiable());
    bell = backend.known.begin()->first;
    EXPECT_TRUE(reader.add());
    backend.next_ready = {{0, Interest::read}};
    loop->run(EVLOOP_ONCE);
    backend.timeouts.clear();
  }

  bool is_first_look() const { return backend.timeouts.size() == 1; }
  bool is_asleep() const { return !backend.timeouts.back(); }
  bool is_ringing() const {
    pollfd one{bell, POLLIN, 0};
    return poll(&one, 1, 0) == 1;
  }
  void report(int fd) { backend.next_ready = {{fd, Interest::read}}; }
  // What the first look finds is nothing for any callback. Does the loop hear of the rest?
  void expect_to_be_heard_after(int found) {
    bool heard = false;
    backend.on_wait = [&] {
      if (is_first_look()) report(found);
      if (!is_asleep()) return;
      loop->activate(user.ev, EV_READ);
      heard = is_ringing();
      report(bell);
    };
    loop->run(EVLOOP_ONCE);
    EXPECT_EQ(user.runs, 1);
    EXPECT_TRUE(heard);
  }

  FakeLoop loop;
  FakeBackend& backend = *loop.backend;
  int bell = -1;
  TestEvent reader{*loop, 0, EV_READ, [this](short) { EXPECT_TRUE(reader.add()); }};
  TestEvent user{*loop, -1, 0};
};

TEST_F(Waiting, IsRungForAfterAnOldRing) { expect_to_be_heard_after(bell); }

TEST_F(Waiting, IsRungForAfterAReportThatConcernsNobody) { expect_to_be_heard_after(unwatched); }

TEST_F(Waiting, EndsWhenTheLastEventGoesDuringTheFirstLook) {
  backend.on_wait = [&] {
    if (!is_first_look()) return;
    loop->remove(reader.ev);
    EXPECT_TRUE(is_ringing());
    report(bell);
  };
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(backend.timeouts, (std::vector<std::optional<Duration>>{Duration::zero()}));
}

TEST_F(Waiting, AsksTheKernelNothingAboutWhatConcernsNobody) {
  const int calls = backend.calls;
  report(unwatched);
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(backend.calls, calls);
}

}  // namespace
}  // namespace ev

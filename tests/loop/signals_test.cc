#include "loop/signals.h"

#include <signal.h>

#include "support.h"

namespace ev {
namespace {

using namespace test;  // NOLINT: the whole vocabulary

TEST(Signals, CallsOncePerDelivery) {
  const RealLoop loop = make_loop();
  TestEvent ev(*loop, SIGUSR1, EV_SIGNAL | EV_PERSIST);
  ASSERT_TRUE(ev.add());
  for (int i = 0; i < 3; i++) raise(SIGUSR1);
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(ev.runs, 3);
  EXPECT_EQ(ev.last, EV_SIGNAL);
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(ev.runs, 3);
}

TEST(Signals, EndsTheWait) {
  const RealLoop loop = make_loop();
  TestEvent ev(*loop, SIGALRM, EV_SIGNAL);
  ASSERT_TRUE(ev.add());
  ualarm(2000, 0);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(ev.runs, 1);
}

TEST(Signals, GoToEveryLoopThatWatchesThem) {
  const RealLoop one = make_loop(), two = make_loop();
  TestEvent first(*one, SIGUSR1, EV_SIGNAL | EV_PERSIST);
  TestEvent second(*two, SIGUSR1, EV_SIGNAL | EV_PERSIST);
  TestEvent other(*two, SIGUSR2, EV_SIGNAL | EV_PERSIST);
  for (TestEvent* ev : {&first, &second, &other}) ASSERT_TRUE(ev->add());
  raise(SIGUSR1);
  raise(SIGUSR2);
  one->run(EVLOOP_NONBLOCK);
  two->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(first.runs, 1);
  EXPECT_EQ(second.runs, 1);
  EXPECT_EQ(other.runs, 1);
  one->remove(first.ev);
  raise(SIGUSR1);
  two->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(second.runs, 2);
}

int old_handler_runs = 0;
void old_handler(int) { old_handler_runs++; }

TEST(Signals, GivesTheOldActionBackWithTheLastEvent) {
  old_handler_runs = 0;
  signal(SIGUSR2, old_handler);
  const RealLoop one = make_loop(), two = make_loop();
  TestEvent first(*one, SIGUSR2, EV_SIGNAL), second(*one, SIGUSR2, EV_SIGNAL);
  TestEvent third(*two, SIGUSR2, EV_SIGNAL);
  for (TestEvent* ev : {&first, &second, &third}) ASSERT_TRUE(ev->add());
  one->remove(first.ev);
  one->remove(second.ev);
  raise(SIGUSR2);
  EXPECT_EQ(old_handler_runs, 0);
  two->remove(third.ev);
  raise(SIGUSR2);
  EXPECT_EQ(old_handler_runs, 1);
  signal(SIGUSR2, SIG_DFL);
}

TEST(Signals, GivesTheOldActionBackWhenTheLoopIsFreed) {
  old_handler_runs = 0;
  signal(SIGUSR2, old_handler);
  event ev{};
  {
    const RealLoop loop = make_loop();
    assign(
        ev, loop.get(), SIGUSR2, EV_SIGNAL, [](int, short, void*) {}, nullptr);
    ASSERT_TRUE(loop->add(ev, nullptr));
  }
  raise(SIGUSR2);
  EXPECT_EQ(old_handler_runs, 1);
  signal(SIGUSR2, SIG_DFL);
}

TEST(Signals, StopsTheCallsWhenTheEventIsDeletedInOne) {
  const RealLoop loop = make_loop();
  auto* memory = new event;
  static int runs;
  runs = 0;
  assign(
      *memory, loop.get(), SIGUSR1, EV_SIGNAL | EV_PERSIST,
      [](int, short, void* self) {
        runs++;
        auto* ev = static_cast<event*>(self);
        ev->ev_base->remove(*ev);
        delete ev;
      },
      memory);
  ASSERT_TRUE(loop->add(*memory, nullptr));
  for (int i = 0; i < 3; i++) raise(SIGUSR1);
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(runs, 1);
}

TEST(Signals, StopsTheCallsWhenTheLoopIsBrokenOff) {
  const RealLoop loop = make_loop();
  TestEvent ev(*loop, SIGUSR1, EV_SIGNAL | EV_PERSIST, [&](short) { loop->break_off(); });
  ASSERT_TRUE(ev.add());
  for (int i = 0; i < 3; i++) raise(SIGUSR1);
  loop->run(0);
  EXPECT_EQ(ev.runs, 1);
}

TEST(Signals, CallsAsOftenAsActivatedByHand) {
  const RealLoop loop = make_loop();
  TestEvent ev(*loop, SIGUSR1, EV_SIGNAL | EV_PERSIST);
  loop->activate(ev.ev, EV_SIGNAL, 2);
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(ev.runs, 2);
  loop->activate(ev.ev, EV_SIGNAL, 0);
  loop->run(EVLOOP_NONBLOCK);
  loop->activate_signal(SIGUSR1);  // not pending
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(ev.runs, 2);
}

TEST(Signals, RefusesWhatIsNoSignal) {
  const RealLoop loop = make_loop();
  for (const int number : {-1, 0, NSIG, SIGKILL, SIGSTOP}) {
    TestEvent ev(*loop, number, EV_SIGNAL);
    EXPECT_FALSE(ev.add()) << number;
    EXPECT_EQ(errno, EINVAL);
  }
  EXPECT_EQ(loop->count(EVENT_BASE_COUNT_ADDED), 0);
}

}  // namespace
}  // namespace ev

// Turns, with a backend and a clock of our own.
#include "loop/loop.h"

#include "support.h"

namespace ev {
namespace {

using namespace test;  // NOLINT: the whole vocabulary

[[maybe_unused]] constexpr int once = EVLOOP_ONCE;
[[maybe_unused]] constexpr int nonblock = EVLOOP_NONBLOCK;

TEST(Loop, EndsWhenThereIsNothingToDo) {
  FakeLoop loop;
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_TRUE(loop.backend->timeouts.empty());
}

TEST(Loop, WaitsForExactlyTheNextTimer) {
  FakeLoop loop;
  TestEvent timer(*loop, -1, 0);
  timer.add(milliseconds(1500));
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(timer.runs, 1);
  EXPECT_EQ(timer.last, EV_TIMEOUT);
  ASSERT_EQ(loop.backend->timeouts.size(), 1u);
  EXPECT_EQ(*loop.backend->timeouts[0], milliseconds(1500));
}

TEST(Loop, WaitsForEverWithoutTimers) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ);
  ASSERT_TRUE(reader.add());
  loop.backend->next_ready = {{0, Interest::read}};
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(reader.last, EV_READ);
  ASSERT_EQ(loop.backend->timeouts.size(), 1u);
  EXPECT_FALSE(loop.backend->timeouts[0]);
}

TEST(Loop, WakesOnceADayForFarTimers) {
  FakeLoop loop;
  TestEvent timer(*loop, -1, 0);
  const timeval far{std::numeric_limits<time_t>::max(), 0};
  loop->add(timer.ev, &far);
  loop.backend->on_wait = [&] {
    if (loop.backend->timeouts.size() == 3) loop->break_off();
  };
  EXPECT_EQ(loop->run(0), 0);
  EXPECT_EQ(*loop.backend->timeouts[0], std::chrono::hours(24));
  EXPECT_EQ(timer.runs, 0);
}

TEST(Loop, ActivatesWithWhatMatches) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ | EV_PERSIST);
  TestEvent writer(*loop, 0, EV_WRITE | EV_PERSIST);
  TestEvent both(*loop, 0, EV_READ | EV_WRITE | EV_PERSIST);
  for (TestEvent* ev : {&reader, &writer, &both}) ASSERT_TRUE(ev->add());
  EXPECT_EQ(loop.backend->known[0], Interest::read | Interest::write);
  EXPECT_EQ(loop.backend->calls, 2);
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(nonblock);
  EXPECT_EQ(reader.last, EV_READ);
  EXPECT_EQ(both.last, EV_READ);
  EXPECT_EQ(writer.runs, 0);
  loop->remove(both.ev);
  loop->remove(reader.ev);
  EXPECT_EQ(loop.backend->known[0], Interest::write);
}

TEST(Loop, TellsTheKernelOfARemovalAtOnce) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ | EV_PERSIST);
  ASSERT_TRUE(reader.add());
  loop->remove(reader.ev);
  EXPECT_TRUE(loop.backend->known.empty());
}

TEST(Loop, TellsTheKernelBeforeTheWaitThatAnEventFired) {
  FakeLoop loop;
  bool known_in_callback = false;
  TestEvent reader(*loop, 0, EV_READ,
                   [&](short) { known_in_callback = loop.backend->known.count(0) != 0; });
  TestEvent other(*loop, 1, EV_READ | EV_PERSIST);
  ASSERT_TRUE(reader.add());
  ASSERT_TRUE(other.add());
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(once);
  EXPECT_TRUE(known_in_callback);
  EXPECT_EQ(loop.backend->known.count(0), 0u);
}

TEST(Loop, TrustsTheKernelWhenAnEventThatFiredIsAddedAgain) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ, [&](short) { ASSERT_TRUE(reader.add()); });
  ASSERT_TRUE(reader.add());
  for (int i = 0; i < 10; i++) {
    loop.backend->next_ready = {{0, Interest::read}};
    loop->run(once);
  }
  EXPECT_EQ(reader.runs, 10);
  EXPECT_EQ(loop.backend->calls, 1);
}

TEST(Loop, MakesSureBeforeItSleeps) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ, [&](short) { ASSERT_TRUE(reader.add()); });
  TestEvent timer(*loop, -1, 0);
  ASSERT_TRUE(reader.add());
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(once);
  timer.add(milliseconds(1));
  loop.backend->timeouts.clear();
  loop->run(once);
  EXPECT_EQ(loop.backend->calls, 2);
  EXPECT_EQ(loop.backend->timeouts,
            (std::vector<std::optional<Duration>>{Duration::zero(), milliseconds(1)}));
}

TEST(Loop, MakesSureAfterSomeTurns) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ, [&](short) { ASSERT_TRUE(reader.add()); });
  TestEvent busy(*loop, 1, EV_READ | EV_PERSIST);
  ASSERT_TRUE(reader.add());
  ASSERT_TRUE(busy.add());
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(once);
  const int before = loop.backend->calls;
  for (int i = 0; i < 20; i++) {
    loop.backend->next_ready = {{1, Interest::read}};
    loop->run(once);
  }
  EXPECT_EQ(busy.runs, 20);
  EXPECT_EQ(loop.backend->calls, before + 1);
}

TEST(Loop, DoesNotTrustAnotherEvent) {
  FakeLoop loop;
  event fresh{};
  TestEvent reader(*loop, 0, EV_READ, [&](short) {
    assign(
        fresh, &*loop, 0, EV_READ, [](int, short, void*) {}, nullptr);
    ASSERT_TRUE(loop->add(fresh, nullptr));
  });
  ASSERT_TRUE(reader.add());
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(once);
  EXPECT_EQ(loop.backend->calls, 2);
}

TEST(Loop, ReportsATrustedDescriptorThatIsGone) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ, [&](short) {
    if (reader.runs > 1) return;
    ASSERT_TRUE(reader.add());
    loop.backend->refused = {0};
  });
  ASSERT_TRUE(reader.add());
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(once);
  loop.backend->known.clear();
  loop->run(nonblock);
  loop->run(once);
  EXPECT_EQ(reader.runs, 2);
}

TEST(Loop, RemovesAFiredEventAtOnceWhenItIsDeleted) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ, [&](short) {
    loop->remove(reader.ev);
    EXPECT_EQ(loop.backend->known.count(0), 0u);
  });
  ASSERT_TRUE(reader.add());
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(once);
  EXPECT_EQ(reader.runs, 1);
}

TEST(Loop, ChangesNothingWhenTheBackendRefuses) {
  FakeLoop loop;
  loop.backend->refused = {0};
  TestEvent reader(*loop, 0, EV_READ);
  EXPECT_FALSE(reader.add(seconds(1)));
  EXPECT_EQ(errno, EPERM);
  EXPECT_EQ(pending(reader.ev, EV_READ | EV_TIMEOUT, nullptr), 0);
  EXPECT_EQ(loop->count(EVENT_BASE_COUNT_ADDED), 0);
}

TEST(Loop, RefusesHugeDescriptors) {
  FakeLoop loop;
  TestEvent reader(*loop, std::numeric_limits<int>::max(), EV_READ);
  EXPECT_FALSE(reader.add());
  EXPECT_EQ(errno, EBADF);
}

TEST(Loop, TakesEventsWithoutADescriptor) {
  FakeLoop loop;
  TestEvent reader(*loop, -1, EV_READ | EV_PERSIST);
  EXPECT_TRUE(reader.add());
  EXPECT_EQ(pending(reader.ev, EV_READ, nullptr), EV_READ);
  EXPECT_TRUE(loop->remove(reader.ev));
}

// --- timers ---

TEST(Loop, RepeatsPersistentTimersWithoutDrift) {
  FakeLoop loop;
  std::vector<TimePoint> times;
  TestEvent timer(*loop, -1, EV_PERSIST, [&](short) {
    times.push_back(loop->now());
    fake_now += milliseconds(3);  // a slow callback
    if (times.size() == 3) loop->break_off();
  });
  const TimePoint begin = fake_now;
  timer.add(milliseconds(10));
  loop->run(0);
  EXPECT_EQ(times, (std::vector<TimePoint>{begin + milliseconds(10), begin + milliseconds(20),
                                           begin + milliseconds(30)}));
}

TEST(Loop, LeavesOutMissedPeriods) {
  FakeLoop loop;
  TestEvent timer(*loop, -1, EV_PERSIST);
  timer.add(milliseconds(10));
  fake_now += milliseconds(35);
  loop->run(once);
  EXPECT_EQ(timer.runs, 1);
  loop->run(nonblock);
  EXPECT_EQ(timer.runs, 1);
  loop->run(once);
  EXPECT_EQ(timer.runs, 2);
  EXPECT_EQ(*loop.backend->timeouts.back(), milliseconds(10));
}

TEST(Loop, RestartsTheTimeoutWhenAnEventHappens) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ | EV_PERSIST);
  ASSERT_TRUE(reader.add(milliseconds(10)));
  fake_now += milliseconds(9);
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(nonblock);
  EXPECT_EQ(reader.last, EV_READ);
  fake_now += milliseconds(9);
  loop->run(nonblock);
  EXPECT_EQ(reader.runs, 1);
  fake_now += milliseconds(1);
  loop->run(nonblock);
  EXPECT_EQ(reader.last, EV_TIMEOUT);
  EXPECT_EQ(pending(reader.ev, EV_READ | EV_TIMEOUT, nullptr), EV_READ | EV_TIMEOUT);
}

TEST(Loop, TellsOfATimeoutAlone) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ | EV_PERSIST);
  ASSERT_TRUE(reader.add(milliseconds(10)));
  fake_now += milliseconds(10);
  loop.backend->next_ready = {{0, Interest::read}};
  loop->run(nonblock);
  EXPECT_EQ(reader.runs, 1);
  EXPECT_EQ(reader.last, EV_TIMEOUT);
}

TEST(Loop, TellsALatecomerOfItsTimeoutAlone) {
  FakeLoop loop;
  ASSERT_TRUE(loop->set_priorities(2));
  TestEvent urgent(*loop, -1, 0);
  TestEvent reader(*loop, 0, EV_READ | EV_PERSIST);
  ASSERT_TRUE(set_priority(urgent.ev, 0));
  ASSERT_TRUE(set_priority(reader.ev, 1));
  ASSERT_TRUE(reader.add(milliseconds(10)));
  fake_now += milliseconds(10);
  loop->activate(urgent.ev, EV_READ);
  loop->run(nonblock | EVLOOP_ONCE);
  EXPECT_EQ(reader.runs, 1);
  EXPECT_EQ(reader.last, EV_TIMEOUT);
}

TEST(Loop, DoesNotReviveADeletedPersistentEvent) {
  FakeLoop loop;
  TestEvent reader(*loop, 0, EV_READ | EV_PERSIST);
  ASSERT_TRUE(reader.add(milliseconds(10)));
  loop->remove(reader.ev);
  loop->activate(reader.ev, EV_READ);
  loop->run(nonblock);
  EXPECT_EQ(reader.runs, 1);
  EXPECT_EQ(pending(reader.ev, EV_READ | EV_TIMEOUT, nullptr), 0);
}

TEST(Loop, ReplacesATimeoutThatPassed) {
  FakeLoop loop;
  TestEvent late(*loop, -1, 0);
  TestEvent early(*loop, -1, 0, [&](short) { late.add(seconds(5)); });
  early.add(milliseconds(1));
  late.add(milliseconds(2));
  fake_now += milliseconds(2);
  loop->run(nonblock);
  EXPECT_EQ(early.runs, 1);
  EXPECT_EQ(late.runs, 0);
  loop->run(0);
  EXPECT_EQ(late.runs, 1);
}

TEST(Loop, KeepsTheTimeOfATurn) {
  FakeLoop loop;
  TestEvent timer(*loop, -1, 0, [&](short) {
    const TimePoint before = loop->now();
    fake_now += seconds(1);
    EXPECT_EQ(loop->now(), before);
    loop->update_time();
    EXPECT_EQ(loop->now(), before + seconds(1));
  });
  timer.add(milliseconds(1));
  loop->run(0);
  const TimePoint outside = loop->now();
  fake_now += seconds(1);
  EXPECT_EQ(loop->now(), outside + seconds(1));
}

TEST(Loop, DoesNotKeepTheTimeWhenToldSo) {
  event_config config;
  config.set_flags(EVENT_BASE_FLAG_NO_CACHE_TIME);
  FakeLoop loop(config);
  TestEvent timer(*loop, -1, 0, [&](short) {
    const TimePoint before = loop->now();
    fake_now += seconds(1);
    EXPECT_EQ(loop->now(), before + seconds(1));
  });
  timer.add(milliseconds(1));
  loop->run(0);
  EXPECT_EQ(timer.runs, 1);
}

// --- order ---

TEST(Loop, RunsImportantEventsFirst) {
  FakeLoop loop;
  ASSERT_TRUE(loop->set_priorities(3));
  std::string order;
  TestEvent low(*loop, -1, 0, [&](short) { order += 'l'; });
  TestEvent high(*loop, -1, 0, [&](short) { order += 'h'; });
  TestEvent middle(*loop, -1, 0, [&](short) {
    order += 'm';
    if (order.size() == 2) loop->activate(high.ev, EV_TIMEOUT);
  });
  TestEvent middle_too(*loop, -1, 0, [&](short) { order += 'M'; });
  ASSERT_TRUE(set_priority(low.ev, 2));
  ASSERT_TRUE(set_priority(high.ev, 0));
  for (TestEvent* ev : {&low, &middle, &middle_too, &high}) loop->activate(ev->ev, EV_TIMEOUT);
  loop->run(0);
  EXPECT_EQ(order, "hmhMl");
}

TEST(Loop, RefusesPrioritiesThatDoNotExist) {
  FakeLoop loop;
  EXPECT_FALSE(loop->set_priorities(0));
  EXPECT_FALSE(loop->set_priorities(256));
  EXPECT_TRUE(loop->set_priorities(255));
  TestEvent ev(*loop, -1, 0);
  EXPECT_EQ(ev.ev.ev_evcallback.evcb_pri, 127);
  EXPECT_FALSE(set_priority(ev.ev, 255));
  EXPECT_FALSE(set_priority(ev.ev, -1));
  loop->activate(ev.ev, EV_TIMEOUT);
  EXPECT_FALSE(set_priority(ev.ev, 3));
  EXPECT_FALSE(loop->set_priorities(2));
  loop->run(nonblock);
  EXPECT_TRUE(loop->set_priorities(2));
  loop->activate(ev.ev, EV_TIMEOUT);  // at a priority that is gone
  loop->run(nonblock);
  EXPECT_EQ(ev.runs, 2);
}

TEST(Loop, LooksForNewEventsAfterSoManyCallbacks) {
  event_config config;
  config.set_limits(nullptr, 2, 0);
  FakeLoop loop(config);
  std::vector<std::unique_ptr<TestEvent>> events;
  std::vector<std::size_t> waits;
  for (int i = 0; i < 5; i++) {
    events.push_back(std::make_unique<TestEvent>(
        *loop, -1, 0, [&](short) { waits.push_back(loop.backend->timeouts.size()); }));
    loop->activate(events.back()->ev, EV_TIMEOUT);
  }
  loop->run(0);
  EXPECT_EQ(waits, (std::vector<std::size_t>{1, 1, 2, 2, 3}));
}

TEST(Loop, LooksForNewEventsAfterSoMuchTime) {
  event_config config;
  const timeval interval{0, 5000};
  config.set_limits(&interval, -1, 0);
  FakeLoop loop(config);
  std::vector<std::unique_ptr<TestEvent>> events;
  std::vector<std::size_t> waits;
  for (int i = 0; i < 4; i++) {
    events.push_back(std::make_unique<TestEvent>(*loop, -1, 0, [&](short) {
      waits.push_back(loop.backend->timeouts.size());
      fake_now += milliseconds(3);
    }));
    loop->activate(events.back()->ev, EV_TIMEOUT);
  }
  loop->run(0);
  EXPECT_EQ(waits, (std::vector<std::size_t>{1, 1, 2, 2}));
}

// --- stopping ---

TEST(Loop, BreaksOffAfterTheCallback) {
  FakeLoop loop;
  TestEvent second(*loop, -1, 0);
  TestEvent first(*loop, -1, 0, [&](short) { loop->break_off(); });
  loop->activate(first.ev, EV_TIMEOUT);
  loop->activate(second.ev, EV_TIMEOUT);
  EXPECT_EQ(loop->run(0), 0);
  EXPECT_TRUE(loop->got_break());
  EXPECT_EQ(second.runs, 0);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_FALSE(loop->got_break());
  EXPECT_EQ(second.runs, 1);
}

TEST(Loop, ExitsAfterTheRound) {
  FakeLoop loop;
  TestEvent second(*loop, -1, 0);
  TestEvent first(*loop, -1, 0, [&](short) {
    loop->exit_after(nullptr);
    loop->activate(second.ev, EV_TIMEOUT);
  });
  TestEvent endless(*loop, -1, EV_READ | EV_PERSIST);
  endless.add();
  loop->activate(first.ev, EV_TIMEOUT);
  EXPECT_EQ(loop->run(0), 0);
  EXPECT_TRUE(loop->got_exit());
  EXPECT_EQ(second.runs, 1);
}

TEST(Loop, LooksAgainWhenAsked) {
  FakeLoop loop;
  std::size_t waits = 0;
  TestEvent second(*loop, -1, 0, [&](short) { waits = loop.backend->timeouts.size(); });
  TestEvent first(*loop, -1, 0, [&](short) { loop->look_again(); });
  loop->activate(first.ev, EV_TIMEOUT);
  loop->activate(second.ev, EV_TIMEOUT);
  loop->run(0);
  EXPECT_EQ(waits, 2u);
}

TEST(Loop, RefusesToRunInsideItself) {
  FakeLoop loop;
  int inner = 0;
  TestEvent ev(*loop, -1, 0, [&](short) { inner = loop->run(0); });
  loop->activate(ev.ev, EV_TIMEOUT);
  loop->run(0);
  EXPECT_EQ(inner, -1);
}

TEST(Loop, RunsAsLongAsItIsHeld) {
  FakeLoop loop;
  loop->hold();
  loop.backend->on_wait = [&] { loop->let_go(); };
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(loop.backend->timeouts.size(), 1u);
  EXPECT_EQ(loop->most(EVENT_BASE_COUNT_VIRTUAL, true), 1);
  EXPECT_EQ(loop->most(EVENT_BASE_COUNT_VIRTUAL, false), 0);
}

}  // namespace
}  // namespace ev

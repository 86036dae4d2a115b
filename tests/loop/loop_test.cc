// Turns, with a backend and a clock of our own.
#include "loop/loop.h"

#include "support.h"

namespace ev {
namespace {

using namespace test;  // NOLINT: the whole vocabulary

constexpr int once = EVLOOP_ONCE;
constexpr int nonblock = EVLOOP_NONBLOCK;

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

// --- deferred callbacks ---

struct CountedDeferred {
  explicit CountedDeferred(event_base& base) : loop(base) {
    deferred.assign([](event_callback*, void* self) { static_cast<CountedDeferred*>(self)->run(); },
                    this, 0);
  }
  void run() {
    runs++;
    if (again) schedule(loop, deferred);
  }
  event_base& loop;
  Deferred deferred;
  int runs = 0;
  bool again = false;
};

TEST(Deferred, RunsOnce) {
  FakeLoop loop;
  CountedDeferred one(*loop);
  EXPECT_TRUE(schedule(*loop, one.deferred));
  EXPECT_FALSE(schedule(*loop, one.deferred));
  EXPECT_TRUE(one.deferred.is_scheduled());
  loop->run(0);
  EXPECT_EQ(one.runs, 1);
  EXPECT_FALSE(one.deferred.is_scheduled());
}

TEST(Deferred, CanBeCancelled) {
  FakeLoop loop;
  CountedDeferred one(*loop);
  EXPECT_FALSE(cancel(*loop, one.deferred));
  schedule(*loop, one.deferred);
  EXPECT_TRUE(cancel(*loop, one.deferred));
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(one.runs, 0);
}

TEST(Deferred, DoesNotStarveTheWait) {
  FakeLoop loop;
  CountedDeferred one(*loop);
  one.again = true;
  schedule(*loop, one.deferred);
  loop.backend->on_wait = [&] {
    if (loop.backend->timeouts.size() == 3) one.again = false;
  };
  loop->run(0);
  EXPECT_GT(one.runs, 32);
  EXPECT_LT(one.runs, 100);
}

TEST(Deferred, ReleasesMemoryWhenTheLoopIsFreed) {
  int released = 0;
  Deferred release, plain;
  release.assign_release([](event_callback*, void* count) { ++*static_cast<int*>(count); },
                         &released);
  plain.assign([](event_callback*, void*) { FAIL(); }, nullptr, 0);
  {
    FakeLoop loop;
    schedule(*loop, release);
    schedule(*loop, plain);
  }
  EXPECT_EQ(released, 1);
  EXPECT_FALSE(plain.is_scheduled());
}

// --- writers ---

TEST(Writers, RunAfterTheCallbackThatListedThem) {
  FakeLoop loop;
  std::string order;
  TestEvent writer(*loop, 0, EV_WRITE | EV_PERSIST, [&](short what) {
    EXPECT_EQ(what, EV_WRITE);
    order += 'w';
  });
  TestEvent first(*loop, -1, 0, [&](short) {
    loop->flush_soon(writer.ev);
    loop->flush_soon(writer.ev);
    order += '1';
  });
  TestEvent second(*loop, -1, 0, [&](short) { order += '2'; });
  loop->activate(first.ev, EV_TIMEOUT);
  loop->activate(second.ev, EV_TIMEOUT);
  loop->run(0);
  EXPECT_EQ(order, "1w2");
}

TEST(Writers, RunBeforeTheWaitAndKeepTheLoopGoing) {
  FakeLoop loop;
  TestEvent writer(*loop, 0, EV_WRITE,
                   [&](short) { EXPECT_EQ(loop.backend->timeouts.size(), 0u); });
  loop->flush_soon(writer.ev);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(writer.runs, 1);
}

TEST(Writers, WaitForTheNextPassWhenListedInOne) {
  FakeLoop loop;
  TestEvent writer(*loop, 0, EV_WRITE, [&](short) {
    if (writer.runs < 3) loop->flush_soon(writer.ev);
  });
  loop->flush_soon(writer.ev);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(writer.runs, 3);
  for (const auto& timeout : loop.backend->timeouts) EXPECT_EQ(timeout, Duration::zero());
}

TEST(Writers, AreLeftAloneWhenActiveAndTakenOutWhenDeleted) {
  FakeLoop loop;
  TestEvent writer(*loop, 0, EV_WRITE);
  loop->activate(writer.ev, EV_WRITE);
  loop->flush_soon(writer.ev);
  loop->run(0);
  EXPECT_EQ(writer.runs, 1);
  loop->flush_soon(writer.ev);
  loop->remove(writer.ev);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(writer.runs, 1);
  loop->flush_soon(writer.ev);
  loop->activate(writer.ev, EV_READ);  // becomes active instead
  loop->run(0);
  EXPECT_EQ(writer.runs, 2);
  EXPECT_EQ(writer.last, EV_READ);
}

// --- finalizers, and the end ---

int finalized = 0;
void count_finalized(event*, void*) { finalized++; }

TEST(Finalizer, RunsFromTheLoop) {
  FakeLoop loop;
  finalized = 0;
  TestEvent ev(*loop, -1, 0);
  ev.add(seconds(1));
  loop->finalize(ev.ev, count_finalized, false);
  EXPECT_FALSE(ev.add(seconds(1)));
  loop->activate(ev.ev, EV_TIMEOUT);
  EXPECT_TRUE(loop->remove(ev.ev));
  EXPECT_EQ(finalized, 0);
  loop->run(0);
  EXPECT_EQ(finalized, 1);
  EXPECT_EQ(ev.runs, 0);
}

TEST(Finalizer, RunsWhenTheLoopIsFreed) {
  for (const bool wanted : {true, false}) {
    finalized = 0;
    event kept{};
    FakeLoop loop;
    assign(
        kept, &*loop, -1, 0, [](int, short, void*) {}, nullptr);
    loop->finalize(kept, count_finalized, false);
    loop->close(wanted);
    EXPECT_EQ(finalized, wanted ? 1 : 0);
  }
}

TEST(Loop, TakesItsEventsOutWhenFreed) {
  event io{}, timer{}, active{}, writer{};
  {
    FakeLoop loop;
    const auto callback = [](int, short, void*) { FAIL(); };
    const timeval soon{1, 0};
    assign(io, &*loop, 0, EV_READ, callback, nullptr);
    assign(timer, &*loop, -1, 0, callback, nullptr);
    assign(active, &*loop, -1, 0, callback, nullptr);
    assign(writer, &*loop, 1, EV_WRITE, callback, nullptr);
    loop->add(io, &soon);
    loop->add(timer, &soon);
    loop->activate(active, EV_READ);
    loop->flush_soon(writer);
    loop->once(-1, EV_TIMEOUT, callback, nullptr, &soon);
    loop->once(-1, EV_TIMEOUT, callback, nullptr, nullptr);
  }
  for (const event* ev : {&io, &timer, &active, &writer}) EXPECT_TRUE(is_idle(*ev));
}

TEST(Loop, KnowsWhichLoopsAreAlive) {
  const event_base* gone;
  FakeLoop kept;
  {
    FakeLoop loop;
    gone = &*loop;
    EXPECT_TRUE(event_base::is_alive(gone));
  }
  EXPECT_FALSE(event_base::is_alive(gone));
  EXPECT_TRUE(event_base::is_alive(&*kept));
}

// --- watchers and inspection ---

TEST(Watchers, AreCalledAroundTheWait) {
  FakeLoop loop;
  static std::string order;
  static std::optional<Duration> timeout;
  order.clear();
  auto* prepare = new evwatch;
  prepare->loop = &*loop;
  prepare->prepare = [](evwatch*, const evwatch_prepare_cb_info* info, void*) {
    order += 'p';
    timeout = info->timeout;
  };
  auto* check = new evwatch;
  check->loop = &*loop;
  check->check = [](evwatch* self, const evwatch_check_cb_info*, void*) {
    order += 'c';
    self->loop->remove_watcher(*self);
    delete self;
  };
  loop->add_watcher(*prepare);
  loop->add_watcher(*check);
  loop.backend->on_wait = [] { order += 'w'; };
  TestEvent timer(*loop, -1, 0, [](short) { order += 't'; });
  timer.add(milliseconds(5));
  loop->run(0);
  EXPECT_EQ(order, "pwct");
  EXPECT_EQ(timeout, Duration(milliseconds(5)));
}

TEST(Loop, CountsEachKindOfPending) {
  FakeLoop loop;
  TestEvent io(*loop, 0, EV_READ | EV_PERSIST);
  ASSERT_TRUE(io.add(seconds(1)));
  EXPECT_EQ(loop->count(EVENT_BASE_COUNT_ADDED), 2);
  loop->activate(io.ev, EV_READ);
  EXPECT_EQ(loop->count(EVENT_BASE_COUNT_ADDED), 3);
  EXPECT_EQ(loop->count(EVENT_BASE_COUNT_ACTIVE), 1);
  loop->remove(io.ev);
  EXPECT_EQ(loop->count(EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE), 0);
  EXPECT_EQ(loop->most(EVENT_BASE_COUNT_ADDED, true), 3);
  EXPECT_EQ(loop->most(EVENT_BASE_COUNT_ADDED, false), 0);
}

TEST(Loop, ShowsEachEventOnce) {
  FakeLoop loop;
  TestEvent io(*loop, 0, EV_READ | EV_PERSIST), timer(*loop, -1, 0), active(*loop, -1, 0);
  ASSERT_TRUE(io.add(seconds(1)));
  timer.add(seconds(2));
  loop->activate(io.ev, EV_READ);
  loop->activate(active.ev, EV_READ);
  std::set<const event*> seen;
  const auto collect = [](const event_base*, const event* ev, void* set) {
    return static_cast<std::set<const event*>*>(set)->insert(ev).second ? 0 : -1;
  };
  EXPECT_EQ(loop->for_each(collect, &seen), 0);
  EXPECT_EQ(seen, (std::set<const event*>{&io.ev, &timer.ev, &active.ev}));
  const auto stop = [](const event_base*, const event*, void*) { return 7; };
  EXPECT_EQ(loop->for_each(stop, nullptr), 7);
}

TEST(Loop, GivesCommonTimeoutsFixedAddresses) {
  FakeLoop loop;
  const timeval* first = loop->common_timeout({1, 500'000});
  EXPECT_EQ(loop->common_timeout({0, 1'500'000}), first);
  int made = 1;
  while (loop->common_timeout({1000 + made, 0}) != nullptr) made++;
  EXPECT_EQ(made, 256);
}

}  // namespace
}  // namespace ev

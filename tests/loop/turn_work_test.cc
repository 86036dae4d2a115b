// What a turn does beside descriptors and timers: deferred callbacks, writers, finalizers, watchers.
#include "loop/loop.h"
#include "support.h"

namespace ev {
namespace {

using namespace test;  // NOLINT: the whole vocabulary

[[maybe_unused]] constexpr int once = EVLOOP_ONCE;
[[maybe_unused]] constexpr int nonblock = EVLOOP_NONBLOCK;

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

TEST(Deferred, OfTheNextTurnMayHaveAPriorityThatIsGone) {
  FakeLoop loop;
  std::vector<std::unique_ptr<CountedDeferred>> many;
  for (int i = 0; i < 40; i++) {
    many.push_back(std::make_unique<CountedDeferred>(*loop));
    many.back()->deferred.callback.evcb_pri = 100;
    schedule(*loop, many.back()->deferred);
  }
  loop->run(0);
  for (const auto& one : many) EXPECT_EQ(one->runs, 1);
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

TEST(Watchers, MayTakeAwayWhatTheLoopWouldWaitFor) {
  FakeLoop loop;
  TestEvent timer(*loop, -1, 0);
  evwatch prepare;
  prepare.loop = &*loop;
  prepare.argument = &timer.ev;
  prepare.prepare = [](evwatch* self, const evwatch_prepare_cb_info*, void* last) {
    self->loop->remove(*static_cast<event*>(last));
  };
  loop->add_watcher(prepare);
  timer.add(seconds(1));
  EXPECT_EQ(loop->run(0), 1);
  ASSERT_EQ(loop.backend->timeouts.size(), 1U);
  EXPECT_EQ(loop.backend->timeouts[0], Duration::zero());
  loop->remove_watcher(prepare);
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
  constexpr time_t longest = std::numeric_limits<time_t>::max();
  EXPECT_EQ(loop->common_timeout({longest, 1'000'000})->tv_sec, longest);
  int made = 2;
  while (loop->common_timeout({1000 + made, 0}) != nullptr) made++;
  EXPECT_EQ(made, 256);
}

}  // namespace
}  // namespace ev

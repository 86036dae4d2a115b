// Several threads on one loop. Meant to run under the thread sanitizer as well.
#include <event2/thread.h>

#include <atomic>
#include <future>
#include <mutex>
#include <thread>

#include "support.h"

namespace ev {
namespace {

using namespace test;  // NOLINT: the whole vocabulary

class Threads : public testing::Test {
 protected:
  static void SetUpTestSuite() { ASSERT_EQ(evthread_use_pthreads(), 0); }

  // The hooks stay for the rest of the process, as they do in a program.
  Threads() : loop(make_loop()) {}

  // Runs the loop in a thread of its own until stop().
  void start() {
    runner = std::thread([this] { loop->run(EVLOOP_NO_EXIT_ON_EMPTY); });
  }
  void stop() {
    while (!loop->runs_elsewhere()) std::this_thread::yield();
    loop->break_off();
    runner.join();
  }

  RealLoop loop;
  std::thread runner;
};

// What a callback in the loop's thread reports to a test.
struct Signal {
  void give() { promise.set_value(); }
  void wait() { promise.get_future().wait(); }
  std::promise<void> promise;
};

TEST_F(Threads, ActivatesFromAnotherThread) {
  Signal ran;
  TestEvent ev(*loop, -1, 0, [&](short) { ran.give(); });
  start();
  loop->activate(ev.ev, EV_READ);
  ran.wait();
  stop();
  EXPECT_EQ(ev.last, EV_READ);
}

TEST_F(Threads, AddsFromAnotherThread) {
  Signal read, timed;
  SocketPair pair;
  TestEvent reader(*loop, pair.fds[0], EV_READ, [&](short) { read.give(); });
  TestEvent timer(*loop, -1, 0, [&](short) { timed.give(); });
  start();
  ASSERT_TRUE(reader.add());
  pair.put(1);
  read.wait();
  timer.add(milliseconds(1));
  timed.wait();
  stop();
}

TEST_F(Threads, RefusesThePriorityOfWhatBecomesActiveMeanwhile) {
  ASSERT_TRUE(loop->set_priorities(2));
  TestEvent ev(*loop, -1, 0);
  std::atomic<bool> is_done = false;
  bool was_set = true;
  std::thread setter;
  {
    std::lock_guard guard(loop->lock());
    setter = std::thread([&] {
      was_set = set_priority(ev.ev, 0);
      is_done = true;
    });
    // Time for one that does not wait for the lock.
    for (int i = 0; i < 10'000 && !is_done; i++) std::this_thread::yield();
    loop->activate(ev.ev, EV_READ);
  }
  setter.join();
  EXPECT_FALSE(was_set);
  EXPECT_EQ(ev.ev.ev_evcallback.evcb_pri, 1);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(ev.runs, 1);
}

TEST_F(Threads, EndsWhenItsLastTimerIsTakenAway) {
  Signal started;
  TestEvent first(*loop, -1, 0, [&](short) { started.give(); });
  TestEvent far(*loop, -1, 0);
  far.add(std::chrono::hours(1));
  loop->activate(first.ev, EV_TIMEOUT);
  std::thread runs([&] { EXPECT_EQ(loop->run(0), 1); });
  started.wait();
  EXPECT_TRUE(loop->remove_timer(far.ev));
  runs.join();
}

TEST_F(Threads, ShortensTheWait) {
  Signal timed;
  TestEvent far(*loop, -1, 0), near(*loop, -1, 0, [&](short) { timed.give(); });
  far.add(std::chrono::hours(1));
  start();
  near.add(milliseconds(1));
  timed.wait();
  stop();
}

TEST_F(Threads, SchedulesAndFlushesFromAnotherThread) {
  Signal deferred_ran, writer_ran;
  Deferred deferred;
  deferred.assign([](event_callback*, void* arg) { static_cast<Signal*>(arg)->give(); },
                  &deferred_ran, 0);
  TestEvent writer(*loop, -1, EV_WRITE, [&](short) { writer_ran.give(); });
  start();
  schedule(*loop, deferred);
  deferred_ran.wait();
  loop->flush_soon(writer.ev);
  writer_ran.wait();
  stop();
}

TEST_F(Threads, WaitsForTheCallbackWhenItRemoves) {
  Signal entered;
  std::atomic<bool> finish = false, left = false;
  TestEvent ev(*loop, -1, 0, [&](short) {
    entered.give();
    while (!finish) std::this_thread::yield();
    left = true;
  });
  start();
  loop->activate(ev.ev, EV_READ);
  entered.wait();
  EXPECT_TRUE(loop->remove_noblock(ev.ev));
  EXPECT_FALSE(left);
  std::thread remover([&] {
    EXPECT_TRUE(loop->remove(ev.ev));
    EXPECT_TRUE(left);
  });
  finish = true;
  remover.join();
  stop();
}

TEST_F(Threads, DoesNotWaitForAnEventThatIsFinalizedLater) {
  Signal entered;
  std::atomic<bool> finish = false;
  TestEvent ev(*loop, -1, EV_FINALIZE, [&](short) {
    entered.give();
    while (!finish) std::this_thread::yield();
  });
  start();
  loop->activate(ev.ev, EV_READ);
  entered.wait();
  EXPECT_TRUE(loop->remove(ev.ev));
  static std::atomic<bool> finalized;
  finalized = false;
  loop->finalize(
      ev.ev, [](event*, void*) { finalized = true; }, false);
  EXPECT_FALSE(finalized);
  finish = true;
  while (!finalized) std::this_thread::yield();
  stop();
}

TEST_F(Threads, RemovesInsideItsOwnCallback) {
  Signal ran;
  TestEvent ev(*loop, -1, EV_PERSIST, [&](short) {
    loop->remove_block(ev.ev);
    ran.give();
  });
  start();
  ev.add(milliseconds(1));
  ran.wait();
  stop();
}

TEST_F(Threads, ManyThreadsAtOnce) {
  const auto work = [&] {
    std::atomic<int> runs = 0;
    SocketPair pair;
    TestEvent reader(*loop, pair.fds[0], EV_READ | EV_PERSIST, [&](short) { runs++; });
    TestEvent timer(*loop, -1, EV_PERSIST, [&](short) { runs++; });
    for (int round = 0; round < 400 || runs == 0; round++) {
      ASSERT_TRUE(reader.add());
      timer.add(Duration(round * 1000));
      loop->activate(reader.ev, EV_READ);
      if (round % 3 == 0) loop->remove(timer.ev);
      if (round % 2 == 0) loop->remove(reader.ev);
    }
  };
  start();
  std::vector<std::thread> workers;
  for (int i = 0; i < 3; i++) workers.emplace_back(work);
  for (std::thread& worker : workers) worker.join();
  stop();
}

TEST_F(Threads, LoopsOfTheirOwnNeedNoLocks) {
  event_config config;
  config.set_flags(EVENT_BASE_FLAG_NOLOCK);
  const RealLoop unlocked = make_loop(&config);
  EXPECT_FALSE(unlocked->lock());
  TestEvent ev(*unlocked, -1, 0);
  unlocked->activate(ev.ev, EV_READ);
  EXPECT_EQ(unlocked->run(0), 1);
  EXPECT_TRUE(loop->lock());
}

TEST_F(Threads, EachWithItsSignals) {
  std::atomic<int> done = 0;
  TestEvent keep(*loop, SIGUSR1, EV_SIGNAL | EV_PERSIST);  // so that the default action stays away
  ASSERT_TRUE(keep.add());
  const auto work = [&] {
    const RealLoop own = make_loop();
    TestEvent ev(*own, SIGUSR1, EV_SIGNAL | EV_PERSIST, [&](short) { own->break_off(); });
    ASSERT_TRUE(ev.add());
    own->run(0);
    done++;
  };
  std::thread one(work), two(work);
  while (done < 2) {
    kill(getpid(), SIGUSR1);
    std::this_thread::yield();
  }
  one.join();
  two.join();
}

}  // namespace
}  // namespace ev

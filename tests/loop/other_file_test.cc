// Descriptors that come to mean another file while a one-shot event on them is between two lives.
#include "support.h"

namespace ev {
namespace {

using namespace test;  // NOLINT: the whole vocabulary

TEST(OtherFile, IsWatchedOnceTheLoopIsIdle) {
  const RealLoop loop = make_loop();
  SocketPair old, fresh;
  TestEvent reader(*loop, old.fds[0], EV_READ, [&](short) {
    if (reader.runs > 1) return;
    ASSERT_EQ(dup2(fresh.fds[0], old.fds[0]), old.fds[0]);
    ASSERT_TRUE(reader.add());
  });
  ASSERT_TRUE(reader.add());
  old.put(1);
  loop->run(EVLOOP_ONCE);
  fresh.put(1);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(reader.runs, 2);
}

TEST(OtherFile, IsWatchedAfterSomeTurnsOfABusyLoop) {
  const RealLoop loop = make_loop();
  SocketPair old, fresh, busy;
  TestEvent reader(*loop, old.fds[0], EV_READ, [&](short) {
    if (reader.runs > 1) return;
    ASSERT_EQ(dup2(fresh.fds[0], old.fds[0]), old.fds[0]);
    ASSERT_TRUE(reader.add());
  });
  TestEvent always(*loop, busy.fds[0], EV_WRITE | EV_PERSIST, [&](short) {
    if (always.runs == 100) loop->break_off();
  });
  ASSERT_TRUE(reader.add());
  ASSERT_TRUE(always.add());
  old.put(1);
  fresh.put(1);
  loop->run(0);
  EXPECT_EQ(reader.runs, 2);
}

TEST(OtherFile, IsWatchedByANewEventAtOnce) {
  const RealLoop loop = make_loop();
  SocketPair old, fresh;
  const int number = old.fds[0];
  TestEvent second(*loop, number, EV_READ);
  TestEvent first(*loop, number, EV_READ, [&](short) {
    ASSERT_EQ(dup2(fresh.fds[0], number), number);
    ASSERT_TRUE(second.add());
  });
  ASSERT_TRUE(first.add());
  old.put(1);
  loop->run(EVLOOP_ONCE);
  fresh.put(1);
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(second.runs, 1);
}

TEST(OtherFile, NoneIsAnErrorOfTheEvent) {
  const RealLoop loop = make_loop();
  SocketPair pair;
  TestEvent reader(*loop, pair.fds[0], EV_READ, [&](short) {
    if (reader.runs > 1) return;
    const int number = pair.fds[0];
    pair.close(0);
    EXPECT_EQ(fcntl(number, F_GETFD), -1);
    loop->add(reader.ev, nullptr);  // the kernel is not asked yet
  });
  ASSERT_TRUE(reader.add());
  pair.put(1);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(reader.runs, 2);
}

TEST(OtherFile, MayKeepTheOldRegistrationAlive) {
  const RealLoop loop = make_loop();
  SocketPair pair, other;
  int duplicate = -1;
  TestEvent once(*loop, pair.fds[0], EV_READ, [&](short) {
    duplicate = dup(pair.fds[0]);  // or a forked process has it
    pair.close(0);
  });
  TestEvent kept(*loop, other.fds[0], EV_READ | EV_PERSIST, [&](short) { other.take(0); });
  ASSERT_TRUE(once.add());
  ASSERT_TRUE(kept.add());
  pair.put(1);
  for (int i = 0; i < 3; i++) loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(once.runs, 1);
  // It is no longer reported: the loop sleeps until the timer.
  TestEvent timer(*loop, -1, 0);
  timer.add(milliseconds(5));
  loop->run(EVLOOP_ONCE);
  EXPECT_EQ(timer.runs, 1);
  other.put(1);
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(kept.runs, 1);
  close(duplicate);
}

}  // namespace
}  // namespace ev

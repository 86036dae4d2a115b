// fork(): the child makes the loop its own and both go on. What the child finds is in its exit
// code.
#include <signal.h>
#include <sys/wait.h>

#include "support.h"

namespace ev {
namespace {

using namespace test;  // NOLINT: the whole vocabulary

// Runs `in_child` in a forked process; true when it answered true.
template <class Call>
bool holds_in_child(Call in_child) {
  const pid_t child = fork();
  if (child == 0) _exit(in_child() ? 0 : 1);
  int status = 0;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

class ReinitTest : public testing::TestWithParam<BackendInfo> {
 protected:
  ReinitTest() {
    event_config config;
    for (const BackendInfo& info : backends) {
      if (info.name != std::string(GetParam().name)) config.avoid(info.name);
    }
    loop = make_loop(&config);
  }
  RealLoop loop;
};

TEST_P(ReinitTest, RegistersAllEventsAgain) {
  SocketPair pair;
  TestEvent reader(*loop, pair.fds[0], EV_READ | EV_PERSIST, [&](short) { pair.take(0); });
  TestEvent timer(*loop, -1, 0);
  ASSERT_TRUE(reader.add());
  timer.add(milliseconds(1));
  EXPECT_TRUE(holds_in_child([&] {
    if (!loop->reinit()) return false;
    loop->run(EVLOOP_ONCE);
    pair.put(1);
    loop->run(EVLOOP_ONCE);
    return timer.runs == 1 && reader.runs == 1;
  }));
}

TEST_P(ReinitTest, LeavesTheParentAlone) {
  SocketPair pair;
  TestEvent reader(*loop, pair.fds[0], EV_READ | EV_PERSIST, [&](short) { pair.take(0); });
  ASSERT_TRUE(reader.add());
  EXPECT_TRUE(holds_in_child([&] { return loop->reinit() && loop->remove(reader.ev); }));
  pair.put(1);
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(reader.runs, 1);
}

TEST_P(ReinitTest, SeparatesTheSignals) {
  TestEvent ev(*loop, SIGUSR1, EV_SIGNAL | EV_PERSIST);
  ASSERT_TRUE(ev.add());
  raise(SIGUSR1);  // for the parent
  EXPECT_TRUE(holds_in_child([&] {
    if (!loop->reinit()) return false;
    loop->run(EVLOOP_NONBLOCK);
    if (ev.runs != 0) return false;
    raise(SIGUSR1);
    loop->run(EVLOOP_NONBLOCK);
    return ev.runs == 1;
  }));
  loop->run(EVLOOP_NONBLOCK);
  EXPECT_EQ(ev.runs, 1);
}

TEST_P(ReinitTest, WorksInsideACallback) {
  SocketPair pair;
  TestEvent reader(*loop, pair.fds[0], EV_READ);
  TestEvent forker(*loop, -1, 0, [&](short) {
    EXPECT_TRUE(holds_in_child([&] { return loop->reinit() && reader.add(); }));
  });
  ASSERT_TRUE(reader.add());
  loop->activate(forker.ev, EV_TIMEOUT);
  pair.put(1);
  EXPECT_EQ(loop->run(0), 1);
  EXPECT_EQ(reader.runs, 1);
}

TEST_P(ReinitTest, TellsOfADescriptorThatItCannotWatchAgain) {
  if (GetParam().name != std::string("epoll")) GTEST_SKIP() << "the others take any descriptor";
  SocketPair pair;
  TestEvent reader(*loop, pair.fds[0], EV_READ);
  ASSERT_TRUE(reader.add());
  const int file = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_EQ(dup2(file, pair.fds[0]), pair.fds[0]);  // nothing that epoll takes
  EXPECT_FALSE(loop->reinit());
  close(file);
}

INSTANTIATE_TEST_SUITE_P(All, ReinitTest, testing::ValuesIn(backends.begin(), backends.end()),
                         testing::PrintToStringParamName());

}  // namespace
}  // namespace ev

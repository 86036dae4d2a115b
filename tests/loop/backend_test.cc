// The same cases over every row of the table of backends.
#include "loop/backend.h"

#include <sys/resource.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstdlib>

#include "support.h"

namespace ev {
namespace {

using test::milliseconds;
using test::SocketPair;

class Sink final : public ReadySink {
 public:
  void ready(int fd, Interest what) override {
    found[fd] = what;
    if (on_ready) on_ready(fd);
  }
  void haunted() override { ghosts++; }

  std::map<int, Interest> found;
  int ghosts = 0;
  std::function<void(int fd)> on_ready;  // while other reports are under way
};

class BackendTest : public testing::TestWithParam<BackendInfo> {
 protected:
  // What one wait finds.
  std::map<int, Interest> wait(std::optional<Duration> timeout = Duration::zero()) {
    Sink sink;
    EXPECT_TRUE(backend->wait(timeout, lock, sink));
    EXPECT_EQ(sink.ghosts, 0);
    return sink.found;
  }
  bool add(int fd, Interest interest) { return backend->change(fd, Interest::none, interest); }
  bool has(int feature) const { return (GetParam().features & feature) != 0; }

  std::unique_ptr<Backend> backend = GetParam().make();
  Lock lock;
};

using Found = std::map<int, Interest>;

TEST_P(BackendTest, FindsNothingAtFirst) { EXPECT_EQ(wait(), Found{}); }

TEST_P(BackendTest, ReportsReadersAndWriters) {
  SocketPair pair;
  ASSERT_TRUE(add(pair.fds[0], Interest::read));
  ASSERT_TRUE(add(pair.fds[1], Interest::write));
  EXPECT_EQ(wait(), (Found{{pair.fds[1], Interest::write}}));
  pair.put(1);
  EXPECT_EQ(wait(), (Found{{pair.fds[0], Interest::read}, {pair.fds[1], Interest::write}}));
}

TEST_P(BackendTest, ReportsAgainUntilItIsRead) {
  SocketPair pair;
  ASSERT_TRUE(add(pair.fds[0], Interest::read));
  pair.put(1);
  EXPECT_EQ(wait().size(), 1u);
  EXPECT_EQ(wait().size(), 1u);
  pair.take(0);
  EXPECT_EQ(wait(), Found{});
}

TEST_P(BackendTest, ChangesAndRemoves) {
  SocketPair pair;
  const int fd = pair.fds[0];
  pair.put(1);
  ASSERT_TRUE(add(fd, Interest::read));
  ASSERT_TRUE(backend->change(fd, Interest::read, Interest::read | Interest::write));
  EXPECT_EQ(wait(), (Found{{fd, Interest::read | Interest::write}}));
  ASSERT_TRUE(backend->change(fd, Interest::read | Interest::write, Interest::write));
  EXPECT_EQ(wait(), (Found{{fd, Interest::write}}));
  ASSERT_TRUE(backend->change(fd, Interest::write, Interest::none));
  EXPECT_EQ(wait(), Found{});
  EXPECT_FALSE(backend->change(fd, Interest::write, Interest::none));
}

TEST_P(BackendTest, MakesSureOfAnInterest) {
  SocketPair pair;
  const int fd = pair.fds[0];
  ASSERT_TRUE(add(fd, Interest::read));
  ASSERT_TRUE(backend->change(fd, Interest::read, Interest::read));
  // The number belongs to another file now, of which the kernel knows nothing.
  SocketPair other;
  ASSERT_EQ(dup2(other.fds[0], fd), fd);
  ASSERT_TRUE(backend->change(fd, Interest::read, Interest::read));
  other.put(1);
  EXPECT_EQ(wait(), (Found{{fd, Interest::read}}));
}

TEST_P(BackendTest, WakesReadersOfAClosedPeer) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_TRUE(add(ends[0], Interest::read));
  close(ends[1]);
  EXPECT_NE(wait()[ends[0]] & Interest::read, Interest::none);
  ASSERT_TRUE(backend->change(ends[0], Interest::read, Interest::none));
  close(ends[0]);
}

TEST_P(BackendTest, WakesWritersOfAClosedPeer) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  ASSERT_TRUE(add(ends[1], Interest::write));
  close(ends[0]);
  EXPECT_NE(wait()[ends[1]] & Interest::write, Interest::none);
  ASSERT_TRUE(backend->change(ends[1], Interest::write, Interest::none));
  close(ends[1]);
}

TEST_P(BackendTest, SeesThePeerCloseAheadOfItsData) {
  if (!has(EV_FEATURE_EARLY_CLOSE)) GTEST_SKIP();
  SocketPair pair;
  ASSERT_TRUE(add(pair.fds[0], Interest::closed));
  pair.put(1);
  EXPECT_EQ(wait(), Found{});
  pair.close(1);
  EXPECT_NE(wait()[pair.fds[0]] & Interest::closed, Interest::none);
}

TEST_P(BackendTest, ReportsEdgesOnce) {
  if (!has(EV_FEATURE_ET)) GTEST_SKIP();
  SocketPair pair;
  ASSERT_TRUE(add(pair.fds[0], Interest::read | Interest::edge));
  pair.put(1);
  EXPECT_EQ(wait().size(), 1u);
  EXPECT_EQ(wait(), Found{});
  pair.put(1);
  EXPECT_EQ(wait().size(), 1u);
}

TEST_P(BackendTest, TakesRegularFilesIfItSaysSo) {
  char name[] = "/tmp/backend_testXXXXXX";
  const int fd = mkstemp(name);
  ASSERT_GE(fd, 0);
  unlink(name);
  if (has(EV_FEATURE_FDS)) {
    EXPECT_TRUE(add(fd, Interest::read));
    EXPECT_EQ(wait(), (Found{{fd, Interest::read}}));
  } else {
    EXPECT_FALSE(add(fd, Interest::read));
    EXPECT_EQ(errno, EPERM);
  }
  close(fd);
}

TEST_P(BackendTest, WaitsAsLongAsTold) {
  for (const Duration timeout : {Duration(milliseconds(20)), Duration(test::microseconds(300))}) {
    const TimePoint begin = monotonic_now();
    EXPECT_EQ(wait(timeout), Found{});
    EXPECT_GE(monotonic_now() - begin, timeout);
  }
}

TEST_P(BackendTest, TakesVeryLongTimeouts) {
  SocketPair pair;
  ASSERT_TRUE(add(pair.fds[0], Interest::write));
  EXPECT_EQ(wait(std::chrono::hours(24)).size(), 1u);
  EXPECT_EQ(wait(std::nullopt).size(), 1u);
}

TEST_P(BackendTest, KeepsManyDescriptorsApart) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t count = std::min<std::size_t>(600, (limit.rlim_cur - 20) / 2);
  std::vector<SocketPair> pairs(count);
  for (SocketPair& pair : pairs) ASSERT_TRUE(add(pair.fds[0], Interest::read));
  for (std::size_t i = 0; i < count; i += 3) pairs[i].put(1);
  std::map<int, Interest> found;
  for (int i = 0; i < 3; i++) found.merge(wait());
  EXPECT_EQ(found.size(), (count + 2) / 3);
  for (std::size_t i = 0; i < count; i++) {
    EXPECT_EQ(found.count(pairs[i].fds[0]), i % 3 == 0 ? 1u : 0u);
  }
  for (std::size_t i = count; i-- > 1;) {
    ASSERT_TRUE(backend->change(pairs[i].fds[0], Interest::read, Interest::none));
  }
  EXPECT_EQ(wait(), (Found{{pairs[0].fds[0], Interest::read}}));
}

INSTANTIATE_TEST_SUITE_P(All, BackendTest, testing::ValuesIn(backends.begin(), backends.end()),
                         testing::PrintToStringParamName());

// What only epoll has: registrations that outlive their descriptors.

class EpollBackend : public testing::Test {
 protected:
  bool add(int fd) { return backend->change(fd, Interest::none, Interest::read); }
  bool remove(int fd) { return backend->change(fd, Interest::read, Interest::none); }
  Sink wait(std::function<void(int fd)> on_ready = {}) {
    Sink sink;
    sink.on_ready = std::move(on_ready);
    EXPECT_TRUE(backend->wait(Duration::zero(), lock, sink));
    return sink;
  }
  void expect_only_a_ghost() {
    const Sink sink = wait();
    EXPECT_EQ(sink.found, Found{});
    EXPECT_EQ(sink.ghosts, 1);
  }

  std::unique_ptr<Backend> backend = backends[0].make();
  Lock lock;
};

TEST_F(EpollBackend, NoticesARegistrationThatOutlivedItsDescriptor) {
  SocketPair old, fresh;
  const int fd = old.fds[0];
  ASSERT_TRUE(add(fd));
  const int duplicate = dup(fd);
  ASSERT_EQ(dup2(fresh.fds[0], fd), fd);
  ASSERT_TRUE(backend->change(fd, Interest::read, Interest::read));  // registers the new file
  old.put(1);
  expect_only_a_ghost();
  close(duplicate);
}

TEST_F(EpollBackend, NoticesARegistrationThatItCouldNotRemove) {
  SocketPair pair;
  const int fd = pair.fds[0];
  ASSERT_TRUE(add(fd));
  const int duplicate = dup(fd);
  pair.close(0);
  EXPECT_FALSE(remove(fd));
  pair.put(1);
  expect_only_a_ghost();
  close(duplicate);
}

// One that forgot event_reinit() registers in its parent's set, under numbers of its own.
TEST_F(EpollBackend, NoticesARegistrationOfAForkedProcess) {
  constexpr int number_in_child = 700;
  SocketPair pair;
  const pid_t child = fork();
  if (child == 0) {
    _exit(dup2(pair.fds[0], number_in_child) == number_in_child && add(number_in_child) ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  ASSERT_EQ(status, 0);
  pair.put(1);
  const Sink sink = wait();
  EXPECT_EQ(sink.found, Found{});
  EXPECT_EQ(sink.ghosts, 1);
}

// A report may be on its way while another thread removes the descriptor, closes it, and gets the
// same number for the next one. Here the sink plays that thread.
TEST_F(EpollBackend, TakesLateReportsForNothing) {
  SocketPair one, two;
  for (const bool comes_back : {false, true}) {
    for (const SocketPair* pair : {&one, &two}) ASSERT_TRUE(add(pair->fds[0]));
    one.put(1);
    two.put(1);
    int late = -1;
    const Sink sink = wait([&](int first) {
      late = first == one.fds[0] ? two.fds[0] : one.fds[0];
      EXPECT_TRUE(remove(late));
      EXPECT_TRUE(!comes_back || add(late));
    });
    EXPECT_EQ(sink.found.size(), 1u);
    EXPECT_EQ(sink.ghosts, 0);
    const Sink next = wait();
    EXPECT_EQ(next.found.count(late), comes_back ? 1u : 0u);
    EXPECT_EQ(next.ghosts, 0);
    for (const SocketPair* pair : {&one, &two}) remove(pair->fds[0]);
  }
}

// Among late reports: it is still reported when they are not.
TEST_F(EpollBackend, NoticesAGhostThatCameIntoBeingDuringAWait) {
  SocketPair one, two;
  for (const SocketPair* pair : {&one, &two}) ASSERT_TRUE(add(pair->fds[0]));
  one.put(1);
  two.put(1);
  int duplicate = -1;
  const Sink sink = wait([&](int first) {
    SocketPair& late = first == one.fds[0] ? two : one;
    const int fd = late.fds[0];
    duplicate = dup(fd);
    late.close(0);
    EXPECT_FALSE(remove(fd));
  });
  EXPECT_EQ(sink.ghosts, 0);
  EXPECT_EQ(wait().ghosts, 1);
  close(duplicate);
}

}  // namespace
}  // namespace ev

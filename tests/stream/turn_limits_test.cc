// bufferevent_set_max_single_read() and _write(): never more in one turn of the loop, and no less
// while there is more.
#include <event2/watch.h>
#include <fcntl.h>
#include <unistd.h>

#include "stream/support.h"

namespace test {
namespace {

constexpr std::size_t most = 100;
constexpr std::size_t all = 5050;

class TurnLimits : public EveryStack {
 protected:
  void SetUp() override {
    EveryStack::SetUp();
    settle();
    const auto count = [](evwatch*, const evwatch_prepare_cb_info*, void* turns) {
      ++*static_cast<std::size_t*>(turns);
    };
    watcher_ = evwatch_prepare_new(loop_, count, &turns_);
  }

  void TearDown() override {
    if (watcher_ != nullptr) evwatch_free(watcher_);
  }

  // One call of the loop may take several turns: callbacks that are left ask for the next one.
  std::size_t turns_of_a_call() {
    turns_ = 0;
    turn();
    return turns_;
  }

  // Runs turns until `moved` says all; each may add `most`, and stalls are counted.
  void expect_steps(const std::function<std::size_t()>& moved) {
    // What moved before the loop runs belongs to its first turn.
    std::size_t before = 0;
    std::size_t stalls = 0;
    for (int calls = 0; before < all && calls < 4000; calls++) {
      const std::size_t turns = turns_of_a_call();
      const std::size_t now = moved();
      ASSERT_LE(now, before + most * turns);
      const std::size_t least = (now - before) / most;
      if (now < all) stalls += turns - least;
      before = now;
    }
    EXPECT_EQ(before, all);
    // A timer without a delay starts each step; a fast machine turns a few times before its clock
    // moves.
    EXPECT_LE(stalls, 10 * (all / most) + static_cast<std::size_t>(GetParam().filters))
        << "no spinning";
  }

  evwatch* watcher_ = nullptr;
  std::size_t turns_ = 0;

  void fill_with_file() {
    char name[] = "/tmp/turn_limits_XXXXXX";
    const int fd = mkstemp(name);
    ASSERT_GE(fd, 0);
    unlink(name);
    const std::string bytes = pattern(all);
    ASSERT_EQ(write(fd, bytes.data(), bytes.size()), static_cast<ssize_t>(all));
    ASSERT_EQ(evbuffer_add_file(bufferevent_get_output(a_.bev), fd, 0, all), 0);
  }
};

INSTANTIATE_TEST_SUITE_P(All, TurnLimits, testing::ValuesIn(all_stacks()), name_of);

TEST_P(TurnLimits, HoldsForReading) {
  b_.keeps_input = true;
  ASSERT_EQ(bufferevent_set_max_single_read(b_.bev, most), 0);
  a_.write(pattern(all));
  expect_steps([&] { return b_.input_size(); });
  b_.take_input();
  EXPECT_TRUE(b_.got == pattern(all));
}

TEST_P(TurnLimits, HoldsForReadingIntoACallbackThatTakesAll) {
  ASSERT_EQ(bufferevent_set_max_single_read(b_.bev, most), 0);
  a_.write(pattern(all));
  expect_steps([&] { return b_.got.size() + b_.input_size(); });
  EXPECT_TRUE(b_.got == pattern(all));
}

TEST_P(TurnLimits, HoldsForWriting) {
  ASSERT_EQ(bufferevent_set_max_single_write(a_.bev, most), 0);
  a_.write(pattern(all));
  expect_steps([&] { return all - a_.output_size(); });
  ASSERT_TRUE(run_until([&] { return b_.got.size() == all; }));
  EXPECT_TRUE(b_.got == pattern(all));
}

TEST_P(TurnLimits, HoldsForFilesInTheOutput) {
  ASSERT_EQ(bufferevent_set_max_single_write(a_.bev, most), 0);
  fill_with_file();
  expect_steps([&] { return all - a_.output_size(); });
  ASSERT_TRUE(run_until([&] { return b_.got.size() == all; }));
  EXPECT_TRUE(b_.got == pattern(all));
}

TEST_P(TurnLimits, HoldsWhileTheWriteCallbackWritesMore) {
  ASSERT_EQ(bufferevent_set_max_single_write(a_.bev, most), 0);
  std::size_t written = 0;
  const auto write_more = [&] {
    if (written == all) return;
    a_.write(pattern(10));
    written += 10;
  };
  a_.on_write = write_more;
  write_more();
  std::size_t before = 0;
  for (int calls = 0; before < all && calls < 4000; calls++) {
    const std::size_t turns = turns_of_a_call();
    const std::size_t now = written - a_.output_size();
    ASSERT_LE(now - before, most * turns);
    before = now;
  }
  EXPECT_EQ(before, all);
}

TEST_P(TurnLimits, HoldsBesideARateLimit) {
  b_.keeps_input = true;
  ev_token_bucket_cfg* plenty =
      ev_token_bucket_cfg_new(1U << 20, 1U << 20, 1U << 20, 1U << 20, nullptr);
  ASSERT_EQ(bufferevent_set_rate_limit(b_.bev, plenty), 0);
  ASSERT_EQ(bufferevent_set_max_single_read(b_.bev, most), 0);
  a_.write(pattern(all));
  expect_steps([&] { return b_.input_size(); });
  bufferevent_set_rate_limit(b_.bev, nullptr);
  ev_token_bucket_cfg_free(plenty);
}

TEST_P(TurnLimits, AreForgottenWithZeroAndWithTooMuch) {
  const ev_ssize_t usual = bufferevent_get_max_single_read(b_.bev);
  EXPECT_EQ(usual, bufferevent_get_max_single_write(b_.bev));
  for (const std::size_t none : {std::size_t{0}, SIZE_MAX}) {
    ASSERT_EQ(bufferevent_set_max_single_read(b_.bev, 7), 0);
    ASSERT_EQ(bufferevent_set_max_single_write(b_.bev, 8), 0);
    EXPECT_EQ(bufferevent_get_max_single_read(b_.bev), 7);
    EXPECT_EQ(bufferevent_get_max_single_write(b_.bev), 8);
    ASSERT_EQ(bufferevent_set_max_single_read(b_.bev, none), 0);
    ASSERT_EQ(bufferevent_set_max_single_write(b_.bev, none), 0);
    EXPECT_EQ(bufferevent_get_max_single_read(b_.bev), usual);
    EXPECT_EQ(bufferevent_get_max_single_write(b_.bev), usual);
  }
  a_.write(pattern(100'000));
  ASSERT_TRUE(run_until([&] { return b_.got.size() == 100'000; }));
}

}  // namespace
}  // namespace test

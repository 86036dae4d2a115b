// How a filter waits for the stream below to take its output.
#include "stream/support.h"
#include "support/shutdown_outcome.h"

namespace test {
namespace {

constexpr std::size_t block_size = 7000;

bufferevent_filter_result in_blocks(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                    bufferevent_flush_mode, void*) {
  const std::size_t whole = evbuffer_get_length(source) / block_size * block_size;
  if (whole == 0) return BEV_NEED_MORE;
  evbuffer_remove_buffer(source, destination, whole);
  return BEV_OK;
}

bufferevent_filter_result take_all(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                   bufferevent_flush_mode, void*) {
  if (evbuffer_get_length(source) == 0) return BEV_NEED_MORE;
  evbuffer_add_buffer(destination, source);
  return BEV_OK;
}

// a_ is a filter with an output function, b_ the plain other end of the stream below.
class FilterOutput : public ConversationTest, public testing::WithParamInterface<StackType> {
 protected:
  void SetUp() override {
    const Ends ends = make_ends(loop_, GetParam());
    a_.bev = ends[0];
    b_.take(ends[1]);
    put_on_top(take_all);
  }
  void put_on_top(bufferevent_filter_cb output) {
    a_.take(bufferevent_filter_new(a_.bev, nullptr, output,
                                   GetParam().options | BEV_OPT_CLOSE_ON_FREE, nullptr, nullptr));
  }
  std::size_t waits_below() const {
    return evbuffer_get_length(bufferevent_get_output(bufferevent_get_underlying(a_.bev)));
  }

  std::size_t written_ = 0;
};

INSTANTIATE_TEST_SUITE_P(
    All, FilterOutput,
    testing::Values(StackType{"socket", false, 0, 0, false},
                    StackType{"socket_deferred", false, 0, BEV_OPT_DEFER_CALLBACKS, false},
                    StackType{"pair", true, 0, 0, false},
                    StackType{"filter_on_socket", false, 1, 0, false},
                    StackType{"socket_locked", false, 0, BEV_OPT_THREADSAFE, false}),
    name_of);

// A program that keeps its output filled, as write callbacks do, is slowed down by its peer.
TEST_P(FilterOutput, WaitsWhileMuchWaitsBelow) {
  const std::string block = pattern(50'000);
  const auto refill = [&] {
    while (written_ < 20U << 20 && a_.output_size() < block.size()) {
      a_.write(block);
      written_ += block.size();
      if (a_.output_size() == 0) return;  // it is called again
    }
  };
  bufferevent_disable(b_.bev, EV_READ);
  a_.on_write = refill;
  refill();
  settle();
  EXPECT_LE(waits_below(), 256U * 1024);
  EXPECT_GE(a_.output_size(), block.size());
  EXPECT_LT(written_, 4U << 20);
  const std::size_t before = written_;
  settle();
  EXPECT_EQ(written_, before);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.size() >= 20U << 20; }));
  for (std::size_t at = 0; at < b_.got.size(); at += block.size()) {
    ASSERT_EQ(b_.got.compare(at, block.size(), block, 0, b_.got.size() - at), 0) << at;
  }
}

TEST_P(FilterOutput, WithoutAnOutputFunctionAddsNoMoreBelowThanMayWaitThere) {
  put_on_top(nullptr);
  bufferevent_disable(b_.bev, EV_READ);
  a_.write(pattern(4U << 20));
  for (int i = 0; i < 100; i++) a_.write(pattern(50'000));
  settle();
  EXPECT_LE(waits_below(), 256U * 1024);
  EXPECT_GE(a_.output_size(), 4U << 20);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.size() == (4U << 20) + 5'000'000; }));
  EXPECT_TRUE(b_.got.starts_with(pattern(4U << 20)));
  EXPECT_TRUE(b_.got.ends_with(pattern(50'000)));
}

TEST_P(FilterOutput, PassesAllDownWhenFlushed) {
  for (const bufferevent_flush_mode mode : {BEV_NORMAL, BEV_FLUSH, BEV_FINISHED}) {
    bufferevent_disable(b_.bev, EV_READ);
    for (int i = 0; i < 200; i++) a_.write(pattern(10'000));
    EXPECT_GT(a_.output_size(), 0U);
    if (mode == BEV_FINISHED && GetParam().is_pair) break;  // its end would come before the bytes
    EXPECT_EQ(bufferevent_flush(a_.bev, EV_WRITE, mode), 1);
    EXPECT_EQ(a_.output_size(), 0U);
    bufferevent_enable(b_.bev, EV_READ);
    ASSERT_TRUE(run_until([&] { return b_.got.size() == 2'000'000; }));
    b_.got.clear();
  }
}

// What it was asked for, and whether it is running.
struct Asked {
  std::vector<bufferevent_flush_mode> modes;
  bool is_running = false;
};

bufferevent_filter_result note_mode(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                    bufferevent_flush_mode mode, void* asked) {
  auto& own = *static_cast<Asked*>(asked);
  EXPECT_FALSE(own.is_running) << "called out of itself";
  own.is_running = true;
  own.modes.push_back(mode);
  const bool has_bytes = evbuffer_get_length(source) > 0;
  evbuffer_add_buffer(destination, source);
  if (mode != BEV_NORMAL) evbuffer_add(destination, "!", 1);
  own.is_running = false;
  return has_bytes || mode != BEV_NORMAL ? BEV_OK : BEV_NEED_MORE;
}

class FilterFlush : public FilterOutput {
 protected:
  void SetUp() override {
    const Ends ends = make_ends(loop_, GetParam());
    b_.take(ends[1]);
    lower = ends[0];
    a_.take(bufferevent_filter_new(lower, nullptr, note_mode,
                                   GetParam().options | BEV_OPT_CLOSE_ON_FREE, nullptr, &asked));
  }
  // Flushes the filter when the buffer changes, once.
  void flush_with(evbuffer* buffer) {
    const auto on_change = [](evbuffer*, const evbuffer_cb_info*, void* self) {
      auto& test = *static_cast<FilterFlush*>(self);
      if (std::exchange(test.has_flushed, true)) return;
      bufferevent_flush(test.a_.bev, EV_WRITE, BEV_FLUSH);
    };
    evbuffer_add_cb(buffer, on_change, this);
  }

  bufferevent* lower = nullptr;
  Asked asked;
  bool has_flushed = false;
};

INSTANTIATE_TEST_SUITE_P(
    All, FilterFlush,
    testing::Values(StackType{"socket", false, 0, 0, false}, StackType{"pair", true, 0, 0, false},
                    StackType{"socket_deferred", false, 0, BEV_OPT_DEFER_CALLBACKS, false}),
    name_of);

TEST_P(FilterFlush, InTheWriteCallback) {
  a_.on_write = [&] {
    if (std::exchange(has_flushed, true)) return;
    EXPECT_EQ(bufferevent_flush(a_.bev, EV_WRITE, BEV_FLUSH), 1);
  };
  a_.write("bytes");
  ASSERT_TRUE(run_until([&] { return b_.got == "bytes!"; })) << b_.got;
  EXPECT_EQ(asked.modes, (std::vector<bufferevent_flush_mode>{BEV_NORMAL, BEV_FLUSH}));
}

TEST_P(FilterFlush, InTheCallbackOfABufferThatTheFunctionChanges) {
  for (const bool is_below : {false, true}) {
    has_flushed = false;
    flush_with(bufferevent_get_output(is_below ? lower : a_.bev));
    a_.write("bytes");
    ASSERT_TRUE(run_until([&] { return b_.got.ends_with("!"); })) << b_.got;
    EXPECT_EQ(b_.got.find("bytes"), 0U);
    b_.got.clear();
  }
}

// A filter for the first part of a conversation: the program goes on with the stream below.
TEST_P(FilterOutput, LeavesWhatWasWrittenToTheStreamBelowWhenItIsFreed) {
  for (const bufferevent_filter_cb output : {bufferevent_filter_cb{nullptr}, take_all}) {
    bufferevent* lower = a_.bev;
    bufferevent* filter =
        bufferevent_filter_new(lower, nullptr, output, GetParam().options, nullptr, nullptr);
    bufferevent_enable(filter, EV_WRITE);
    bufferevent_disable(b_.bev, EV_READ);
    int calls = 0;
    bufferevent_setcb(
        filter, nullptr, [](bufferevent*, void* count) { ++*static_cast<int*>(count); }, nullptr,
        &calls);
    const std::string block = pattern(10'000);
    for (int i = 0; i < 200; i++) bufferevent_write(filter, block.data(), block.size());
    EXPECT_GT(evbuffer_get_length(bufferevent_get_output(filter)), 0U);
    calls = 0;
    bufferevent_free(filter);
    EXPECT_EQ(calls, 0);
    bufferevent_enable(b_.bev, EV_READ);
    ASSERT_TRUE(run_until([&] { return b_.got.size() == 2'000'000; })) << b_.got.size();
    b_.got.clear();
  }
}

TEST_P(FilterOutput, IsShutDownBehindWhatWaitsForRoomBelow) {
  bufferevent_disable(b_.bev, EV_READ);
  for (int i = 0; i < 100; i++) a_.write(pattern(50'000));
  EXPECT_GT(a_.output_size(), 1U << 20);
  int drained = 0;
  bevel_set_drain_cb(
      a_.bev, [](bufferevent*, void* count) { ++*static_cast<int*>(count); }, &drained);
  ShutdownOutcome outcome;
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, ShutdownOutcome::note, &outcome), 0);
  settle();
  EXPECT_EQ(outcome.calls, 0);
  EXPECT_EQ(drained, 0);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.events > 0 && outcome.calls > 0; }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_EQ(b_.got.size(), 5'000'000U);
  EXPECT_EQ(drained, 1);
}

TEST_P(FilterOutput, CountsTheTimeThatItsOutputWaitsForRoomBelow) {
  constexpr timeval time{0, 20'000};
  bufferevent_disable(b_.bev, EV_READ);
  for (int i = 0; i < 20; i++) a_.write(pattern(50'000));
  settle();
  a_.write("waits");
  ASSERT_GT(a_.output_size(), 0U);
  bufferevent_set_timeouts(a_.bev, nullptr, &time);
  a_.write("more");
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.what, BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING);
  bufferevent_set_timeouts(a_.bev, nullptr, nullptr);
  bufferevent_enable(a_.bev, EV_WRITE);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.ends_with("more"); }));
}

// Its output is never empty, so that its write callback does not come.
TEST_P(FilterOutput, GoesOnAboveAFilterThatKeepsSomeBytes) {
  put_on_top(in_blocks);
  put_on_top(nullptr);
  bufferevent_disable(b_.bev, EV_READ);
  for (int i = 0; i < 400; i++) a_.write(pattern(10'000));
  settle();
  EXPECT_GT(a_.output_size(), 1U << 20);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.size() == 4'000'000 / block_size * block_size; }));
}

// The one on top holds it.
TEST_P(FilterOutput, GoesOnAboveAWaitingFilterThatIsFreedFirst) {
  put_on_top(in_blocks);
  put_on_top(nullptr);
  bufferevent* waiting = a_.bev;
  a_.take(bufferevent_filter_new(waiting, nullptr, nullptr, GetParam().options, nullptr, nullptr));
  bufferevent_disable(b_.bev, EV_READ);
  for (int i = 0; i < 400; i++) a_.write(pattern(10'000));
  settle();
  EXPECT_GT(a_.output_size(), 1U << 20);
  bufferevent_free(waiting);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.size() == 4'000'000 / block_size * block_size; }))
      << b_.got.size();
}

}  // namespace
}  // namespace test

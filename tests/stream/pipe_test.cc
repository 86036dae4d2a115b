// bevel_pipe(): bytes and ends pass both ways, the slow side holds up the fast one, and it ends
// well in every case.
#include <cerrno>

#include "stream/support.h"

namespace test {
namespace {

// left_ - a ==pipe== b - right_
class Pipes : public LoopTest, public testing::WithParamInterface<StackType> {
 protected:
  void SetUp() override {
    const Ends one = make_ends(loop_, GetParam());
    const Ends two = make_ends(loop_, GetParam());
    left_.take(one[0]);
    a_ = one[1];
    b_ = two[0];
    right_.take(two[1]);
  }
  ~Pipes() override {
    left_.free();
    right_.free();
    if (a_ != nullptr) bufferevent_free(a_);
    if (b_ != nullptr) bufferevent_free(b_);
    settle();
  }

  void pipe(int flags = 0) {
    const auto done = [](bufferevent* a, bufferevent* b, int error, void* self) {
      Pipes& test = *static_cast<Pipes*>(self);
      test.calls_++;
      test.error_ = error;
      EXPECT_EQ(a, test.a_);
      EXPECT_EQ(b, test.b_);
      if (test.then_) test.then_();
    };
    ASSERT_EQ(bevel_pipe(a_, b_, flags, done, this), 0);
  }
  void free_a() {
    bufferevent_free(a_);
    a_ = nullptr;
  }
  void end(End& end) { ASSERT_EQ(bevel_shutdown(end.bev, EV_WRITE, nullptr, nullptr, nullptr), 0); }
  static std::size_t waits_in(bufferevent* bev) {
    std::size_t bytes = 0;
    for (; bev != nullptr; bev = bufferevent_get_underlying(bev)) {
      bytes += evbuffer_get_length(bufferevent_get_output(bev));
    }
    return bytes;
  }

  End left_;
  End right_;
  bufferevent* a_ = nullptr;
  bufferevent* b_ = nullptr;
  int calls_ = 0;
  int error_ = -1;
  std::function<void()> then_;
};

INSTANTIATE_TEST_SUITE_P(
    All, Pipes,
    testing::Values(
        StackType{"socket", false, 0, 0, false},
        StackType{"socket_deferred", false, 0, BEV_OPT_DEFER_CALLBACKS, false},
        StackType{"socket_locked", false, 0, BEV_OPT_THREADSAFE, false},
        StackType{"pair", true, 0, 0, false},
        StackType{"pair_unlocked", true, 0,
                  BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS, false},
        StackType{"filter_on_socket", false, 1, 0, true},
        StackType{"filter_on_pair_locked", true, 1, BEV_OPT_THREADSAFE, false}),
    name_of);

TEST_P(Pipes, CarryBytesBothWaysAndBothEnds) {
  left_.write(pattern(100, 9));
  settle();  // waits in `a_` when the pipe begins
  pipe();
  left_.write(pattern(3U << 20, 1));
  right_.write(pattern(2U << 20, 2));
  end(left_);
  end(right_);
  ASSERT_TRUE(run_until([&] { return calls_ > 0; }));
  ASSERT_TRUE(run_until([&] { return left_.events > 0 && right_.events > 0; }));
  EXPECT_EQ(error_, 0);
  EXPECT_TRUE(right_.got == pattern(100, 9) + pattern(3U << 20, 1));
  EXPECT_TRUE(left_.got == pattern(2U << 20, 2));
  EXPECT_EQ(left_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
  EXPECT_EQ(right_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
  settle();
  EXPECT_EQ(calls_, 1);
}

TEST_P(Pipes, RelayAHalfCloseAndGoOnTheOtherWay) {
  pipe();
  left_.write("request");
  end(left_);
  ASSERT_TRUE(run_until([&] { return right_.events > 0; }));
  EXPECT_EQ(right_.got, "request");
  right_.write(pattern(1U << 20));
  ASSERT_TRUE(run_until([&] { return left_.got.size() == 1U << 20; }));
  EXPECT_EQ(left_.events, 0);
  EXPECT_EQ(calls_, 0);
}

TEST_P(Pipes, RelayAnEndThatCameBefore) {
  bufferevent_enable(a_, EV_READ);
  left_.write("early");
  end(left_);
  settle();
  pipe();
  ASSERT_TRUE(run_until([&] { return right_.events > 0; }));
  EXPECT_EQ(right_.got, "early");
}

TEST_P(Pipes, HoldUpTheFastSide) {
  pipe();
  bufferevent_disable(right_.bev, EV_READ);
  limit_output_below(b_, 1000);
  constexpr std::size_t much = 8U << 20;
  left_.write(pattern(much));
  settle();
  EXPECT_LE(waits_in(b_), 260U * 1024);
  EXPECT_LE(evbuffer_get_length(bufferevent_get_input(a_)), 256U * 1024);
  EXPECT_EQ(right_.got.size(), 0U);
  right_.write("the other way is free");
  ASSERT_TRUE(run_until([&] { return !left_.got.empty(); }));
  bufferevent_enable(right_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return right_.got.size() == much; }));
  EXPECT_TRUE(right_.got == pattern(much));
}

TEST_P(Pipes, HoldUpTheFastSideAlsoWithoutMarksBelow) {
  pipe();
  bufferevent_disable(right_.bev, EV_READ);
  constexpr std::size_t much = 8U << 20;
  left_.write(pattern(much));
  settle();
  for (bufferevent* bev = b_; bev != nullptr; bev = bufferevent_get_underlying(bev)) {
    EXPECT_LE(evbuffer_get_length(bufferevent_get_output(bev)), 256U * 1024);
  }
  EXPECT_LE(evbuffer_get_length(bufferevent_get_input(a_)), 256U * 1024);
  bufferevent_enable(right_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return right_.got.size() == much; }));
  EXPECT_TRUE(right_.got == pattern(much));
}

TEST_P(Pipes, CarryWhatALowMarkWouldKeepAndGiveTheMarksBack) {
  bufferevent_setwatermark(a_, EV_READ, 100, 1000);
  bufferevent_setwatermark(b_, EV_READ, 100, 1000);
  pipe();
  left_.write("few");
  ASSERT_TRUE(run_until([&] { return right_.got == "few"; }));
  bufferevent_setwatermark(b_, EV_READ, 7, 0);  // the program's word is the last one
  end(left_);
  end(right_);
  ASSERT_TRUE(run_until([&] { return calls_ > 0; }));
  std::size_t low = 0, high = 0;
  EXPECT_EQ(bufferevent_getwatermark(a_, EV_READ, &low, &high), 0);
  EXPECT_EQ(low, 100U);
  EXPECT_EQ(high, 1000U);
  EXPECT_EQ(bufferevent_getwatermark(b_, EV_READ, &low, &high), 0);
  EXPECT_EQ(low, 7U);
  EXPECT_EQ(high, 0U);
}

TEST_P(Pipes, GiveTheOtherSideBackWhenOneIsFreed) {
  pipe();
  left_.write("bytes");
  ASSERT_TRUE(run_until([&] { return !right_.got.empty(); }));
  free_a();
  End mine;
  mine.take(b_);
  settle();
  right_.write("for me");
  ASSERT_TRUE(run_until([&] { return mine.got == "for me"; })) << "its callbacks are mine";
  EXPECT_EQ(calls_, 0);
}

TEST_P(Pipes, SurviveThatBothSidesAreFreed) {
  pipe();
  left_.write(pattern(1U << 20));
  turn();
  free_a();
  bufferevent_free(b_);
  b_ = nullptr;
  settle();
  EXPECT_EQ(calls_, 0);
}

TEST_P(Pipes, TellOfAnError) {
  pipe();
  settle();
  errno = ECONNRESET;
  bufferevent_trigger_event(lowest(a_), BEV_EVENT_ERROR | BEV_EVENT_READING, 0);
  ASSERT_TRUE(run_until([&] { return calls_ > 0; }));
  EXPECT_EQ(error_, ECONNRESET);
  settle();
  bufferevent_data_cb read_cb = nullptr;
  bufferevent_getcb(b_, &read_cb, nullptr, nullptr, nullptr);
  EXPECT_EQ(read_cb, nullptr) << "both are the program's again";
}

TEST_P(Pipes, EndWhileAHalfCloseIsUnderway) {
  pipe();
  bufferevent_disable(right_.bev, EV_READ);
  limit_output_below(b_, 1000);
  left_.write(pattern(100'000));
  end(left_);
  settle();
  free_a();
  bufferevent_enable(right_.bev, EV_READ);
  settle();
  EXPECT_EQ(calls_, 0);
}

TEST_P(Pipes, FreeBothAtTheEndIfAskedTo) {
  pipe(BEVEL_PIPE_CLOSE_ON_END);
  left_.write(pattern(100'000));
  end(left_);
  end(right_);
  ASSERT_TRUE(run_until([&] { return calls_ > 0; }));
  a_ = b_ = nullptr;  // leaks are seen by the sanitizer
  ASSERT_TRUE(run_until([&] { return right_.got.size() == 100'000; }));
}

TEST_P(Pipes, MayFreeBothInTheLastCallback) {
  then_ = [&] {
    bufferevent_free(a_);
    bufferevent_free(b_);
  };
  pipe(BEVEL_PIPE_CLOSE_ON_END);
  end(left_);
  end(right_);
  ASSERT_TRUE(run_until([&] { return calls_ > 0; }));
  a_ = b_ = nullptr;
}

TEST_P(Pipes, AreRefusedWhereTheyMakeNoSense) {
  pipe();
  EXPECT_EQ(bevel_pipe(a_, b_, 0, nullptr, nullptr), -1) << "they are piped";
  EXPECT_EQ(errno, EALREADY);
  EXPECT_EQ(bevel_pipe(left_.bev, left_.bev, 0, nullptr, nullptr), -1);
  EXPECT_EQ(bevel_pipe(left_.bev, nullptr, 0, nullptr, nullptr), -1);
  EXPECT_EQ(bevel_pipe(nullptr, right_.bev, 0, nullptr, nullptr), -1);
  EXPECT_EQ(bevel_pipe(left_.bev, right_.bev, 0x10, nullptr, nullptr), -1);
}

TEST_P(Pipes, AreRefusedBetweenEndsOfOneStream) {
  if (GetParam().is_pair) {
    EXPECT_EQ(bevel_pipe(left_.bev, a_, 0, nullptr, nullptr), -1)
        << "bytes would go round for ever";
    EXPECT_EQ(errno, EINVAL);
  }
  for (bufferevent* below = bufferevent_get_underlying(a_); below != nullptr;
       below = bufferevent_get_underlying(below)) {
    EXPECT_EQ(bevel_pipe(a_, below, 0, nullptr, nullptr), -1);
    EXPECT_EQ(bevel_pipe(below, a_, 0, nullptr, nullptr), -1);
    EXPECT_EQ(errno, EINVAL);
  }
  pipe();
  left_.write("bytes");
  ASSERT_TRUE(run_until([&] { return right_.got == "bytes"; }));
}

// Not before the other way has brought everything.
TEST_F(LoopTest, PipesEndWhenNobodyIsLeftToTakeWhatWaits) {
  for (const bool is_filtered : {false, true}) {
    bufferevent *one[2], *two[2];
    ASSERT_EQ(bevel_pair_new(loop_, loop_, 0, BEVEL_PAIR_EOF_ON_FREE, one), 0);
    ASSERT_EQ(bevel_pair_new(loop_, loop_, 0, BEVEL_PAIR_EOF_ON_FREE, two), 0);
    if (is_filtered) {
      two[0] =
          bufferevent_filter_new(two[0], nullptr, nullptr, BEV_OPT_CLOSE_ON_FREE, nullptr, nullptr);
    }
    End left;
    left.take(one[0]);
    int error = 0;
    const auto done = [](bufferevent*, bufferevent*, int why, void* told) {
      *static_cast<int*>(told) = why;
    };
    ASSERT_EQ(bevel_pipe(one[1], two[0], BEVEL_PIPE_CLOSE_ON_END, done, &error), 0);
    left.write(pattern(2U << 20));
    const std::string last_words = pattern(100'000);
    bufferevent_write(two[1], last_words.data(), last_words.size());
    settle();
    bufferevent_free(two[1]);
    ASSERT_TRUE(run_until([&] { return error != 0; })) << is_filtered;
    EXPECT_EQ(error, EPIPE);
    EXPECT_TRUE(run_until([&] { return left.events > 0; }));
    EXPECT_TRUE(left.got == last_words);
    left.free();
    settle();
  }
}

}  // namespace
}  // namespace test

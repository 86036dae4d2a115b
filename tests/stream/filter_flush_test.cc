// What the program hears of input that a flush drove through a filter.
#include "stream/support.h"

namespace test {
namespace {

bufferevent_filter_result keep_until_flushed(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                             bufferevent_flush_mode mode, void*) {
  if (mode == BEV_NORMAL || evbuffer_get_length(source) == 0) return BEV_NEED_MORE;
  evbuffer_add_buffer(destination, source);
  return BEV_OK;
}

// a_ is a filter that keeps "abc" below until it is flushed.
class FlushedInput : public ConversationTest, public testing::WithParamInterface<StackType> {
 protected:
  void SetUp() override {
    const Ends ends = make_ends(loop_, GetParam());
    lower_ = ends[0];
    b_.take(ends[1]);
    a_.take(bufferevent_filter_new(lower_, keep_until_flushed, nullptr,
                                   BEV_OPT_CLOSE_ON_FREE | GetParam().options, nullptr, nullptr));
    b_.write("abc");
    EXPECT_TRUE(run_until([&] { return evbuffer_get_length(bufferevent_get_input(lower_)) == 3; }));
    settle();
    EXPECT_EQ(a_.reads, 0);
  }
  void flush() { EXPECT_EQ(bufferevent_flush(a_.bev, EV_READ, BEV_FLUSH), 1); }

  bufferevent* lower_ = nullptr;
};

// Holds back by itself what it took: there is nothing below any more.
struct Hoard {
  static bufferevent_filter_result filter(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                          bufferevent_flush_mode, void* self) {
    auto& hoard = *static_cast<Hoard*>(self);
    hoard.calls++;
    if (evbuffer_get_length(source) > 0)
      return evbuffer_add_buffer(hoard.held, source), BEV_NEED_MORE;
    if (evbuffer_get_length(hoard.held) == 0) return BEV_NEED_MORE;
    evbuffer_add_buffer(destination, hoard.held);
    return BEV_OK;
  }
  ~Hoard() { evbuffer_free(held); }
  evbuffer* held = evbuffer_new();
  int calls = 0;
};

class HoardedInput : public ConversationTest, public testing::WithParamInterface<StackType> {
 protected:
  void SetUp() override {
    const Ends ends = make_ends(loop_, GetParam());
    b_.take(ends[1]);
    a_.take(bufferevent_filter_new(ends[0], Hoard::filter, nullptr,
                                   BEV_OPT_CLOSE_ON_FREE | GetParam().options, nullptr, &hoard_));
    b_.write("abc");
    EXPECT_TRUE(run_until([&] { return evbuffer_get_length(hoard_.held) == 3; }));
  }
  Hoard hoard_;
};

INSTANTIATE_TEST_SUITE_P(All, HoardedInput, testing::ValuesIn(all_stacks()), name_of);

TEST_P(HoardedInput, ComesWithAFlushThatIsNoneToo) {
  EXPECT_EQ(bufferevent_flush(a_.bev, EV_READ, BEV_NORMAL), 1);
  settle();
  EXPECT_EQ(a_.got, "abc");
}

TEST_P(HoardedInput, WaitsForReadingAndRoom) {
  const int before = hoard_.calls;
  bufferevent_disable(a_.bev, EV_READ);
  EXPECT_EQ(bufferevent_flush(a_.bev, EV_READ, BEV_NORMAL), 0);
  EXPECT_EQ(hoard_.calls, before);
}

INSTANTIATE_TEST_SUITE_P(All, FlushedInput, testing::ValuesIn(all_stacks()), name_of);

// From the loop.
TEST_P(FlushedInput, IsToldLater) {
  flush();
  EXPECT_EQ(a_.reads, 0);
  settle();
  EXPECT_EQ(a_.got, "abc");
  EXPECT_EQ(a_.reads, 1);
}

TEST_P(FlushedInput, IsNotToldOfWhatTheProgramTookBefore) {
  flush();
  evbuffer_drain(bufferevent_get_input(a_.bev), 3);
  settle();
  EXPECT_EQ(a_.reads, 0);
}

// More than the mark, which suspends reading.
TEST_P(FlushedInput, IsToldBeyondTheMark) {
  bufferevent_setwatermark(a_.bev, EV_READ, 0, 1);
  flush();
  settle();
  EXPECT_EQ(a_.got, "abc");
  EXPECT_EQ(a_.reads, 1);
}

TEST_P(FlushedInput, IsToldBeforeTheEnd) {
  std::string got_before;
  a_.on_event = [&](short) { got_before = a_.got; };
  flush();
  bufferevent_trigger_event(lower_, BEV_EVENT_EOF | BEV_EVENT_READING, 0);
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(got_before, "abc");
}

TEST_P(FlushedInput, IsToldWhenReadingIsEnabledAgain) {
  bufferevent_disable(a_.bev, EV_READ);
  flush();
  settle();
  EXPECT_EQ(a_.reads, 0);
  bufferevent_enable(a_.bev, EV_READ);
  settle();
  EXPECT_EQ(a_.got, "abc");
  EXPECT_EQ(a_.reads, 1);
}

TEST_P(FlushedInput, IsToldWhenReadingIsEnabledAgainBeyondTheMark) {
  bufferevent_setwatermark(a_.bev, EV_READ, 0, 1);
  bufferevent_disable(a_.bev, EV_READ);
  flush();
  settle();
  EXPECT_EQ(a_.reads, 0);
  bufferevent_enable(a_.bev, EV_READ);
  settle();
  EXPECT_EQ(a_.got, "abc");
  EXPECT_EQ(a_.reads, 1);
}

}  // namespace
}  // namespace test

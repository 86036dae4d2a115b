// The same conversation over every type and stack: bytes, marks, timeouts, callbacks.
#include <cerrno>
#include <cstdint>
#include <tuple>

#include "stream/support.h"

namespace test {
namespace {

INSTANTIATE_TEST_SUITE_P(All, EveryStack, testing::ValuesIn(all_stacks()), name_of);

// --- bytes ---

TEST_P(EveryStack, CarriesBytesOfEverySizeBothWays) {
  std::string to_a;
  std::string to_b;
  for (const std::size_t size :
       {1U, 2U, 100U, 4095U, 4096U, 4097U, 65537U, (1U << 20) + 3U, 4U << 20}) {
    const std::string forth = pattern(size, 1);
    const std::string back = pattern(size, 2);
    a_.write(forth);
    b_.write(back);
    to_a += back;
    to_b += forth;
    ASSERT_TRUE(run_until([&] {
      return a_.got.size() >= to_a.size() && b_.got.size() >= to_b.size();
    })) << size;
  }
  EXPECT_TRUE(a_.got == to_a);
  EXPECT_TRUE(b_.got == to_b);
  EXPECT_EQ(a_.events + b_.events, 0);
}

TEST_P(EveryStack, CarriesManySmallWritesInOrder) {
  std::string sent;
  for (unsigned i = 0; i < 500; i++) {
    const std::string piece = pattern(i % 37 + 1, i);
    a_.write(piece);
    sent += piece;
    if (i % 7 == 0) turn();
  }
  ASSERT_TRUE(run_until([&] { return b_.got.size() >= sent.size(); }));
  EXPECT_TRUE(b_.got == sent);
}

TEST_P(EveryStack, AnswersFromWithinTheReadCallback) {
  int left = 200;
  const auto answer = [&](End& end) {
    return [&] {
      if (left-- > 0) end.write("ping");
    };
  };
  a_.on_read = answer(a_);
  b_.on_read = answer(b_);
  a_.write("ping");
  ASSERT_TRUE(run_until([&] { return left < 0; }));
  EXPECT_EQ((a_.got.size() + b_.got.size()) / 4, 201U);
}

// --- watermarks ---

TEST_P(EveryStack, HoldsTheMarksOfReadingExactly) {
  b_.keeps_input = true;
  bufferevent_setwatermark(b_.bev, EV_READ, 10, 20);
  a_.write(pattern(9));
  settle();
  EXPECT_EQ(b_.reads, 0);
  EXPECT_EQ(b_.input_size(), 9U);
  a_.write(pattern(91));
  settle();
  EXPECT_GE(b_.reads, 1);
  EXPECT_EQ(b_.input_size(), 20U);
  evbuffer_drain(bufferevent_get_input(b_.bev), 3);
  settle();
  EXPECT_EQ(b_.input_size(), 20U);
  evbuffer_drain(bufferevent_get_input(b_.bev), 20);
  settle();
  EXPECT_EQ(b_.input_size(), 20U);
  bufferevent_setwatermark(b_.bev, EV_READ, 0, 0);
  settle();
  EXPECT_EQ(b_.input_size(), 77U);
}

TEST_P(EveryStack, CallsForOutputAtTheLowMarkOnly) {
  bufferevent_disable(b_.bev, EV_READ);
  limit_output_below(a_.bev);
  settle();
  a_.writes = 0;
  a_.write(pattern(more_than_fits));
  settle();
  const std::size_t left = a_.output_size();
  ASSERT_GT(left, 1000U);
  EXPECT_EQ(a_.writes, 0);
  bufferevent_setwatermark(a_.bev, EV_WRITE, 1000, 0);
  bool was_early = false;
  a_.on_write = [&] { was_early |= a_.output_size() > 1000; };
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.size() == more_than_fits; }));
  settle();
  EXPECT_GE(a_.writes, 1);
  EXPECT_FALSE(was_early);
}

// --- timeouts ---

TEST_P(EveryStack, ReportsAReadTimeoutOnceAndStopsReading) {
  constexpr timeval time{0, 20'000};
  bufferevent_set_timeouts(b_.bev, &time, nullptr);
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  EXPECT_EQ(b_.what, BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
  EXPECT_EQ(bufferevent_get_enabled(b_.bev) & EV_READ, 0);
  run_for(60);
  EXPECT_EQ(b_.events, 1);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.events > 1; }));
  EXPECT_EQ(a_.events, 0);
}

TEST_P(EveryStack, ReportsAWriteTimeoutOnceAndStopsWriting) {
  bufferevent_disable(b_.bev, EV_READ);
  limit_output_below(a_.bev);
  constexpr timeval time{0, 20'000};
  bufferevent_set_timeouts(a_.bev, nullptr, &time);
  run_for(60);
  EXPECT_EQ(a_.events, 0) << "nothing to write";
  a_.write(pattern(more_than_fits));
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.what, BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING);
  EXPECT_EQ(bufferevent_get_enabled(a_.bev) & EV_WRITE, 0);
  run_for(60);
  EXPECT_EQ(a_.events, 1);
}

// --- enabling ---

TEST_P(EveryStack, MovesNothingInADirectionThatIsDisabled) {
  bufferevent_disable(b_.bev, EV_READ);
  a_.write("one");
  settle();
  EXPECT_EQ(b_.input_size(), 0U);
  EXPECT_EQ(bufferevent_get_enabled(b_.bev), EV_WRITE);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got == "one"; }));
  bufferevent_disable(a_.bev, EV_WRITE);
  a_.write("two");
  settle();
  EXPECT_EQ(b_.got, "one");
  EXPECT_EQ(a_.output_size(), 3U);
  bufferevent_enable(a_.bev, EV_WRITE);
  ASSERT_TRUE(run_until([&] { return b_.got == "onetwo"; }));
}

// --- callbacks ---

TEST_P(EveryStack, CallsNobodyAfterTheCallbacksWereTakenAway) {
  a_.write("bytes");
  b_.on_read = [&] { bufferevent_setcb(b_.bev, nullptr, nullptr, nullptr, nullptr); };
  ASSERT_TRUE(run_until([&] { return b_.reads > 0; }));
  const auto told = std::tuple(b_.reads, b_.writes, b_.events);
  a_.write("more");
  bufferevent_trigger(b_.bev, EV_READ | EV_WRITE, 0);
  bufferevent_trigger_event(b_.bev, BEV_EVENT_ERROR, 0);
  settle();
  EXPECT_EQ(told, std::tuple(b_.reads, b_.writes, b_.events));
  EXPECT_EQ(b_.input_size(), 4U);
}

TEST_P(EveryStack, CallsNobodyForWhatWasPendingWhenTheCallbacksWereTakenAway) {
  settle();
  bufferevent_trigger(b_.bev, EV_READ | EV_WRITE,
                      BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
  bufferevent_trigger_event(b_.bev, BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
  const int writes = b_.writes;
  bufferevent_setcb(b_.bev, nullptr, nullptr, nullptr, nullptr);
  settle();
  EXPECT_EQ(b_.reads + b_.events, 0);
  EXPECT_EQ(b_.writes, writes);
}

TEST_P(EveryStack, TriggersWhatItIsAskedTo) {
  settle();
  b_.reads = b_.writes = 0;
  bufferevent_setwatermark(b_.bev, EV_READ, 10, 0);
  bufferevent_trigger(b_.bev, EV_READ, 0);
  settle();
  EXPECT_EQ(b_.reads, 0) << "below the mark";
  bufferevent_trigger(b_.bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
  settle();
  EXPECT_EQ(b_.reads, 1);
  bufferevent_trigger(b_.bev, EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
  EXPECT_EQ(b_.writes, 0);
  settle();
  EXPECT_EQ(b_.writes, 1);
  bufferevent_trigger_event(b_.bev, 0x80, BEV_TRIG_DEFER_CALLBACKS);
  EXPECT_EQ(b_.events, 0);
  settle();
  EXPECT_EQ(b_.what, 0x80);
}

// --- properties ---

TEST_P(EveryStack, HasThePriorityOfItsLoop) {
  EXPECT_EQ(bufferevent_get_priority(b_.bev), 0);
  const bool is_socket = !GetParam().is_pair && GetParam().filters == 0;
  EXPECT_EQ(bufferevent_priority_set(b_.bev, 0), is_socket ? 0 : -1);
  EXPECT_EQ(bufferevent_priority_set(b_.bev, 7), -1);
}

TEST_P(EveryStack, KnowsItsLayers) {
  int layers = 0;
  for (bufferevent* bev = bufferevent_get_underlying(b_.bev); bev != nullptr;
       bev = bufferevent_get_underlying(bev)) {
    layers++;
  }
  EXPECT_EQ(layers, GetParam().filters);
  EXPECT_EQ(bufferevent_getfd(b_.bev) >= 0, !GetParam().is_pair);
  EXPECT_EQ(bufferevent_pair_get_partner(lowest(b_.bev)) != nullptr, GetParam().is_pair);
  EXPECT_EQ(bufferevent_get_base(b_.bev), loop_);
}

// The stack of calls must not grow with the height of the streams: the callbacks below and the
// filters report where they are on ours.
struct StackUse {
  std::uintptr_t low = UINTPTR_MAX;
  std::uintptr_t high = 0;
};

bufferevent_filter_result note_stack(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                     bufferevent_flush_mode, void* use) {
  // Not that of a variable, which AddressSanitizer may keep elsewhere.
  const auto address = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
  StackUse& seen = *static_cast<StackUse*>(use);
  seen.low = std::min(seen.low, address);
  seen.high = std::max(seen.high, address);
  return evbuffer_add_buffer(destination, source) == 0 && evbuffer_get_length(destination) > 0
             ? BEV_OK
             : BEV_NEED_MORE;
}

class TallStack : public ConversationTest {
 protected:
  // The bytes of stack between the calls of the filters while a message went through `height` of
  // them.
  std::size_t stack_of(int height) {
    StackUse use;
    Ends ends{};
    EXPECT_EQ(bufferevent_pair_new(loop_, 0, ends.data()), 0);
    for (bufferevent*& end : ends) {
      for (int i = 0; i < height; i++) {
        end = bufferevent_filter_new(end, note_stack, note_stack, BEV_OPT_CLOSE_ON_FREE, nullptr,
                                     &use);
      }
    }
    a_.take(ends[0]);
    b_.take(ends[1]);
    b_.got.clear();
    a_.write("up and down");
    EXPECT_TRUE(run_until([&] { return b_.got == "up and down"; }));
    a_.free();
    b_.free();
    settle();
    return use.high - use.low;
  }
};

TEST_F(TallStack, UsesNoMoreStackForMoreLayers) { EXPECT_LE(stack_of(300), stack_of(40) * 5 / 4); }

}  // namespace
}  // namespace test

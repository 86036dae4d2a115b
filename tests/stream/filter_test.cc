// What is special about filters: what their functions are called with, and what their answers do.
#include <algorithm>
#include <deque>
#include <utility>

#include "stream/support.h"
#include "support/shutdown_outcome.h"

namespace test {
namespace {

// One direction of a filter that does what the test says and notes how it was called.
struct Function {
  struct Call {
    std::size_t size;
    ev_ssize_t limit;
    bufferevent_flush_mode mode;
  };
  std::vector<Call> calls;
  std::function<bufferevent_filter_result(evbuffer*, evbuffer*, const Call&)> act;

  bufferevent_filter_result run(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                bufferevent_flush_mode mode) {
    calls.push_back({evbuffer_get_length(source), limit, mode});
    if (calls.size() > 100'000) std::abort();  // it spins
    if (act) return act(source, destination, calls.back());
    return move_all(source, destination);
  }
  static bufferevent_filter_result move_all(evbuffer* source, evbuffer* destination) {
    if (evbuffer_get_length(source) == 0) return BEV_NEED_MORE;
    evbuffer_add_buffer(destination, source);
    return BEV_OK;
  }
  bool was_called_with(bufferevent_flush_mode mode) const {
    for (const Call& call : calls) {
      if (call.mode == mode) return true;
    }
    return false;
  }
};

struct Functions {
  Function input;
  Function output;
  int freed = 0;
};

bufferevent_filter_result run_input(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                    bufferevent_flush_mode mode, void* functions) {
  return static_cast<Functions*>(functions)->input.run(source, destination, limit, mode);
}

bufferevent_filter_result run_output(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                     bufferevent_flush_mode mode, void* functions) {
  return static_cast<Functions*>(functions)->output.run(source, destination, limit, mode);
}

void count_free(void* functions) { static_cast<Functions*>(functions)->freed++; }

// a_ is the filter, b_ the plain other end of the stream below.
class Filter : public ConversationTest, public testing::WithParamInterface<StackType> {
 protected:
  void SetUp() override {
    const Ends ends = make_ends(loop_, GetParam());
    lower_ = ends[0];
    b_.take(ends[1]);
    make_filter(BEV_OPT_CLOSE_ON_FREE);
  }
  void make_filter(int options) {
    a_.take(bufferevent_filter_new(lower_, run_input, run_output, options | GetParam().options,
                                   count_free, &functions_));
  }
  std::size_t waits_below() const { return evbuffer_get_length(bufferevent_get_input(lower_)); }

  Functions functions_;
  bufferevent* lower_ = nullptr;
};

INSTANTIATE_TEST_SUITE_P(
    All, Filter,
    testing::Values(StackType{"socket", false, 0, 0, false}, StackType{"pair", true, 0, 0, false},
                    StackType{"filter_on_socket", false, 1, 0, false},
                    StackType{"socket_locked", false, 0, BEV_OPT_THREADSAFE, false}),
    name_of);

// A timeout takes the direction from the stream below, whose program is us.
TEST_P(Filter, GoesOnAfterATimeoutBelow) {
  bufferevent_disable(lower_, EV_READ | EV_WRITE);
  bufferevent_trigger_event(lower_, BEV_EVENT_TIMEOUT | BEV_EVENT_READING | BEV_EVENT_WRITING, 0);
  settle();  // a pair defers its callbacks
  EXPECT_EQ(a_.what, BEV_EVENT_TIMEOUT | BEV_EVENT_READING | BEV_EVENT_WRITING);
  bufferevent_enable(a_.bev, EV_READ | EV_WRITE);
  a_.write("down");
  b_.write("up");
  ASSERT_TRUE(run_until([&] { return a_.got == "up" && b_.got == "down"; }));
}

// What it does not even take at the end stays, and the program hears that it does.
TEST_P(Filter, IsNotShutDownCleanlyWhileItHoldsBytes) {
  functions_.output.act = [](evbuffer*, evbuffer*, const Function::Call&) { return BEV_NEED_MORE; };
  ShutdownOutcome outcome;
  a_.write("rest");
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, ShutdownOutcome::note, &outcome), 0);
  ASSERT_TRUE(run_until([&] { return outcome.calls > 0; }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_ERROR);
  EXPECT_EQ(a_.output_size(), 4U);
}

TEST_P(Filter, TellsOfAnErrorInAFlush) {
  functions_.output.act = [](evbuffer*, evbuffer* destination, const Function::Call&) {
    evbuffer_add(destination, "part", 4);
    return BEV_ERROR;
  };
  bufferevent_disable(a_.bev, EV_WRITE);
  a_.write("x");
  EXPECT_EQ(bufferevent_flush(a_.bev, EV_WRITE, BEV_FLUSH), -1);
  EXPECT_EQ(bufferevent_flush(a_.bev, EV_WRITE, BEV_FLUSH), -1) << "it is over";
  EXPECT_EQ(bufferevent_flush(a_.bev, EV_READ, BEV_FLUSH), 0);
}

// Behind an error only a program that reads on gives its bytes up.
TEST_P(Filter, KeepsWhatWaitsBelowBehindAnErrorUntilTheProgramReadsOn) {
  functions_.input.act = [](evbuffer*, evbuffer*, const Function::Call&) { return BEV_ERROR; };
  b_.write("broken");
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.what, BEV_EVENT_ERROR | BEV_EVENT_READING);
  EXPECT_EQ(bufferevent_flush(a_.bev, EV_READ, BEV_FLUSH), -1);
  EXPECT_EQ(waits_below(), 6U);
  bufferevent_enable(a_.bev, EV_READ);
  settle();
  EXPECT_EQ(waits_below(), 0U);
}

TEST_P(Filter, IsCalledForTheEndBeforeItIsRelayed) {
  functions_.input.act = [](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    if (call.mode != BEV_FINISHED) return BEV_NEED_MORE;
    evbuffer_add(destination, "<", 1);
    evbuffer_add_buffer(destination, source);
    evbuffer_add(destination, ">", 1);
    return BEV_OK;
  };
  a_.on_event = [&](short) { EXPECT_EQ(a_.got, "<held back>"); };
  b_.write("held back");
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.got, "<held back>");
  EXPECT_EQ(a_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
}

TEST_P(Filter, ErrorOfInputIsAnEventAndTheEndOfReading) {
  functions_.input.act = [&](evbuffer* source, evbuffer* destination, const Function::Call&) {
    if (functions_.input.calls.size() > 1) return BEV_ERROR;
    evbuffer_remove_buffer(source, destination, 4);
    return BEV_OK;
  };
  b_.write("goodbad");
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.what, BEV_EVENT_ERROR | BEV_EVENT_READING);
  EXPECT_EQ(a_.got, "good") << "what came before it is delivered";
  EXPECT_EQ(bufferevent_get_enabled(a_.bev), EV_WRITE);
  b_.write("more");
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  settle();
  EXPECT_EQ(functions_.input.calls.size(), 2U) << "it is called no more";
  a_.write("the other direction works");
  ASSERT_TRUE(run_until([&] { return !b_.got.empty(); }));
}

TEST_P(Filter, DeliversWhatItProducedInTheCallThatFailed) {
  functions_.input.act = [](evbuffer* source, evbuffer* destination, const Function::Call&) {
    evbuffer_remove_buffer(source, destination, 4);
    return BEV_ERROR;
  };
  a_.on_event = [&](short) { EXPECT_EQ(a_.got, "good"); };
  b_.write("goodbad");
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.what, BEV_EVENT_ERROR | BEV_EVENT_READING);
}

TEST_P(Filter, ReportsNoEndBehindAnError) {
  functions_.input.act = [](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    if (call.mode == BEV_FINISHED) return BEV_ERROR;  // it is cut off
    return Function::move_all(source, destination);
  };
  b_.write("beginning");
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  settle();
  EXPECT_EQ(a_.what, BEV_EVENT_ERROR | BEV_EVENT_READING);
  EXPECT_EQ(a_.events, 1);
  ShutdownOutcome outcome;
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_READ | EV_WRITE, nullptr, ShutdownOutcome::note, &outcome),
            0);
  ASSERT_TRUE(run_until([&] { return outcome.calls > 0; }));
  EXPECT_EQ(outcome.outcome, BEVEL_SHUTDOWN_CLEAN) << "the peer has ended";
}

TEST_P(Filter, DropsWhatArrivesBehindAnErrorForAProgramThatReadsOn) {
  functions_.input.act = [](evbuffer*, evbuffer*, const Function::Call&) { return BEV_ERROR; };
  b_.write("bad");
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  settle();
  EXPECT_GT(waits_below(), 0U) << "whoever takes the stream below over may want it";
  ShutdownOutcome outcome;
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_READ | EV_WRITE, nullptr, ShutdownOutcome::note, &outcome),
            0);
  b_.write(pattern(1U << 20));
  settle();
  EXPECT_EQ(waits_below(), 0U);
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(run_until([&] { return outcome.calls > 0; }));
  EXPECT_EQ(functions_.input.calls.size(), 1U);
}

TEST_P(Filter, ErrorOfOutputIsAnEventAndTheEndOfWriting) {
  functions_.output.act = [](evbuffer*, evbuffer*, const Function::Call&) { return BEV_ERROR; };
  a_.write("bytes");
  EXPECT_EQ(a_.events, 0) << "not on the stack of the one who writes";
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.what, BEV_EVENT_ERROR | BEV_EVENT_WRITING);
  EXPECT_EQ(bufferevent_get_enabled(a_.bev), EV_READ);
  a_.write("more");
  settle();
  EXPECT_EQ(functions_.output.calls.size(), 1U);
  b_.write("the other direction works");
  ASSERT_TRUE(run_until([&] { return !a_.got.empty(); }));
}

TEST_P(Filter, OkWithoutProgressDoesNotSpin) {
  const auto idle = [](evbuffer*, evbuffer*, const Function::Call&) { return BEV_OK; };
  functions_.input.act = functions_.output.act = idle;
  a_.write("bytes");
  b_.write("bytes");
  settle();
  EXPECT_LE(functions_.input.calls.size(), 4U);
  EXPECT_LE(functions_.output.calls.size(), 4U);
  EXPECT_EQ(a_.reads, 0);
  functions_.input.act = functions_.output.act = nullptr;
  a_.write("!");
  b_.write("!");
  ASSERT_TRUE(run_until([&] { return a_.got == "bytes!" && b_.got == "bytes!"; }));
}

TEST_P(Filter, OkWithoutInputIsProgressIfBytesWereAdded) {
  bool has_begun = false;
  functions_.output.act = [&](evbuffer* source, evbuffer* destination, const Function::Call&) {
    if (!has_begun) {
      has_begun = true;
      evbuffer_add(destination, "header:", 7);
      return BEV_OK;
    }
    return Function::move_all(source, destination);
  };
  a_.write("body");
  ASSERT_TRUE(run_until([&] { return b_.got == "header:body"; }));
}

TEST_P(Filter, NeedsMoreUntilThereIsEnough) {
  const auto in_blocks = [](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    if (call.size < 10) return BEV_NEED_MORE;
    evbuffer_remove_buffer(source, destination, 10);
    return BEV_OK;
  };
  functions_.output.act = in_blocks;
  for (int i = 0; i < 35; i++) a_.write("x");
  settle();
  EXPECT_EQ(b_.got.size(), 30U);
  EXPECT_EQ(a_.output_size(), 5U);
  functions_.output.act = nullptr;
  functions_.input.act = in_blocks;
  b_.write(pattern(35));
  settle();
  EXPECT_EQ(a_.got.size(), 30U);
  EXPECT_EQ(waits_below(), 5U);
}

// One that takes bytes and keeps them, as compression does, is ready for more.
TEST_P(Filter, AsksForMoreWhenBytesWereTakenButNoneProduced) {
  std::size_t kept = 0;
  functions_.output.act = [&](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    kept += evbuffer_get_length(source);
    evbuffer_drain(source, evbuffer_get_length(source));
    if (call.mode != BEV_FINISHED) return BEV_NEED_MORE;
    evbuffer_add_printf(destination, "%zu", kept);
    return BEV_OK;
  };
  int left = 1000;
  a_.on_write = [&] {
    if (left-- > 0) a_.write("ten bytes.");
    if (left == 0) bevel_shutdown(a_.bev, EV_WRITE, nullptr, nullptr, nullptr);
  };
  a_.write("ten bytes.");
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  EXPECT_EQ(b_.got, "10010");
}

TEST_P(Filter, ShutdownGivesTheFilterItsLastBytes) {
  functions_.output.act = [](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    if (call.mode != BEV_FINISHED) return BEV_NEED_MORE;
    evbuffer_add_buffer(destination, source);
    evbuffer_add(destination, "trailer", 7);
    return BEV_NEED_MORE;
  };
  a_.write("held back,");
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  EXPECT_EQ(b_.got, "held back,trailer");
}

// --- limits and modes ---

TEST_P(Filter, ToldTheRoomUnderTheMarks) {
  a_.write("a");
  b_.write("b");
  settle();
  EXPECT_EQ(functions_.output.calls[0].limit, -1);
  EXPECT_EQ(functions_.input.calls[0].limit, -1);
  functions_.input.calls.clear();
  functions_.output.calls.clear();
  bufferevent_setwatermark(a_.bev, EV_READ, 0, 100);
  bufferevent_setwatermark(lower_, EV_WRITE, 0, 70);
  a_.keeps_input = true;
  a_.write("a");
  b_.write("b");
  settle();
  EXPECT_EQ(functions_.output.calls[0].limit, 70);
  EXPECT_EQ(functions_.input.calls[0].limit, 100);
  EXPECT_EQ(functions_.output.calls[0].mode, BEV_NORMAL);
}

// But for a flush and the end, there is nothing to ask it then.
TEST_P(Filter, IsNotCalledForAnEmptySource) {
  bufferevent_enable(a_.bev, EV_READ);
  b_.write("abc");
  ASSERT_TRUE(run_until([&] { return a_.got == "abc"; }));
  bufferevent_disable(a_.bev, EV_READ);
  bufferevent_enable(a_.bev, EV_READ);
  settle();
  bufferevent_trigger_event(lower_, BEV_EVENT_EOF | BEV_EVENT_READING, 0);
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_TRUE(functions_.input.was_called_with(BEV_FINISHED));
  for (const Function::Call& call : functions_.input.calls) {
    if (call.mode == BEV_NORMAL) {
      EXPECT_GT(call.size, 0U);
    }
  }
}

// It took all and had to stop at its limit: it may have more to give.
TEST_P(Filter, IsCalledAgainAfterItsLimitHeldItUp) {
  bufferevent_setwatermark(a_.bev, EV_READ, 0, 3);
  a_.keeps_input = true;
  std::string held;
  functions_.input.act = [&](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    const std::size_t size = evbuffer_get_length(source);
    held.append(reinterpret_cast<const char*>(evbuffer_pullup(source, -1)), size);
    evbuffer_drain(source, size);
    const std::size_t most = call.limit < 0 ? held.size() : static_cast<std::size_t>(call.limit);
    const std::string given = held.substr(0, most);
    held.erase(0, given.size());
    evbuffer_add(destination, given.data(), given.size());
    return given.empty() ? BEV_NEED_MORE : BEV_OK;
  };
  bufferevent_enable(a_.bev, EV_READ);
  b_.write("abcdef");
  settle();
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(a_.bev)), 3U);
  evbuffer_drain(bufferevent_get_input(a_.bev), 3);
  settle();
  EXPECT_EQ(evbuffer_get_length(bufferevent_get_input(a_.bev)), 3U);
}

TEST_P(Filter, FlushTellsTheModeAndIgnoresMarks) {
  bufferevent_setwatermark(a_.bev, EV_READ, 0, 100);
  for (const bufferevent_flush_mode mode : {BEV_FLUSH, BEV_FINISHED}) {
    functions_.input.calls.clear();
    functions_.output.calls.clear();
    EXPECT_GE(bufferevent_flush(a_.bev, EV_READ | EV_WRITE, mode), 0);
    ASSERT_EQ(functions_.input.calls.size(), 1U) << "also without bytes";
    ASSERT_EQ(functions_.output.calls.size(), 1U);
    EXPECT_EQ(functions_.input.calls[0].limit, -1);
    EXPECT_EQ(functions_.input.calls[0].mode, mode);
    EXPECT_EQ(functions_.output.calls[0].mode, mode);
  }
  bufferevent_disable(a_.bev, EV_WRITE);
  a_.write("bytes");
  EXPECT_EQ(bufferevent_flush(a_.bev, EV_WRITE, BEV_FLUSH), 1);
  EXPECT_EQ(a_.output_size(), 0U);
}

// --- back-pressure ---

TEST_P(Filter, FullInputStopsReadingBelow) {
  a_.keeps_input = true;
  bufferevent_setwatermark(a_.bev, EV_READ, 0, 1000);
  functions_.input.act = [](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    const auto room = static_cast<std::size_t>(call.limit);
    return evbuffer_remove_buffer(source, destination, room) > 0 ? BEV_OK : BEV_NEED_MORE;
  };
  b_.write(pattern(8U << 20));
  settle();
  EXPECT_EQ(a_.input_size(), 1000U);
  if (!GetParam().is_pair) {  // pairs hand over at once what one of them writes
    const auto below = evbuffer_get_length(bufferevent_get_output(lowest(b_.bev)));
    EXPECT_GT(std::max(b_.output_size(), below), 4U << 20) << "the network is not read";
  }
  for (int i = 0; i < 5; i++) {
    a_.take_input();
    settle();
    EXPECT_EQ(a_.input_size(), 1000U) << "bytes that wait below come up by themselves";
  }
  a_.keeps_input = false;
  a_.take_input();
  ASSERT_TRUE(run_until([&] { return a_.got.size() == 8U << 20; }));
  EXPECT_TRUE(a_.got == pattern(8U << 20));
}

TEST_P(Filter, TheEndWaitsForRoomUnderTheMark) {
  a_.keeps_input = true;
  bufferevent_setwatermark(a_.bev, EV_READ, 0, 1000);
  functions_.input.act = [](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    const auto room = static_cast<std::size_t>(call.limit);
    return evbuffer_remove_buffer(source, destination, room) > 0 ? BEV_OK : BEV_NEED_MORE;
  };
  b_.write(pattern(100'000));
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  for (int i = 0; i < 5; i++) {
    settle();
    EXPECT_EQ(a_.input_size(), 1000U);
    EXPECT_EQ(a_.events, 0);
    a_.take_input();
  }
  a_.keeps_input = false;
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_TRUE(a_.got == pattern(100'000));
  EXPECT_EQ(a_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
}

TEST_P(Filter, TheEndWaitsBehindBytesThatTheProgramDoesNotReadYet) {
  bufferevent_disable(a_.bev, EV_READ);
  bufferevent_enable(lower_, EV_READ);
  b_.write("bytes");
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  settle();
  EXPECT_EQ(a_.got, "");
  EXPECT_EQ(a_.input_size(), 0U);
  if (waits_below() > 0) {
    EXPECT_EQ(a_.events, 0);
  }
  bufferevent_enable(a_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return a_.events > 0; }));
  EXPECT_EQ(a_.got, "bytes");
  EXPECT_EQ(a_.events, 1);
}

TEST_P(Filter, FullOutputBelowStopsTheFilter) {
  bufferevent_disable(b_.bev, EV_READ);
  limit_output_below(a_.bev, 1000);
  functions_.output.act = [](evbuffer* source, evbuffer* destination, const Function::Call& call) {
    const auto room = static_cast<std::size_t>(call.limit);
    return evbuffer_remove_buffer(source, destination, room) > 0 ? BEV_OK : BEV_NEED_MORE;
  };
  a_.write(pattern(8U << 20));
  settle();
  EXPECT_LE(evbuffer_get_length(bufferevent_get_output(lower_)), 1000U);
  EXPECT_GT(a_.output_size(), 4U << 20);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.size() == 8U << 20; }));
  EXPECT_TRUE(b_.got == pattern(8U << 20));
}

TEST_P(Filter, TakesWhatWaitedBelowWhenReadingIsEnabled) {
  bufferevent_disable(a_.bev, EV_READ);
  ASSERT_EQ(evbuffer_unfreeze(bufferevent_get_input(lower_), 0), 0);
  evbuffer_add(bufferevent_get_input(lower_), "waiting", 7);
  settle();
  EXPECT_EQ(a_.reads, 0);
  bufferevent_enable(a_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return a_.got == "waiting"; }));
}

// --- the underlying stream ---

TEST_P(Filter, FreesItsContextOnceAndTheStreamBelowWithIt) {
  const std::size_t descriptors = open_descriptors();
  a_.free();
  settle();
  EXPECT_EQ(functions_.freed, 1);
  EXPECT_EQ(open_descriptors() < descriptors, !GetParam().is_pair);
}

TEST_P(Filter, LeavesTheStreamBelowUsable) {
  a_.free();
  b_.free();
  settle();
  const Ends ends = make_ends(loop_, GetParam());
  lower_ = ends[0];
  b_.take(ends[1]);
  functions_.freed = 0;
  make_filter(0);
  b_.write("first");
  ASSERT_TRUE(run_until([&] { return a_.got == "first"; }));
  bufferevent_disable(a_.bev, EV_READ);
  a_.free();
  settle();
  EXPECT_EQ(functions_.freed, 1);
  bufferevent_data_cb read_cb = nullptr;
  bufferevent_getcb(lower_, &read_cb, nullptr, nullptr, nullptr);
  EXPECT_EQ(read_cb, nullptr);
  End below;
  below.take(lower_);
  b_.write("second");
  ASSERT_TRUE(run_until([&] { return below.got == "second"; }));
  below.write("third");
  ASSERT_TRUE(run_until([&] { return b_.got == "third"; }));
  below.free();
}

TEST_P(Filter, MayBeFreedInItsOwnFunctions) {
  functions_.input.act = [&](evbuffer*, evbuffer*, const Function::Call&) {
    a_.free();
    return BEV_NEED_MORE;
  };
  b_.write("bytes");
  ASSERT_TRUE(run_until([&] { return functions_.freed == 1; }));
  settle();
  EXPECT_EQ(a_.reads, 0);
}

TEST_P(Filter, IsNotCalledOnceFreedInTheFilterBelow) {
  Functions above;
  bufferevent* top =
      bufferevent_filter_new(a_.bev, run_input, run_output,
                             GetParam().options | BEV_OPT_CLOSE_ON_FREE, count_free, &above);
  ASSERT_NE(top, nullptr);
  bufferevent_disable(top, EV_READ);
  b_.write("waits below");
  settle();
  bufferevent_enable(top, EV_READ);
  functions_.input.act = [&](evbuffer* source, evbuffer* destination, const Function::Call&) {
    if (top != nullptr) bufferevent_free(std::exchange(top, nullptr));
    return Function::move_all(source, destination);
  };
  bufferevent_flush(top, EV_READ, BEV_FLUSH);
  settle();
  EXPECT_EQ(top, nullptr);
  const auto& calls = above.input.calls;
  EXPECT_EQ(
      std::count_if(calls.begin(), calls.end(), [](const auto& call) { return call.size > 0; }), 0);
  EXPECT_EQ(above.freed, 1);
  a_.bev = nullptr;
}

TEST_P(Filter, IsRefusedWithoutAStreamBelow) {
  EXPECT_EQ(bufferevent_filter_new(nullptr, nullptr, nullptr, 0, count_free, &functions_), nullptr);
  EXPECT_EQ(functions_.freed, 0);
}

}  // namespace
}  // namespace test

// Ending streams without losing a byte: bevel_shutdown(), bevel_free_when_flushed(), the drain
// callback, and the limit on what may wait.
#include <sys/socket.h>

#include <cerrno>

#include "stream/support.h"
#include "support/shutdown_outcome.h"

namespace test {
namespace {

constexpr std::size_t much = 200'000;

std::size_t waits_in_all_layers(bufferevent* top) {
  std::size_t bytes = 0;
  for (bufferevent* layer = top; layer != nullptr; layer = bufferevent_get_underlying(layer)) {
    bytes += evbuffer_get_length(bufferevent_get_output(layer));
  }
  return bytes;
}

class Shutdowns : public EveryStack {
 protected:
  void shut_down(End& end, short how, const timeval* timeout = nullptr) {
    ASSERT_EQ(bevel_shutdown(end.bev, how, timeout, ShutdownOutcome::note, &outcome_), 0);
    EXPECT_EQ(outcome_.calls, 0) << "not from inside the call";
  }
  // The peer does not read, and what waits for it fills everything between.
  void block(std::size_t most_below = 100'000) {
    bufferevent_disable(b_.bev, EV_READ);
    limit_output_below(a_.bev, most_below);
    a_.write(pattern(more_than_fits));
    settle();
  }

  // Both ends get the sockets of another connection.
  void replace_connection() {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ASSERT_EQ(bufferevent_replacefd(a_.bev, fds[0]), 0);
    ASSERT_EQ(bufferevent_replacefd(b_.bev, fds[1]), 0);
  }
  void shut_down_cleanly() {
    outcome_ = {};
    const int before = b_.events;
    shut_down(a_, EV_WRITE);
    ASSERT_TRUE(run_until([&] { return outcome_.calls > 0 && b_.events > before; }));
    EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
  }

  ShutdownOutcome outcome_;
};

INSTANTIATE_TEST_SUITE_P(All, Shutdowns, testing::ValuesIn(all_stacks()), name_of);

TEST_P(Shutdowns, BringEveryByteAndACleanEnd) {
  a_.write(pattern(much));
  shut_down(a_, EV_WRITE);
  std::size_t at_end = 0;
  b_.on_event = [&](short) { at_end = b_.got.size(); };
  ASSERT_TRUE(run_until([&] { return b_.events > 0 && outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_EQ(outcome_.bev, a_.bev);
  EXPECT_EQ(b_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
  EXPECT_TRUE(b_.got == pattern(much));
  EXPECT_EQ(at_end, much) << "the end comes after the bytes";
  settle();
  EXPECT_EQ(outcome_.calls, 1);
  EXPECT_EQ(b_.events, 1);
}

TEST_P(Shutdowns, OfOneDirectionLeaveTheOther) {
  shut_down(a_, EV_WRITE);
  ASSERT_TRUE(run_until([&] { return b_.events > 0 && outcome_.calls > 0; }));
  b_.write(pattern(much));
  ASSERT_TRUE(run_until([&] { return a_.got.size() == much; }));
  EXPECT_TRUE(a_.got == pattern(much));
  EXPECT_EQ(a_.events, 0);
}

TEST_P(Shutdowns, OfBothDirectionsWaitForThePeersEnd) {
  a_.write("last");
  shut_down(a_, EV_READ | EV_WRITE);
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  settle();
  EXPECT_EQ(outcome_.calls, 0);
  b_.write("answer");
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_EQ(a_.got, "answer");
}

// `done` may free the stream: whatever layer has put callbacks off, they come before it.
TEST_P(Shutdowns, AreOverBehindTheLastBytesAndTheEnd) {
  std::size_t got = 0;
  int events = 0;
  outcome_.then = [&] {
    got = a_.got.size();
    events = a_.events;
    a_.free();
  };
  b_.on_event = [&](short) { bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr); };
  a_.write("bytes");
  b_.write(pattern(30'000));
  shut_down(a_, EV_READ | EV_WRITE);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(got, 30'000U);
  EXPECT_EQ(events, 1);
}

TEST_P(Shutdowns, AreOverBehindTheErrorThatEndsThem) {
  int events = 0;
  outcome_.then = [&] {
    events = a_.events;
    a_.free();
  };
  block();
  shut_down(a_, EV_WRITE);
  settle();
  bufferevent_trigger_event(lowest(a_.bev), BEV_EVENT_ERROR | BEV_EVENT_WRITING,
                            BEV_TRIG_DEFER_CALLBACKS);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(events, 1);
}

TEST_P(Shutdowns, DropWhatNobodyReads) {
  bufferevent_setcb(a_.bev, nullptr, nullptr, nullptr, nullptr);
  bufferevent_setwatermark(a_.bev, EV_READ, 0, 1000);
  b_.write(pattern(much));
  settle();
  EXPECT_EQ(a_.input_size(), 1000U);
  shut_down(a_, EV_READ | EV_WRITE);
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
}

TEST_P(Shutdowns, GiveUpWhenTheTimeIsOver) {
  block();
  constexpr timeval time{0, 20'000};
  shut_down(a_, EV_WRITE, &time);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_TIMEOUT);
  EXPECT_EQ(b_.events, 0);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.size() == more_than_fits; })) << "it works on";
  EXPECT_EQ(outcome_.calls, 1);
}

TEST_P(Shutdowns, EndWithTheError) {
  block();
  shut_down(a_, EV_WRITE);
  bufferevent_trigger_event(lowest(a_.bev), BEV_EVENT_ERROR | BEV_EVENT_WRITING, 0);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_ERROR);
  EXPECT_EQ(a_.what, BEV_EVENT_ERROR | BEV_EVENT_WRITING);
}

TEST_P(Shutdowns, WaitForAPeerThatReadsLate) {
  block();
  shut_down(a_, EV_WRITE);
  settle();
  EXPECT_EQ(outcome_.calls, 0);
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.events > 0 && outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_TRUE(b_.got == pattern(more_than_fits));
}

TEST_P(Shutdowns, AreRefusedWhileOneIsRunning) {
  block();
  shut_down(a_, EV_WRITE);
  EXPECT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EALREADY);
  EXPECT_EQ(bevel_shutdown(b_.bev, EV_READ, nullptr, nullptr, nullptr), -1);
  EXPECT_EQ(errno, EINVAL);
}

// --- Another descriptor in the middle ---

TEST_P(Shutdowns, FailWhenTheConnectionIsReplaced) {
  if (GetParam().is_pair) return;
  block();
  shut_down(a_, EV_WRITE);
  settle();
  EXPECT_EQ(outcome_.calls, 0);
  replace_connection();
  EXPECT_EQ(outcome_.calls, 0) << "not from inside the call";
  b_.got.clear();
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_ERROR);
  // What had not left goes over the new connection, which goes on.
  a_.write("behind it");
  ASSERT_TRUE(run_until([&] { return b_.got.ends_with("behind it"); }));
  EXPECT_GT(b_.got.size(), more_than_fits / 4);
  EXPECT_TRUE((pattern(more_than_fits) + "behind it").ends_with(b_.got));
  settle();
  EXPECT_EQ(b_.events, 0);
  EXPECT_EQ(outcome_.calls, 1);
  shut_down_cleanly();
}

TEST_P(Shutdowns, ThatWaitForThePeerFailWhenTheConnectionIsReplaced) {
  if (GetParam().is_pair) return;
  shut_down(a_, EV_READ | EV_WRITE);
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  settle();
  replace_connection();
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_ERROR);
  bufferevent_enable(b_.bev, EV_READ);
  a_.write("new");
  b_.write("new");
  ASSERT_TRUE(run_until([&] { return b_.got == "new" && a_.got == "new"; }));
  shut_down_cleanly();
}

TEST_P(Shutdowns, FailWhenTheDescriptorIsTaken) {
  if (GetParam().is_pair) return;
  block();
  shut_down(a_, EV_WRITE);
  ASSERT_EQ(bufferevent_replacefd(a_.bev, -1), 0);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_ERROR);
}

// It is over, and only the program does not know yet.
TEST_P(Shutdowns, ThatHaveFailedMayLoseTheirConnection) {
  if (GetParam().is_pair) return;
  outcome_.then = [&] { a_.free(); };
  shut_down(a_, EV_READ | EV_WRITE);
  replace_connection();
  replace_connection();
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_ERROR);
  settle();
  EXPECT_EQ(outcome_.calls, 1);
}

TEST_P(Shutdowns, GoOnWhereThereIsNoDescriptor) {
  if (!GetParam().is_pair) return;
  a_.write("last");
  shut_down(a_, EV_WRITE);
  EXPECT_EQ(bufferevent_setfd(a_.bev, -1), -1);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0 && b_.events > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_EQ(b_.got, "last");
}

TEST_P(Shutdowns, EndSilentlyWhenTheStreamIsFreed) {
  a_.write(pattern(much));
  shut_down(a_, EV_READ | EV_WRITE);
  turn();
  a_.free();
  settle();
  EXPECT_EQ(outcome_.calls, 0);
}

TEST_P(Shutdowns, MayFreeTheStreamAtTheEnd) {
  outcome_.then = [&] { a_.free(); };
  a_.write(pattern(much));
  shut_down(a_, EV_WRITE);
  ASSERT_TRUE(run_until([&] { return a_.bev == nullptr; }));
  ASSERT_TRUE(run_until([&] { return b_.got.size() == much; }));
}

TEST_P(Shutdowns, MayBeBegunInTheWriteCallback) {
  bool begun = false;
  a_.on_write = [&] {
    if (!begun) shut_down(a_, EV_WRITE);
    begun = true;
  };
  a_.write(pattern(much));
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  EXPECT_TRUE(b_.got == pattern(much));
}

TEST_P(Shutdowns, MayBeDoneAgain) {
  for (int i = 1; i <= 2; i++) {
    shut_down(a_, EV_WRITE);
    ASSERT_TRUE(run_until([&] { return outcome_.calls > 0 && b_.events > 0; }));
    EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
    outcome_.calls = 0;
  }
  settle();
  EXPECT_EQ(b_.events, 1) << "one end is told once";
}

// What is written behind the end cannot leave, and the next one says so: also where it is stuck in a
// layer below.
TEST_P(Shutdowns, EndWithAnErrorBehindAWriteThatCameTooLate) {
  if (GetParam().is_pair) GTEST_SKIP() << "a pair has nothing that could refuse";
  shut_down_cleanly();
  a_.write("late");
  settle();
  for (const int how : {EV_WRITE, EV_READ | EV_WRITE}) {
    outcome_ = {};
    shut_down(a_, static_cast<short>(how));
    ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
    EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_ERROR);
  }
}

TEST_P(Shutdowns, WithoutTimeSendWhatCanLeaveThroughAllLayers) {
  constexpr timeval no_time{0, 0};
  a_.write("small");
  shut_down(a_, EV_WRITE, &no_time);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  EXPECT_EQ(b_.got, "small");
}

TEST_P(Shutdowns, WithoutTimeGiveUpWhatIsHeldUp) {
  constexpr timeval no_time{0, 0};
  block();
  shut_down(a_, EV_WRITE, &no_time);
  settle();
  EXPECT_EQ(outcome_.calls, 1);
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_TIMEOUT);
}

bufferevent_filter_result take_and_break(evbuffer* source, evbuffer* destination, ev_ssize_t,
                                         bufferevent_flush_mode, void*) {
  evbuffer_drain(source, evbuffer_get_length(source));
  evbuffer_add(destination, "half", 4);
  return BEV_ERROR;
}

// What a filter took before it broke is lost, so the peer must not see a proper end.
TEST_P(Shutdowns, EndWithAnErrorWhereAFilterBroke) {
  a_.take(bufferevent_filter_new(std::exchange(a_.bev, nullptr), nullptr, take_and_break,
                                 BEV_OPT_CLOSE_ON_FREE | GetParam().options, nullptr, nullptr));
  a_.write("all of it");
  shut_down(a_, EV_WRITE);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_ERROR);
  outcome_ = {};
  shut_down(a_, EV_WRITE);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_ERROR);
  settle();
  EXPECT_EQ(b_.events, 0);
}

TEST_P(Shutdowns, PushThroughLayersThatWereDisabled) {
  limit_output_below(a_.bev, 1000);
  for (bufferevent* layer = a_.bev; layer != nullptr; layer = bufferevent_get_underlying(layer)) {
    bufferevent_disable(layer, EV_WRITE);
  }
  a_.write(pattern(much));
  shut_down(a_, EV_WRITE);
  ASSERT_TRUE(run_until([&] { return outcome_.calls > 0 && b_.events > 0; }));
  EXPECT_EQ(outcome_.outcome, BEVEL_SHUTDOWN_CLEAN);
  EXPECT_TRUE(b_.got == pattern(much));
}

TEST_P(Shutdowns, KeepWhatAMaximumHoldsBack) {
  bufferevent_set_max_single_write(a_.bev, 1000);
  a_.write(pattern(much));
  shut_down(a_, EV_WRITE);
  ASSERT_TRUE(run_until([&] { return b_.events > 0 && outcome_.calls > 0; }));
  EXPECT_TRUE(b_.got == pattern(much));
}

// --- freeing when flushed ---

TEST_P(Shutdowns, FreeingWhenFlushedLosesNothing) {
  ASSERT_EQ(bevel_set_drain_cb(
                a_.bev, [](bufferevent*, void*) { ADD_FAILURE() << "its program let go of it"; },
                nullptr),
            0);
  a_.write(pattern(much));
  const auto told = a_.reads + a_.writes + a_.events;
  bevel_free_when_flushed(a_.bev);
  a_.bev = nullptr;
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  EXPECT_TRUE(b_.got == pattern(much));
  ASSERT_EQ(bevel_shutdown(b_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  settle();
  if (GetParam().is_pair) {
    EXPECT_EQ(bufferevent_pair_get_partner(lowest(b_.bev)), nullptr);
  }
  EXPECT_EQ(a_.reads + a_.writes + a_.events, told);
}

TEST_P(Shutdowns, MayTurnIntoFreeingWhenFlushed) {
  block();
  shut_down(a_, EV_WRITE);
  turn();
  bevel_free_when_flushed(a_.bev);
  a_.bev = nullptr;
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.events > 0; }));
  EXPECT_TRUE(b_.got == pattern(more_than_fits));
  EXPECT_EQ(outcome_.calls, 0);
  b_.free();
  settle();
}

TEST_P(Shutdowns, FreeingWhenFlushedEndsWithTheLoop) {
  block();
  const std::size_t descriptors = open_descriptors();
  bevel_free_when_flushed(a_.bev);
  turn();
  b_.free();
  event_base_free(loop_);
  EXPECT_LT(open_descriptors(), descriptors);
  loop_ = event_base_new();  // for who comes after us
  const std::size_t sockets = GetParam().is_pair ? 0 : 2;
  EXPECT_EQ(open_descriptors(), descriptors - sockets);
  a_.bev = nullptr;
}

// --- the drain callback ---

class Drains : public Shutdowns {
 protected:
  static void note(bufferevent*, void* self) {
    Drains& test = *static_cast<Drains*>(self);
    test.calls_++;
    if (test.then_) test.then_();
  }
  bool is_below_empty() const {
    for (bufferevent* bev = a_.bev; bev != nullptr; bev = bufferevent_get_underlying(bev)) {
      if (evbuffer_get_length(bufferevent_get_output(bev)) > 0) return false;
    }
    return true;
  }

  int calls_ = 0;
  std::function<void()> then_;
};

INSTANTIATE_TEST_SUITE_P(All, Drains, testing::ValuesIn(all_stacks()), name_of);

TEST_P(Drains, AreToldWhenTheLowestLayerIsEmpty) {
  ASSERT_EQ(bevel_set_drain_cb(a_.bev, note, this), 0);
  settle();
  EXPECT_EQ(calls_, 0) << "nothing was written";
  block();
  EXPECT_EQ(calls_, 0);
  bool was_empty = true;
  then_ = [&] { was_empty = is_below_empty(); };
  bufferevent_enable(b_.bev, EV_READ);
  ASSERT_TRUE(run_until([&] { return b_.got.size() == more_than_fits; }));
  settle();
  EXPECT_EQ(calls_, 1);
  EXPECT_TRUE(was_empty);
  a_.write("more");
  EXPECT_EQ(calls_, 1) << "from the loop only";
  settle();
  EXPECT_EQ(calls_, 2);
}

TEST_P(Drains, MayWriteMore) {
  ASSERT_EQ(bevel_set_drain_cb(a_.bev, note, this), 0);
  then_ = [&] {
    if (calls_ < 100) a_.write("x");
  };
  a_.write("x");
  ASSERT_TRUE(run_until([&] { return calls_ == 100; }));
  ASSERT_TRUE(run_until([&] { return b_.got.size() == 100; }));
}

TEST_P(Drains, EndWithNull) {
  ASSERT_EQ(bevel_set_drain_cb(a_.bev, note, this), 0);
  then_ = [&] { EXPECT_EQ(bevel_set_drain_cb(a_.bev, nullptr, nullptr), 0); };
  a_.write("x");
  settle();
  a_.write("x");
  settle();
  EXPECT_EQ(calls_, 1);
  EXPECT_EQ(bevel_set_drain_cb(b_.bev, nullptr, nullptr), 0);
}

// --- the limit on what waits ---

TEST_P(Shutdowns, OutputLimitRefusesWholeWrites) {
  block(1000);
  const std::size_t waits = waits_in_all_layers(a_.bev);
  ASSERT_EQ(bevel_set_output_limit(a_.bev, waits + 10), 0);
  EXPECT_EQ(bufferevent_write(a_.bev, "12345678901", 11), -1);
  EXPECT_EQ(errno, ENOBUFS);
  EXPECT_EQ(waits_in_all_layers(a_.bev), waits);
  settle();
  EXPECT_EQ(a_.events, 0);
  a_.write("1234567890");
  EXPECT_EQ(a_.events, 0) << "deferred";
  settle();
  EXPECT_EQ(a_.what, BEVEL_EVENT_OUTPUT_LIMIT);
  EXPECT_EQ(bufferevent_write(a_.bev, "1", 1), -1);
  settle();
  EXPECT_EQ(a_.events, 1) << "once";
  evbuffer* more = evbuffer_new();
  evbuffer_add(more, "1", 1);
  EXPECT_EQ(bufferevent_write_buffer(a_.bev, more), -1);
  EXPECT_EQ(evbuffer_get_length(more), 1U);
  evbuffer_add(bufferevent_get_output(a_.bev), "straight", 8);
  EXPECT_EQ(bufferevent_write(a_.bev, "", 0), 0) << "nothing passes no limit";
  ASSERT_EQ(bevel_set_output_limit(a_.bev, 0), 0);
  EXPECT_EQ(bufferevent_write_buffer(a_.bev, more), 0);
  evbuffer_free(more);
}

TEST_P(Shutdowns, OutputLimitCountsWhatWaitsInAllLayers) {
  constexpr std::size_t limit = 100'000;
  bufferevent_disable(b_.bev, EV_READ);
  ASSERT_EQ(bevel_set_output_limit(a_.bev, limit), 0);
  const std::string piece = pattern(1000);
  std::size_t accepted = 0;
  while (accepted < more_than_fits && bufferevent_write(a_.bev, piece.data(), piece.size()) == 0) {
    accepted += piece.size();
    turn();
  }
  EXPECT_LE(waits_in_all_layers(a_.bev), limit);
}

TEST_P(Shutdowns, OutputLimitTellsAgainAfterItWasBelow) {
  ASSERT_EQ(bevel_set_output_limit(a_.bev, 1000), 0);
  for (int i = 1; i <= 3; i++) {
    bufferevent_disable(a_.bev, EV_WRITE);
    a_.write(pattern(1000));
    settle();
    EXPECT_EQ(a_.events, i);
    bufferevent_enable(a_.bev, EV_WRITE);
    settle();
    EXPECT_EQ(a_.output_size(), 0U);
  }
}

}  // namespace
}  // namespace test

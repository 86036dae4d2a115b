// What is special about pairs: flushing, the partner, bytes that are not copied, and ends on two
// loops.
#include <array>
#include <atomic>
#include <memory>
#include <thread>

#include "stream/support.h"

namespace test {
namespace {

class Pair : public ConversationTest {
 protected:
  void SetUp() override { open({"pair", true, 0, 0, false}); }
};

TEST_F(Pair, FlushMovesEverythingWhateverTheMarks) {
  for (const bufferevent_flush_mode mode : {BEV_NORMAL, BEV_FLUSH}) {
    b_.keeps_input = true;
    b_.take_input();
    bufferevent_setwatermark(b_.bev, EV_READ, 0, 10);
    a_.write(pattern(100));
    EXPECT_EQ(b_.input_size(), 10U);
    EXPECT_GE(bufferevent_flush(a_.bev, EV_WRITE, mode), 0);
    EXPECT_EQ(b_.input_size(), 100U);
    EXPECT_EQ(bufferevent_flush(a_.bev, EV_WRITE, mode), 0) << "nothing is left";
    bufferevent_setwatermark(b_.bev, EV_READ, 0, 0);
    evbuffer_drain(bufferevent_get_input(b_.bev), 100);
    settle();
  }
  EXPECT_EQ(b_.events, 0);
}

TEST_F(Pair, FlushOfReadingFetchesFromThePartner) {
  bufferevent_disable(b_.bev, EV_READ);
  a_.write(pattern(100));
  EXPECT_EQ(b_.input_size(), 0U);
  EXPECT_GE(bufferevent_flush(b_.bev, EV_READ, BEV_FLUSH), 0);
  EXPECT_EQ(b_.input_size(), 100U);
}

TEST_F(Pair, FlushOfTheEndTellsThePartnerBehindTheBytes) {
  bufferevent_setwatermark(b_.bev, EV_READ, 0, 10);
  b_.on_event = [&](short) { EXPECT_EQ(b_.got.size(), 100U); };
  a_.write(pattern(100));
  EXPECT_GE(bufferevent_flush(a_.bev, EV_WRITE, BEV_FINISHED), 0);
  EXPECT_EQ(b_.events, 0) << "deferred";
  settle();
  EXPECT_EQ(b_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
  EXPECT_EQ(a_.events, 0);
  EXPECT_GE(bufferevent_flush(a_.bev, EV_READ | EV_WRITE, BEV_FINISHED), 0);
  settle();
  EXPECT_EQ(b_.what, BEV_EVENT_EOF | BEV_EVENT_READING | BEV_EVENT_WRITING);
}

TEST_F(Pair, FreedInAnyOrderIsQuietAndForgotten) {
  a_.write("bytes");
  a_.free();
  EXPECT_EQ(bufferevent_pair_get_partner(b_.bev), nullptr);
  EXPECT_EQ(bufferevent_flush(b_.bev, EV_WRITE, BEV_FLUSH), -1);
  settle();
  EXPECT_EQ(b_.got, "bytes");
  EXPECT_EQ(b_.events, 0);
  b_.write("nobody takes it");
  bufferevent_disable(b_.bev, EV_READ | EV_WRITE);
  bufferevent_enable(b_.bev, EV_READ | EV_WRITE);
  settle();
  EXPECT_EQ(b_.output_size(), 15U);
}

// "No longer generates events" (manual): stock still reports a timeout of reading.
TEST_F(Pair, HasNoTimeoutsWithoutAPartner) {
  const timeval soon = {0, 1000};
  a_.write("bytes");
  bufferevent_set_timeouts(b_.bev, &soon, &soon);
  a_.free();
  b_.write("nobody takes it");
  run_for(20);
  bufferevent_disable(b_.bev, EV_READ | EV_WRITE);
  bufferevent_enable(b_.bev, EV_READ | EV_WRITE);
  bufferevent_set_timeouts(b_.bev, &soon, &soon);
  run_for(20);
  EXPECT_EQ(b_.events, 0);
}

TEST_F(Pair, TellsOfAFreedPartnerIfAskedTo) {
  for (const int first : {0, 1}) {
    Ends ends{};
    ASSERT_EQ(bevel_pair_new(loop_, loop_, 0, BEVEL_PAIR_EOF_ON_FREE, ends.data()), 0);
    End one;
    one.take(ends[static_cast<std::size_t>(1 - first)]);
    bufferevent* other = ends[static_cast<std::size_t>(first)];
    bufferevent_write(other, "bytes", 5);
    bufferevent_free(other);
    settle();
    EXPECT_EQ(one.got, "bytes");
    EXPECT_EQ(one.what, BEV_EVENT_EOF | BEV_EVENT_READING);
    EXPECT_EQ(one.events, 1);
    one.free();
  }
}

TEST_F(Pair, ShutdownDoesNotWaitForAPartnerThatIsGone) {
  int outcome = -1;
  const auto done = [](bufferevent*, bevel_shutdown_outcome how, void* out) {
    *static_cast<int*>(out) = how;
  };
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_READ | EV_WRITE, nullptr, done, &outcome), 0);
  settle();
  EXPECT_EQ(outcome, -1);
  b_.free();
  settle();
  EXPECT_EQ(outcome, BEVEL_SHUTDOWN_CLEAN);
  outcome = -1;
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, done, &outcome), 0);
  settle();
  EXPECT_EQ(outcome, BEVEL_SHUTDOWN_CLEAN) << "there was nothing to lose";
  a_.write("lost");
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, done, &outcome), 0);
  settle();
  EXPECT_EQ(outcome, BEVEL_SHUTDOWN_ERROR);
}

TEST_F(Pair, HandsBytesOverWithoutCopying) {
  static int released;
  released = 0;
  const auto release = [](const void*, std::size_t, void*) { released++; };
  const std::string block = pattern(65536);
  b_.keeps_input = true;
  evbuffer* message = evbuffer_new();
  ASSERT_EQ(evbuffer_add_reference(message, block.data(), block.size(), release, nullptr), 0);
  ASSERT_EQ(bufferevent_write_buffer(a_.bev, message), 0);
  evbuffer_free(message);
  settle();
  evbuffer_iovec extent;
  ASSERT_EQ(evbuffer_peek(bufferevent_get_input(b_.bev), -1, nullptr, &extent, 1), 1);
  EXPECT_EQ(extent.iov_base, block.data());
  EXPECT_EQ(extent.iov_len, block.size());
  EXPECT_EQ(released, 0);
  evbuffer_drain(bufferevent_get_input(b_.bev), block.size());
  EXPECT_EQ(released, 1);
}

TEST_F(Pair, GathersSmallWritesInOneStretch) {
  b_.keeps_input = true;
  for (const char* piece : {"one ", "two ", "three"}) a_.write(piece);
  evbuffer* input = bufferevent_get_input(b_.bev);
  EXPECT_EQ(evbuffer_get_contiguous_space(input), 13U);
  settle();
  EXPECT_EQ(b_.reads, 1);
  EXPECT_EQ(std::string(reinterpret_cast<char*>(evbuffer_pullup(input, -1)), 13), "one two three");
}

TEST_F(Pair, CallbacksOfTheOutputHearWhatPassesThrough) {
  struct Heard {
    std::size_t added = 0, deleted = 0;
  } heard;
  evbuffer_add_cb(
      bufferevent_get_output(a_.bev),
      [](evbuffer*, const evbuffer_cb_info* info, void* to) {
        static_cast<Heard*>(to)->added += info->n_added;
        static_cast<Heard*>(to)->deleted += info->n_deleted;
      },
      &heard);
  a_.write("bytes");
  settle();
  EXPECT_EQ(heard.added, 5U);
  EXPECT_EQ(heard.deleted, 5U);
  EXPECT_EQ(b_.got, "bytes");
}

TEST_F(Pair, RefusesWhatMakesNoSense) {
  Ends ends{};
  EXPECT_EQ(bevel_pair_new(nullptr, loop_, 0, 0, ends.data()), -1);
  EXPECT_EQ(bevel_pair_new(loop_, nullptr, 0, 0, ends.data()), -1);
  EXPECT_EQ(bevel_pair_new(loop_, loop_, 0, 0x80, ends.data()), -1);
  EXPECT_EQ(bevel_pair_new(loop_, loop_, 0, 0, nullptr), -1);
  EXPECT_EQ(bufferevent_pair_new(nullptr, 0, ends.data()), -1);
  EXPECT_EQ(bufferevent_pair_new(loop_, BEV_OPT_UNLOCK_CALLBACKS, ends.data()), 0)
      << "deferred always";
  for (bufferevent* end : ends) bufferevent_free(end);
  EXPECT_EQ(bufferevent_pair_get_partner(nullptr), nullptr);
}

TEST_F(Pair, OutlivesTheLoopOfItsPartner) {
  event_base* other = event_base_new();
  Ends ends{};
  ASSERT_EQ(bevel_pair_new(loop_, other, 0, 0, ends.data()), 0);
  bufferevent_write(ends[0], "bytes", 5);
  bufferevent_free(ends[1]);
  event_base_free(other);
  End here;
  here.take(ends[0]);
  here.write("more");
  settle();
  here.free();
}

// --- two loops ---

// A loop in a thread of its own, from which all is done.
struct Worker {
  event_base* loop = event_base_new();
  End end;

  ~Worker() { event_base_free(loop); }
  void run() const { event_base_loop(loop, EVLOOP_NO_EXIT_ON_EMPTY); }
  // From any thread, also before run().
  void stop() {
    constexpr timeval now{};
    event_base_loopexit(loop, &now);
  }
};

class TwoLoops : public testing::Test {
 protected:
  void SetUp() override {
    use_threads();
    workers_ = {std::make_unique<Worker>(), std::make_unique<Worker>()};
    ASSERT_EQ(bevel_pair_new(workers_[0]->loop, workers_[1]->loop, 0, BEVEL_PAIR_EOF_ON_FREE,
                             ends_.data()),
              0);
    for (std::size_t i = 0; i < 2; i++) workers_[i]->end.take(ends_[i]);
  }
  void run() {
    std::thread other([&] { workers_[1]->run(); });
    workers_[0]->run();
    other.join();
  }

  std::array<std::unique_ptr<Worker>, 2> workers_;
  Ends ends_{};
};

TEST_F(TwoLoops, PlayPingPong) {
  constexpr std::size_t rounds = 3000;
  End& ping = workers_[0]->end;
  End& pong = workers_[1]->end;
  const auto answer = [](End& end, Worker& worker) {
    return [&] {
      if (end.got.size() < rounds) {
        end.write("x");
      } else {
        end.write("x");
        worker.stop();
      }
    };
  };
  ping.on_read = answer(ping, *workers_[0]);
  pong.on_read = answer(pong, *workers_[1]);
  ping.write("x");
  run();
  EXPECT_GE(ping.got.size(), rounds);
  for (auto& worker : workers_) worker->end.free();
}

TEST_F(TwoLoops, CarryMuchBothWaysAndEnd) {
  const std::string forth = pattern(3U << 20, 1);
  const std::string back = pattern(2U << 20, 2);
  std::atomic<int> ended = 0;
  for (auto& worker : workers_) {
    worker->end.on_event = [&](short) {
      if (++ended < 2) return;
      for (auto& one : workers_) one->stop();
    };
    bufferevent_setwatermark(worker->end.bev, EV_READ, 0, 100'000);
  }
  workers_[0]->end.write(forth);
  workers_[1]->end.write(back);
  for (bufferevent* end : ends_) {
    ASSERT_EQ(bevel_shutdown(end, EV_WRITE, nullptr, nullptr, nullptr), 0);
  }
  run();
  EXPECT_TRUE(workers_[0]->end.got == back);
  EXPECT_TRUE(workers_[1]->end.got == forth);
  for (auto& worker : workers_) worker->end.free();
}

// While one end takes bytes, which makes room for the last ones, the loop of the other one goes on and
// finds that all have left.
TEST_F(TwoLoops, TellTheEndBehindBytesThatCameInTheReadCallback) {
  End& reader = workers_[0]->end;
  End& writer = workers_[1]->end;
  bufferevent_setwatermark(reader.bev, EV_READ, 0, 4);
  writer.write("abcdefgh");
  ASSERT_EQ(bevel_shutdown(writer.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  std::string got_before_the_end;
  reader.on_read = [&] {
    event_base_loop(workers_[1]->loop, EVLOOP_NONBLOCK);
    if (reader.got.size() == 8) workers_[0]->stop();
  };
  reader.on_event = [&](short) { got_before_the_end = reader.got; };
  workers_[0]->run();
  event_base_loop(workers_[0]->loop, EVLOOP_NONBLOCK);
  EXPECT_EQ(got_before_the_end, "abcdefgh");
  for (auto& worker : workers_) worker->end.free();
}

TEST_F(TwoLoops, HearThatThePartnerWasFreedInItsThread) {
  End& here = workers_[0]->end;
  End& there = workers_[1]->end;
  there.on_read = [&] {
    there.free();
    workers_[1]->stop();
  };
  here.on_event = [&](short) { workers_[0]->stop(); };
  here.write("go");
  run();
  EXPECT_EQ(here.what, BEV_EVENT_EOF | BEV_EVENT_READING);
  here.free();
}

TEST_F(TwoLoops, MayBeFreedByAThirdThread) {
  std::thread other([&] { workers_[1]->run(); });
  std::thread third([&] {
    for (int i = 0; i < 100; i++) workers_[0]->end.write("bytes");
    for (auto& worker : workers_) bufferevent_free(worker->end.bev);
    for (auto& worker : workers_) worker->stop();
  });
  workers_[0]->run();
  third.join();
  other.join();
  for (auto& worker : workers_) worker->end.bev = nullptr;
}

}  // namespace
}  // namespace test

// Freeing a stream anywhere: inside its own callbacks, while work is pending, with references left.
#include <sys/socket.h>
#include <unistd.h>

#include "stream/support.h"

namespace test {
namespace {

class Freeing : public EveryStack {
 protected:
  void SetUp() override {
    EveryStack::SetUp();
    settle();
    calls_before_ = calls();
  }
  int calls() const { return b_.reads + b_.writes + b_.events; }
  // Nobody calls a freed stream.
  void expect_silence_after(int more) {
    settle();
    EXPECT_EQ(calls(), calls_before_ + more);
  }

  int calls_before_ = 0;
};

INSTANTIATE_TEST_SUITE_P(All, Freeing, testing::ValuesIn(all_stacks()), name_of);

TEST_P(Freeing, InTheReadCallback) {
  b_.on_read = [&] { b_.free(); };
  a_.write(pattern(100'000));
  ASSERT_TRUE(run_until([&] { return b_.bev == nullptr; }));
  expect_silence_after(1);
}

TEST_P(Freeing, InTheWriteCallback) {
  b_.on_write = [&] { b_.free(); };
  b_.write("bytes");
  ASSERT_TRUE(run_until([&] { return b_.bev == nullptr; }));
  expect_silence_after(1);
}

TEST_P(Freeing, InTheEventCallback) {
  b_.on_event = [&](short) { b_.free(); };
  constexpr timeval soon{0, 1000};
  bufferevent_set_timeouts(b_.bev, &soon, &soon);
  ASSERT_TRUE(run_until([&] { return b_.bev == nullptr; }));
  expect_silence_after(1);
}

TEST_P(Freeing, InTheEventCallbackOfTheEnd) {
  b_.on_event = [&](short) { b_.free(); };
  a_.write("the last");
  ASSERT_EQ(bevel_shutdown(a_.bev, EV_WRITE, nullptr, nullptr, nullptr), 0);
  ASSERT_TRUE(run_until([&] { return b_.bev == nullptr; }));
  EXPECT_EQ(b_.got, "the last");
  EXPECT_NE(b_.what & BEV_EVENT_EOF, 0);
}

TEST_P(Freeing, InTriggeredCallbacks) {
  b_.on_event = [&](short) { b_.free(); };
  bufferevent_trigger_event(b_.bev, BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
  bufferevent_trigger(b_.bev, EV_READ | EV_WRITE,
                      BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
  ASSERT_TRUE(run_until([&] { return b_.bev == nullptr; }));
  EXPECT_EQ(b_.events, 1);
}

TEST_P(Freeing, InTheDrainCallback) {
  const auto on_drained = [](bufferevent*, void* end) { static_cast<End*>(end)->free(); };
  ASSERT_EQ(bevel_set_drain_cb(b_.bev, on_drained, &b_), 0);
  b_.write("bytes");
  ASSERT_TRUE(run_until([&] { return b_.bev == nullptr; }));
  settle();
}

TEST_P(Freeing, OfBothEndsInTheCallbackOfOne) {
  b_.on_read = [&] {
    a_.free();
    b_.free();
  };
  a_.write("bytes");
  b_.write("bytes");
  ASSERT_TRUE(run_until([&] { return b_.bev == nullptr; }));
  expect_silence_after(b_.writes == 0 ? 1 : calls() - calls_before_);
}

TEST_P(Freeing, WithCallbacksPending) {
  a_.write(pattern(1000));
  b_.write(pattern(1000));
  bufferevent_trigger(b_.bev, EV_READ | EV_WRITE,
                      BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
  bufferevent_trigger_event(b_.bev, BEV_EVENT_ERROR, BEV_TRIG_DEFER_CALLBACKS);
  calls_before_ = calls();
  b_.free();
  expect_silence_after(0);
}

TEST_P(Freeing, WithAReferenceLeft) {
  bufferevent* bev = b_.bev;
  bufferevent_incref(bev);
  a_.write("bytes");
  b_.free();
  expect_silence_after(0);
  EXPECT_EQ(bufferevent_get_base(bev), loop_) << "it is still there";
  EXPECT_EQ(bufferevent_decref(bev), 1) << "that was the last one";
}

TEST_P(Freeing, KeepsAStreamWhoseExtraReferenceGoes) {
  bufferevent_incref(b_.bev);
  EXPECT_EQ(bufferevent_decref(b_.bev), 0);
  a_.write("bytes");
  ASSERT_TRUE(run_until([&] { return b_.got == "bytes"; }));
}

TEST_P(Freeing, WhileLocked) {
  bufferevent* bev = b_.bev;
  bufferevent_lock(bev);
  b_.free();
  EXPECT_EQ(bufferevent_get_base(bev), loop_);
  bufferevent_unlock(bev);
  expect_silence_after(0);
}

TEST_P(Freeing, InTheBufferCallbackOfItsInput) {
  const auto on_change = [](evbuffer*, const evbuffer_cb_info* info, void* end) {
    if (info->n_added > 0) static_cast<End*>(end)->free();
  };
  evbuffer_add_cb(bufferevent_get_input(b_.bev), on_change, &b_);
  a_.write("bytes");
  ASSERT_TRUE(run_until([&] { return b_.bev == nullptr; }));
  expect_silence_after(0);
}

TEST_P(Freeing, InTheCallbackOfABufferThatIsMovedToItsOutput) {
  const auto on_change = [](evbuffer*, const evbuffer_cb_info* info, void* end) {
    if (info->n_deleted > 0) static_cast<End*>(end)->free();
  };
  evbuffer* moved = evbuffer_new();
  evbuffer_add_cb(moved, on_change, &b_);
  evbuffer_add(moved, "bytes", 5);
  EXPECT_EQ(evbuffer_add_buffer(bufferevent_get_output(b_.bev), moved), 0);
  EXPECT_EQ(b_.bev, nullptr);
  evbuffer_free(moved);
  expect_silence_after(0);
}

class FreeingSockets : public ConversationTest {
 protected:
  void SetUp() override {
    int fds[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
    ours_ = fds[0];
    others_ = fds[1];
    a_.take(bufferevent_socket_new(loop_, ours_, 0));
    b_.take(bufferevent_socket_new(loop_, others_, BEV_OPT_CLOSE_ON_FREE));
  }

  int ours_ = -1;
  int others_ = -1;
};

// The descriptor is the program's, so another one may have its number at once.
TEST_F(FreeingSockets, HearsOfADescriptorMadeInTheCallbackThatFreedTheOldOne) {
  for (const bool had_output : {false, true}) {
    End successor;
    int fds[2] = {-1, -1};
    a_.on_read = [&] {
      if (had_output) a_.write("never sent");
      a_.free();
      close(ours_);
      ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
      successor.take(bufferevent_socket_new(loop_, fds[0], BEV_OPT_CLOSE_ON_FREE));
    };
    b_.write("go");
    ASSERT_TRUE(run_until([&] { return fds[1] >= 0; }));
    EXPECT_EQ(fds[0], ours_);
    ASSERT_EQ(write(fds[1], "new", 3), 3);
    EXPECT_TRUE(run_until([&] { return successor.got == "new"; }));
    successor.free();
    b_.free();
    close(fds[1]);
    SetUp();
  }
  a_.free();
  close(ours_);
}

TEST_F(FreeingSockets, WorksOnForAFilterThatIsStillThere) {
  End filter;
  filter.take(bufferevent_filter_new(a_.bev, nullptr, nullptr, 0, nullptr, nullptr));
  bufferevent_disable(b_.bev, EV_READ);
  filter.write(pattern(4 << 20));  // more than the kernel takes, and than waits below
  settle();
  int drained = 0;
  const auto count = [](bufferevent*, void* calls) { ++*static_cast<int*>(calls); };
  ASSERT_EQ(bevel_set_drain_cb(a_.bev, count, &drained), 0);
  a_.free();
  bufferevent_enable(b_.bev, EV_READ);
  EXPECT_TRUE(run_until([&] { return b_.got.size() == 4 << 20; })) << b_.got.size();
  b_.write("answer");
  EXPECT_TRUE(run_until([&] { return filter.got == "answer"; }));
  EXPECT_EQ(drained, 0);
  EXPECT_EQ(b_.events, 0);
  filter.free();
  settle();
  close(ours_);
  EXPECT_TRUE(run_until([&] { return b_.events == 1; }));
  EXPECT_EQ(b_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
}

TEST_F(FreeingSockets, ClosesTheDescriptorWithTheFilterThatWasFreedAfterIt) {
  End below;
  std::swap(below.bev, b_.bev);
  End filter;
  filter.take(bufferevent_filter_new(below.bev, nullptr, nullptr, 0, nullptr, nullptr));
  below.free();
  settle();
  EXPECT_EQ(a_.events, 0);
  filter.free();
  EXPECT_TRUE(run_until([&] { return a_.events == 1; }));
  EXPECT_EQ(a_.what, BEV_EVENT_EOF | BEV_EVENT_READING);
  a_.free();
  close(ours_);
}

TEST_P(Freeing, GivesBackAllMemoryAndDescriptors) {
  const std::size_t descriptors = open_descriptors();
  {
    const Memory memory;
    for (int i = 0; i < 3; i++) {
      const Ends ends = make_ends(loop_, GetParam());
      ASSERT_EQ(bufferevent_write(ends[0], "bytes", 5), 0);
      bufferevent_enable(ends[1], EV_READ);
      turn();
      for (bufferevent* end : ends) bufferevent_free(end);
      settle();
    }
    EXPECT_LE(Memory::outstanding(), 4) << "but for what the loop keeps for the next ones";
  }
  EXPECT_EQ(open_descriptors(), descriptors);
}

}  // namespace
}  // namespace test

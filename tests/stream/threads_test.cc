// Streams that are safe for threads, used from several: meant for ThreadSanitizer.
#include <atomic>
#include <memory>
#include <thread>

#include "stream/support.h"
#include "support/loop_thread.h"

namespace test {
namespace {

constexpr int locked = BEV_OPT_THREADSAFE;
constexpr int unlocked = BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS;

class Threads : public testing::TestWithParam<int> {
 protected:
  void SetUp() override { use_threads(); }
};

INSTANTIATE_TEST_SUITE_P(All, Threads, testing::Values(locked, unlocked), [](const auto& one) {
  return one.param == locked ? "locked" : "unlocked";
});

// Two connections, each in a thread; what one reads it writes to the other, whose callback may be
// doing the same the other way. Each thread holds its own stream's lock then.
TEST_P(Threads, WriteToEachOtherFromTheirCallbacks) {
  struct Side {
    LoopThread thread;
    bufferevent* mine = nullptr;    // of this thread
    bufferevent* remote = nullptr;  // the other end of its connection, in the same thread
    Side* other = nullptr;
    std::atomic<int> left = 3000;
    std::atomic<std::size_t> sent = 0;  // to `mine`
    std::atomic<std::size_t> received = 0;
  };
  Side sides[2];
  sides[0].other = &sides[1];
  sides[1].other = &sides[0];
  const auto on_read = [](bufferevent* bev, void* arg) {
    Side& side = *static_cast<Side*>(arg);
    const std::size_t answers = evbuffer_get_length(bufferevent_get_input(bev));
    evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
    for (std::size_t i = 0; i < answers; i++) {
      if (--side.left <= 0 && side.other->left <= 0) continue;
      side.other->sent += 10;
      bufferevent_write(side.other->mine, "0123456789", 10);
    }
  };
  // What `mine` was given arrives here, and each message is answered, so that `mine` is called again.
  const auto on_remote_read = [](bufferevent* bev, void* arg) {
    Side& side = *static_cast<Side*>(arg);
    evbuffer* input = bufferevent_get_input(bev);
    for (; evbuffer_get_length(input) >= 10; evbuffer_drain(input, 10)) {
      side.received += 10;
      bufferevent_write(bev, "x", 1);
    }
  };
  for (Side& side : sides) {
    const Ends ends = make_sockets(side.thread.loop(), GetParam());
    side.mine = ends[0];
    side.remote = ends[1];
    bufferevent_setcb(side.mine, on_read, nullptr, nullptr, &side);
    bufferevent_setcb(side.remote, on_remote_read, nullptr, nullptr, &side);
  }
  for (Side& side : sides) {
    bufferevent_enable(side.mine, EV_READ);
    bufferevent_enable(side.remote, EV_READ);
    for (int i = 0; i < 4; i++) bufferevent_write(side.remote, "go", 2);
  }
  EXPECT_TRUE(happens([&] { return sides[0].left <= 0 && sides[1].left <= 0; }));
  for (const Side& side : sides) {
    EXPECT_TRUE(happens([&] { return side.received == side.sent; }));
  }
  for (Side& side : sides) side.thread.stop();
  for (Side& side : sides) {
    bufferevent_free(side.mine);
    bufferevent_free(side.remote);
  }
}

// The order of one thread's writes is kept, whether they found the stream busy or not.
TEST_P(Threads, KeepTheOrderOfAThreadsWrites) {
  LoopThread thread;
  const Ends ends = make_sockets(thread.loop(), GetParam());
  struct Reader {
    std::string got;
    std::atomic<std::size_t> size = 0;
  } reader;
  const auto on_read = [](bufferevent* bev, void* arg) {
    Reader& to = *static_cast<Reader*>(arg);
    char bytes[4096];
    while (const std::size_t size = bufferevent_read(bev, bytes, sizeof bytes)) {
      to.got.append(bytes, size);
    }
    to.size = to.got.size();
  };
  const auto on_write = [](bufferevent*, void*) { std::this_thread::yield(); };
  bufferevent_setcb(ends[0], nullptr, on_write, nullptr, nullptr);
  bufferevent_setcb(ends[1], on_read, nullptr, nullptr, &reader);
  bufferevent_enable(ends[1], EV_READ);
  std::string sent;
  for (int i = 0; i < 5000; i++) {
    const std::string line = std::to_string(i) + "\n";
    EXPECT_EQ(bufferevent_write(ends[0], line.data(), line.size()), 0);
    sent += line;
  }
  EXPECT_TRUE(happens([&] { return reader.size == sent.size(); }));
  thread.stop();
  EXPECT_TRUE(reader.got == sent);
  for (bufferevent* end : ends) bufferevent_free(end);
}

TEST_P(Threads, ChangeTheirPriorityAllTheTime) {
  constexpr int priorities = 8;
  LoopThread thread;
  ASSERT_EQ(event_base_priority_init(thread.loop(), priorities), 0);
  const Ends ends = make_sockets(thread.loop(), GetParam());
  std::atomic<int> echoes = 0;
  const auto on_read = [](bufferevent* bev, void* count) {
    ++*static_cast<std::atomic<int>*>(count);
    bufferevent_write_buffer(bev, bufferevent_get_input(bev));
  };
  for (bufferevent* end : ends) {
    bufferevent_setcb(end, on_read, nullptr, nullptr, &echoes);
    bufferevent_enable(end, EV_READ);
    bufferevent_write(end, "x", 1);
  }
  for (int i = 0; i < 20'000; i++) {
    EXPECT_EQ(bufferevent_priority_set(ends[i % 2], i % priorities), 0);
  }
  const int before = echoes;
  EXPECT_TRUE(happens([&] { return echoes > before + 10; }));
  thread.stop();
  for (bufferevent* end : ends) bufferevent_free(end);
}

// A stream that is freed by another thread while its callbacks run: none begins afterwards.
TEST_P(Threads, FreeWhileCallbacksRun) {
  auto thread = std::make_unique<LoopThread>();
  struct Seen {
    std::atomic<bool> is_freed = false;
    std::atomic<int> calls = 0;
    std::atomic<int> late = 0;
  };
  for (int round = 0; round < 200; round++) {
    const auto seen = std::make_unique<Seen>();
    const StackType type{"", round % 2 == 0, round % 3, GetParam(), false};
    const Ends ends = make_ends(thread->loop(), type);
    const auto on_read = [](bufferevent* bev, void* arg) {
      Seen& to = *static_cast<Seen*>(arg);
      if (to.is_freed) to.late++;
      evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
      bufferevent_write(bev, "again", 5);
      to.calls++;
    };
    for (bufferevent* end : ends) {
      bufferevent_setcb(end, on_read, nullptr, nullptr, seen.get());
      bufferevent_enable(end, EV_READ);
    }
    bufferevent_write(ends[0], "go", 2);
    if (round % 4 != 0) {
      EXPECT_TRUE(happens([&] { return seen->calls > 3; }));
    }
    for (bufferevent* end : ends) bufferevent_free(end);
    if (GetParam() == locked) {
      seen->is_freed = true;  // with the lock held, a callback that ran is over now
    } else {
      thread.reset();  // one may have begun before
      thread = std::make_unique<LoopThread>();
    }
    std::this_thread::yield();
    EXPECT_EQ(seen->late, 0);
  }
}

TEST_P(Threads, TakeCallbacksAwayAndDisable) {
  LoopThread thread;
  const Ends ends = make_ends(thread.loop(), {"", true, 0, locked, false});
  struct Seen {
    std::atomic<bool> is_over = false;
    std::atomic<int> calls = 0;
    std::atomic<int> late = 0;
  } seen;
  const auto on_read = [](bufferevent* bev, void* arg) {
    Seen& to = *static_cast<Seen*>(arg);
    if (to.is_over) to.late++;
    evbuffer_drain(bufferevent_get_input(bev), SIZE_MAX);
    to.calls++;
  };
  for (int round = 0; round < 500; round++) {
    const int before = seen.calls;
    seen.is_over = false;
    bufferevent_setcb(ends[1], on_read, nullptr, nullptr, &seen);
    bufferevent_enable(ends[1], EV_READ);
    bufferevent_write(ends[0], "bytes", 5);
    if (round % 2 == 0) {
      EXPECT_TRUE(happens([&] { return seen.calls > before; }));
    }
    bufferevent_disable(ends[1], EV_READ);
    bufferevent_setcb(ends[1], nullptr, nullptr, nullptr, nullptr);
    seen.is_over = true;
    bufferevent_write(ends[0], "bytes", 5);
  }
  EXPECT_EQ(seen.late, 0);
  for (bufferevent* end : ends) bufferevent_free(end);
}

TEST_P(Threads, HoldNoLockInUnlockedCallbacks) {
  if (GetParam() == locked) GTEST_SKIP();
  LoopThread thread;
  const Ends ends = make_ends(thread.loop(), {"", false, 1, unlocked, false});
  struct Seen {
    bufferevent* bev;
    std::atomic<bool> is_in = false;
    std::atomic<bool> was_asked = false;
  } seen{ends[1]};
  const auto on_read = [](bufferevent*, void* arg) {
    Seen& to = *static_cast<Seen*>(arg);
    to.is_in = true;
    EXPECT_TRUE(happens([&] { return to.was_asked.load(); }));
  };
  bufferevent_setcb(ends[1], on_read, nullptr, nullptr, &seen);
  bufferevent_enable(ends[1], EV_READ);
  bufferevent_write(ends[0], "bytes", 5);
  EXPECT_TRUE(happens([&] { return seen.is_in.load(); }));
  bufferevent_lock(ends[1]);  // would wait for ever
  bufferevent_unlock(ends[1]);
  seen.was_asked = true;
  thread.stop();
  for (bufferevent* end : ends) bufferevent_free(end);
}

// Everything at once, from two threads beside the loop's.
TEST_P(Threads, SurviveManyOperations) {
  LoopThread thread;
  Ends ends = make_ends(thread.loop(), {"", false, 1, GetParam(), true});
  const auto on_read = [](bufferevent* bev, void*) {
    evbuffer_drain(bufferevent_get_input(bev), 1000);
  };
  const auto on_event = [](bufferevent*, short, void*) {};
  const auto work = [&](unsigned seed) {
    unsigned state = seed;
    for (int i = 0; i < 10'000; i++) {
      state = state * 1664525U + 1013904223U;
      bufferevent* bev = ends[(state >> 16) & 1];
      switch ((state >> 20) % 10) {
        case 0:
          bufferevent_disable(bev, EV_READ);
          break;
        case 1:
          bufferevent_enable(bev, EV_READ | EV_WRITE);
          break;
        case 2:
          bufferevent_setcb(bev, on_read, nullptr, on_event, nullptr);
          break;
        case 3:
          bufferevent_setwatermark(bev, EV_READ, 0, (state >> 8) % 5000);
          break;
        case 4:
          bufferevent_trigger(bev, EV_READ | EV_WRITE, BEV_TRIG_DEFER_CALLBACKS);
          break;
        case 5: {
          const timeval time{0, 1 + static_cast<int>((state >> 8) % 2000)};
          bufferevent_set_timeouts(bev, &time, nullptr);
          break;
        }
        case 6:
          bufferevent_incref(bev);
          bufferevent_set_max_single_read(bev, (state >> 8) % 300);
          bufferevent_decref(bev);
          break;
        case 7:
          bufferevent_flush(bev, EV_READ | EV_WRITE, BEV_FLUSH);
          break;
        default:
          bufferevent_write(bev, "some bytes", 10);
      }
    }
  };
  std::thread one(work, 1);
  std::thread two(work, 2);
  one.join();
  two.join();
  for (bufferevent* end : ends) bufferevent_free(end);
}

TEST_P(Threads, PipeTheSameStreamsEitherWayRound) {
  LoopThread thread;
  for (int round = 0; round < 50; round++) {
    const StackType type{"", round % 2 == 0, 0, GetParam(), false};
    const Ends left = make_ends(thread.loop(), type);
    const Ends right = make_ends(thread.loop(), type);
    bufferevent_write(left[0], "through the pipe", 16);
    std::atomic<int> piped = 0;
    std::thread one([&] { piped += bevel_pipe(left[1], right[0], 0, nullptr, nullptr) == 0; });
    std::thread two([&] { piped += bevel_pipe(right[0], left[1], 0, nullptr, nullptr) == 0; });
    one.join();
    two.join();
    EXPECT_EQ(piped, 1);
    for (const Ends& ends : {left, right}) {
      for (bufferevent* end : ends) bufferevent_free(end);
    }
  }
}

TEST_P(Threads, FreePipesFromElsewhere) {
  LoopThread thread;
  for (int round = 0; round < 100; round++) {
    const StackType type{"", round % 2 == 0, 0, GetParam(), false};
    const Ends left = make_ends(thread.loop(), type);
    const Ends right = make_ends(thread.loop(), type);
    ASSERT_EQ(bevel_pipe(left[1], right[0], 0, nullptr, nullptr), 0);
    for (bufferevent* end : {left[0], right[1]}) {
      bufferevent_enable(end, EV_READ);
      bufferevent_write(end, "through the pipe", 16);
    }
    std::thread one([&] { bufferevent_free(left[1]); });
    std::thread two([&] { bufferevent_free(right[0]); });
    one.join();
    two.join();
    bufferevent_free(left[0]);
    bufferevent_free(right[1]);
  }
}

}  // namespace
}  // namespace test

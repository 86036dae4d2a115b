// Locked buffers used from several threads, and shared chains that end their lives in different
// threads.
#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "buffer/chunk_cache.h"
#include "buffer/use.h"
#include "loop/loop.h"

namespace test {
namespace {

// The locks of this test: the buffers only see evthread's callbacks.
evthread_lock_callbacks mutex_hooks() {
  const auto make = [](unsigned) -> void* {
    auto* mutex = new pthread_mutex_t;
    pthread_mutexattr_t recursive;
    pthread_mutexattr_init(&recursive);
    pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
    pthread_mutex_init(mutex, &recursive);
    pthread_mutexattr_destroy(&recursive);
    return mutex;
  };
  const auto drop = [](void* mutex, unsigned) {
    pthread_mutex_destroy(static_cast<pthread_mutex_t*>(mutex));
    delete static_cast<pthread_mutex_t*>(mutex);
  };
  const auto lock = [](unsigned, void* mutex) {
    return pthread_mutex_lock(static_cast<pthread_mutex_t*>(mutex));
  };
  const auto unlock = [](unsigned, void* mutex) {
    return pthread_mutex_unlock(static_cast<pthread_mutex_t*>(mutex));
  };
  return {EVTHREAD_LOCK_API_VERSION, EVTHREAD_LOCKTYPE_RECURSIVE, make, drop, lock, unlock};
}

class Threads : public testing::Test {
 protected:
  void SetUp() override {
    const evthread_lock_callbacks hooks = mutex_hooks();
    ASSERT_TRUE(ev::set_lock_hooks(&hooks));
  }
  void TearDown() override { ev::set_lock_hooks(nullptr); }
};

TEST_F(Threads, ALockedBufferIsUsedFromBothEnds) {
  constexpr std::size_t total = 2'000'000;
  evbuffer buffer;
  buffer.enable_locking(ev::Lock::make());
  std::thread writer([&buffer] {
    const std::string piece(100, 'x');
    for (std::size_t done = 0; done < total; done += piece.size()) {
      const ev::BufferUse use(buffer);
      append(buffer, piece);
    }
  });
  std::size_t taken = 0;
  while (taken < total) {
    const ev::BufferUse use(buffer);
    taken += remove(buffer, 777).size();
  }
  writer.join();
  EXPECT_EQ(taken, total);
  EXPECT_TRUE(buffer.empty());
}

TEST_F(Threads, TwoBuffersExchangeChainsInBothDirections) {
  evbuffer one;
  evbuffer two;
  one.enable_locking(ev::Lock::make());
  two.enable_locking(ev::Lock::make());
  append(one, std::string(50000, '1'));
  append(two, std::string(50000, '2'));
  const auto exchange = [](evbuffer& from, evbuffer& to) {
    for (std::size_t i = 0; i < 5000; ++i) {
      const ev::BufferPairUse use(from, to);
      from.remove_to(to, i * 37 % 9000);
    }
  };
  std::thread there([&] { exchange(one, two); });
  std::thread back([&] { exchange(two, one); });
  there.join();
  back.join();
  EXPECT_EQ(one.size() + two.size(), 100000U);
}

TEST_F(Threads, AFreedBufferThatWaitsForItsCallbackGoesWithTheLoop) {
  static int cleaned;
  cleaned = 0;
  event_base* loop = event_base::make(nullptr);
  auto* buffer = new evbuffer();
  buffer->add_callback([](evbuffer*, const evbuffer_cb_info*, void*) {}, nullptr);
  buffer->defer_callbacks(*loop, 0);
  ASSERT_TRUE(buffer->append_reference(
      "text", 4, [](const void*, std::size_t, void*) { cleaned++; }, nullptr));
  evbuffer::destroy(buffer);
  loop->close(true);
  delete loop;
  EXPECT_EQ(cleaned, 1);
}

TEST_F(Threads, SharedChainsAreReleasedByWhoeverIsLast) {
  static std::atomic<int> cleanups;
  cleanups = 0;
  for (int round = 0; round < 200; ++round) {
    auto* source = new evbuffer();
    append(*source, std::string(1000, 'o'));
    ASSERT_TRUE(source->append_reference(
        "reference", 9, [](const void*, std::size_t, void*) { ++cleanups; }, nullptr));
    std::vector<evbuffer*> readers;
    for (int i = 0; i < 3; ++i) {
      readers.push_back(new evbuffer());
      ASSERT_TRUE(readers.back()->append_shared(*source));
    }
    std::vector<std::thread> threads;
    for (evbuffer* reader : readers) {
      threads.emplace_back([reader] {
        EXPECT_EQ(remove(*reader, 5000).size(), 1009U);
        delete reader;
      });
    }
    append(*source, "written behind what the others read");
    delete source;
    for (std::thread& thread : threads) thread.join();
  }
  EXPECT_EQ(cleanups, 200);
}

TEST_F(Threads, ChunksMayBeFreedInAnotherThread) {
  evbuffer buffer;
  buffer.enable_locking(ev::Lock::make());
  for (int round = 0; round < 20; ++round) {
    std::thread([&buffer] {
      for (const std::size_t size : {10U, 500U, 4000U, 60000U})
        append(buffer, std::string(size, 'x'));
    }).join();
    std::thread([&buffer] { buffer.drain(SIZE_MAX); }).join();
  }
  ev::release_chunk_cache();
  EXPECT_TRUE(buffer.empty());
}

}  // namespace
}  // namespace test

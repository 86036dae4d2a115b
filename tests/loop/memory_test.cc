// No memory, at every allocation in turn: the call fails, nothing is left behind, and the next try
// works.
#include <event2/event.h>
#include <event2/event_struct.h>

#include <csignal>
#include <cstdlib>

#include "support.h"

namespace ev {
namespace {

using test::SocketPair;

int budget = 0;  // how many allocations succeed
int live = 0;

void* counted_malloc(std::size_t size) {
  if (budget-- <= 0) return nullptr;
  live++;
  return std::malloc(size);
}
void* counted_realloc(void* old, std::size_t size) {
  if (budget-- <= 0) return nullptr;
  if (old == nullptr) live++;
  return std::realloc(old, size);
}
void counted_free(void* memory) {
  live--;
  std::free(memory);
}

constexpr int plenty = 1'000'000;

class MemoryTest : public testing::Test {
 protected:
  MemoryTest() {
    live = 0;
    budget = plenty;
    event_set_mem_functions(counted_malloc, counted_realloc, counted_free);
    event_set_log_callback([](int, const char*) {});
  }
  ~MemoryTest() override {
    event_set_mem_functions(nullptr, nullptr, nullptr);
    event_set_log_callback(nullptr);
    EXPECT_EQ(live, 0);
  }

  // Calls `attempt` with room for 0, 1, 2, ... allocations until it succeeds. A failure must leave
  // no memory behind.
  template <class Attempt>
  static int failures_of(Attempt attempt, bool must_be_clean = true) {
    for (int room = 0;; room++) {
      const int before = live;
      budget = room;
      const bool done = attempt();
      budget = plenty;
      if (done) return room;
      EXPECT_TRUE(live == before || !must_be_clean) << "with room for " << room;
      if (room == 100) {
        ADD_FAILURE() << "never succeeds";
        return room;
      }
    }
  }
};

void ignore(int, short, void*) {}

TEST_F(MemoryTest, MakingABase) {
  event_base* base = nullptr;
  EXPECT_GT(failures_of([&] { return (base = event_base_new()) != nullptr; }), 0);
  event_base_free(base);
}

TEST_F(MemoryTest, MakingAConfiguration) {
  event_config* config = nullptr;
  EXPECT_GT(failures_of([&] { return (config = event_config_new()) != nullptr; }), 0);
  EXPECT_GT(failures_of([&] { return event_config_avoid_method(config, "none") == 0; }), 0);
  event_config_free(config);
}

TEST_F(MemoryTest, MakingAnEvent) {
  event_base* base = event_base_new();
  event* made = nullptr;
  EXPECT_EQ(
      failures_of([&] { return (made = event_new(base, -1, 0, ignore, nullptr)) != nullptr; }), 1);
  event_free(made);
  event_base_free(base);
}

TEST_F(MemoryTest, AddingADescriptor) {
  SocketPair pair;
  for (const char* avoided : {"", "epoll", "poll"}) {
    event_config* config = event_config_new();
    event_config_avoid_method(config, avoided);
    if (*avoided == 'p') event_config_avoid_method(config, "epoll");
    event_base* base = event_base_new_with_config(config);
    event ev{};
    event_assign(&ev, base, pair.fds[0], EV_READ, ignore, nullptr);
    const timeval soon{1, 0};
    const auto attempt = [&] {
      if (event_add(&ev, &soon) == 0) return true;
      EXPECT_EQ(errno, ENOMEM);
      EXPECT_EQ(event_pending(&ev, EV_READ | EV_TIMEOUT, nullptr), 0);
      return false;
    };
    EXPECT_GT(failures_of(attempt, false), 0) << event_base_get_method(base);
    event_del(&ev);
    event_base_free(base);
    event_config_free(config);
  }
}

TEST_F(MemoryTest, AddingATimerNeedsNone) {
  event_base* base = event_base_new();
  event ev{};
  event_assign(&ev, base, -1, 0, ignore, nullptr);
  const timeval soon{1, 0};
  EXPECT_EQ(failures_of([&] { return event_add(&ev, &soon) == 0; }), 0);
  event_base_free(base);
}

TEST_F(MemoryTest, AddingASignal) {
  event_base* base = event_base_new();
  event ev{};
  event_assign(&ev, base, SIGUSR1, EV_SIGNAL, ignore, nullptr);
  EXPECT_GT(failures_of([&] { return event_add(&ev, nullptr) == 0; }, false), 0);
  raise(SIGUSR1);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
}

TEST_F(MemoryTest, OneTimeEvents) {
  SocketPair pair;
  event_base* base = event_base_new();
  const timeval soon{1, 0};
  const auto timer = [&] {
    return event_base_once(base, -1, EV_TIMEOUT, ignore, nullptr, &soon) == 0;
  };
  const auto io = [&] {
    return event_base_once(base, pair.fds[0], EV_READ, ignore, nullptr, nullptr) == 0;
  };
  EXPECT_EQ(failures_of(timer), 1);
  EXPECT_GT(failures_of(io, false), 1);
  EXPECT_EQ(failures_of([&] { return event_base_loopexit(base, &soon) == 0; }), 1);
  event_base_free(base);
}

TEST_F(MemoryTest, PrioritiesAndCommonTimeouts) {
  event_base* base = event_base_new();
  EXPECT_EQ(failures_of([&] { return event_base_priority_init(base, 9) == 0; }), 1);
  const timeval soon{1, 0};
  EXPECT_EQ(failures_of([&] { return event_base_init_common_timeout(base, &soon) != nullptr; }), 1);
  event_base_free(base);
}

TEST_F(MemoryTest, NewKernelObjects) {
  SocketPair pair;
  event_base* base = event_base_new();
  event ev{};
  event_assign(&ev, base, pair.fds[0], EV_READ, ignore, nullptr);
  event_add(&ev, nullptr);
  EXPECT_GT(failures_of([&] { return event_reinit(base) == 0; }, false), 0);
  pair.put(1);
  EXPECT_EQ(event_base_loop(base, 0), 1);
  event_base_free(base);
}

}  // namespace
}  // namespace ev

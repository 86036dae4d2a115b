// What a program sees of limits on real streams, besides the bytes that move.
#include <algorithm>
#include <cstdlib>
#include <memory>
#include <random>

#include "stream/limits_support.h"

namespace limits_test {
namespace {

using namespace std::chrono_literals;

class Limits : public testing::Test {
 protected:
  Loop loop;
};

class LimitsOfEveryKind : public testing::TestWithParam<Kind> {
 protected:
  Loop loop;
};

INSTANTIATE_TEST_SUITE_P(Kinds, LimitsOfEveryKind,
                         testing::Values(Kind::socket, Kind::pair, Kind::filter));

TEST_P(LimitsOfEveryKind, NoWriteTimeoutWhileTokensAreAwaited) {
  Ends ends(loop, GetParam());
  const Cfg cfg(100);
  const timeval soon{0, 20000};
  bufferevent_set_rate_limit(ends.left(), cfg);
  bufferevent_set_timeouts(ends.left(), nullptr, &soon);
  write_bytes(ends.left(), 1000);
  loop.run_for(60ms);
  EXPECT_EQ(ends.arrived_right(), 100u);
  EXPECT_EQ(ends.events_left(), 0);
  bufferevent_set_timeouts(ends.left(), nullptr, &soon);
  loop.run_for(60ms);
  EXPECT_EQ(ends.events_left(), 0);
}

TEST_P(LimitsOfEveryKind, NoReadTimeoutWhileTokensAreAwaited) {
  Ends ends(loop, GetParam());
  const Cfg cfg(100);
  const timeval soon{0, 20000};
  bufferevent_set_rate_limit(ends.right(), cfg);
  bufferevent_set_timeouts(ends.right(), &soon, nullptr);
  write_bytes(ends.left(), 1000);
  loop.run_for(60ms);
  EXPECT_EQ(ends.arrived_right(), 100u);
  EXPECT_EQ(ends.events_right(), 0);
  bufferevent_set_timeouts(ends.right(), &soon, nullptr);
  loop.run_for(60ms);
  EXPECT_EQ(ends.events_right(), 0);
  bufferevent_set_rate_limit(ends.right(), nullptr);
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 1000; }));
  EXPECT_TRUE(loop.run_until([&] { return ends.events_right() != 0; })) << "now it runs again";
  EXPECT_EQ(ends.events_right(), BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
}

// Nobody can send what the limit would not let in, whether or not somebody tries.
TEST_P(LimitsOfEveryKind, NoReadTimeoutWhileTheLimitIsUsedUp) {
  Ends ends(loop, GetParam());
  const Cfg cfg(100);
  const timeval soon{0, 20000};
  bufferevent_set_rate_limit(ends.right(), cfg);
  bufferevent_set_timeouts(ends.right(), &soon, nullptr);
  write_bytes(ends.left(), 100);
  loop.run_for(60ms);
  EXPECT_EQ(ends.arrived_right(), 100u);
  EXPECT_EQ(ends.events_right(), 0);
  bufferevent_disable(ends.right(), EV_READ);
  bufferevent_enable(ends.right(), EV_READ);
  bufferevent_set_rate_limit(ends.right(), nullptr);
  EXPECT_TRUE(loop.run_until([&] { return ends.events_right() != 0; })) << "now it runs again";
  EXPECT_EQ(ends.events_right(), BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
}

TEST_P(LimitsOfEveryKind, NoReadTimeoutWhileTheLimitOfTheGroupIsUsedUp) {
  const Cfg cfg(100);
  Group group(loop, cfg);
  Ends ends(loop, GetParam());
  const timeval soon{0, 20000};
  bufferevent_add_to_rate_limit_group(ends.right(), group);
  write_bytes(ends.left(), 60);
  write_bytes(ends.left(), 40);
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 100; }));
  bufferevent_set_timeouts(ends.right(), &soon, nullptr);
  loop.run_for(60ms);
  EXPECT_EQ(ends.events_right(), 0);
  bufferevent_remove_from_rate_limit_group(ends.right());
  EXPECT_TRUE(loop.run_until([&] { return ends.events_right() != 0; })) << "now it runs again";
  EXPECT_EQ(ends.events_right(), BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
}

// What was charged by hand is paid back before anything can be read.
TEST_P(LimitsOfEveryKind, NoReadTimeoutInDebt) {
  const timeval soon{0, 20000};
  const Cfg cfg(100);
  for (const bool grouped : {false, true}) {
    Group group(loop, cfg);
    Ends ends(loop, GetParam());
    const auto charge = [&](ev_ssize_t bytes) {
      if (grouped) return bufferevent_rate_limit_group_decrement_read(group, bytes);
      return bufferevent_decrement_read_limit(ends.right(), bytes);
    };
    if (grouped) {
      bufferevent_add_to_rate_limit_group(ends.right(), group);
    } else {
      bufferevent_set_rate_limit(ends.right(), cfg);
    }
    bufferevent_set_timeouts(ends.right(), &soon, nullptr);
    ASSERT_EQ(charge(500), 0);
    loop.run_for(90ms);
    EXPECT_EQ(ends.events_right(), 0) << grouped;
    EXPECT_NE(bufferevent_get_enabled(ends.right()) & EV_READ, 0);
    ASSERT_EQ(charge(-500), 0);
    EXPECT_TRUE(loop.run_until([&] { return ends.events_right() != 0; })) << "now it runs again";
    EXPECT_EQ(ends.events_right(), BEV_EVENT_TIMEOUT | BEV_EVENT_READING);
  }
}

TEST_P(LimitsOfEveryKind, DisablingEndsTheWaitAndEnablingBeginsItAgain) {
  Ends ends(loop, GetParam());
  const Cfg cfg(100);
  bufferevent_set_rate_limit(ends.left(), cfg);
  write_bytes(ends.left(), 1000);
  loop.turns(20);
  bufferevent_disable(ends.left(), EV_WRITE);
  loop.turns(20);
  bufferevent_set_rate_limit(ends.left(), nullptr);
  loop.turns(20);
  EXPECT_EQ(ends.arrived_right(), 100u) << "disabled";
  bufferevent_set_rate_limit(ends.left(), cfg);
  bufferevent_enable(ends.left(), EV_WRITE);
  loop.turns(20);
  EXPECT_EQ(ends.arrived_right(), 200u);
}

TEST_P(LimitsOfEveryKind, MayBeFreedWhileItWaits) {
  const Cfg cfg(100);
  Group group(loop, cfg);
  for (const bool in_group : {false, true}) {
    Ends ends(loop, GetParam());
    if (in_group) {
      bufferevent_add_to_rate_limit_group(ends.left(), group);
    } else {
      bufferevent_set_rate_limit(ends.left(), cfg);
    }
    write_bytes(ends.left(), 1000);
    loop.turns(20);
    ends.free_left();
    loop.turns(5);
  }
}

TEST_P(LimitsOfEveryKind, MayBeFreedInItsReadCallback) {
  const Cfg cfg(100, 2'000'000);
  Group group(loop, cfg);
  Ends ends(loop, GetParam());
  bufferevent_add_to_rate_limit_group(ends.left(), group);
  int calls = 0;
  const auto on_read = [](bufferevent* bev, void* counter) {
    if (++*static_cast<int*>(counter) == 3) bufferevent_free(bev);
  };
  bufferevent_setcb(ends.left(), on_read, nullptr, nullptr, &calls);
  write_bytes(ends.right(), 10000);
  EXPECT_TRUE(loop.run_until([&] { return calls == 3; }));
  loop.run_for(20ms);
  EXPECT_EQ(calls, 3);
  ends.forget_left();
}

TEST_P(LimitsOfEveryKind, AFreedGroupLetsItsWaitersGo) {
  const Cfg cfg(100);
  Group parent(loop, cfg);
  Group group(loop, cfg);
  bevel_rate_limit_group_set_parent(group, parent);
  Ends ends(loop, GetParam());
  bufferevent_add_to_rate_limit_group(ends.left(), group);
  write_bytes(ends.left(), 1000);
  loop.turns(20);
  EXPECT_EQ(ends.arrived_right(), 100u);
  group.free();
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 1000; }));
  EXPECT_EQ(bufferevent_remove_from_rate_limit_group(ends.left()), 0);
}

TEST_P(LimitsOfEveryKind, MovesBetweenGroups) {
  const Cfg cfg(100);
  Group first(loop, cfg);
  Group second(loop, cfg);
  Ends ends(loop, GetParam());
  bufferevent_add_to_rate_limit_group(ends.left(), first);
  write_bytes(ends.left(), 1000);
  loop.turns(20);
  EXPECT_EQ(ends.arrived_right(), 100u);
  bufferevent_add_to_rate_limit_group(ends.left(), second);
  loop.turns(20);
  EXPECT_EQ(ends.arrived_right(), 200u);
  bufferevent_add_to_rate_limit_group(ends.left(), nullptr);
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 1000; }));
}

TEST_P(LimitsOfEveryKind, GoesOnByItself) {
  const Cfg cfg(50, 5'000'000);
  Group group(loop, cfg);
  Ends ends(loop, GetParam());
  bufferevent_set_rate_limit(ends.left(), cfg);
  bufferevent_add_to_rate_limit_group(ends.right(), group);
  write_bytes(ends.left(), 500);
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 500; }));
  EXPECT_EQ(ends.events_right(), 0);
}

TEST_P(LimitsOfEveryKind, KeepsItsStatistics) {
  const Cfg cfg(100);
  Group group(loop, cfg);
  Ends ends(loop, GetParam());
  bufferevent_add_to_rate_limit_group(ends.left(), group);
  write_bytes(ends.left(), 1000);
  loop.turns(20);
  loop.run_for(5ms);
  bevel_rate_limit_stats stats{};
  stats.size = sizeof stats;
  ASSERT_EQ(bevel_get_rate_limit_stats(ends.left(), &stats), 0);
  EXPECT_EQ(stats.bytes_written, 100u);
  EXPECT_EQ(stats.bytes_read, 0u);
  EXPECT_GE(stats.write_waits, 1u);
  EXPECT_GE(stats.write_throttled_ns, 4'000'000u);
  EXPECT_EQ(stats.read_waits, 0u);
  ASSERT_EQ(bevel_rate_limit_group_get_stats(group, &stats), 0);
  EXPECT_EQ(stats.bytes_written, 100u);
  EXPECT_GE(stats.write_throttled_ns, 4'000'000u);
  bufferevent_add_to_rate_limit_group(ends.left(), nullptr);
}

TEST_F(Limits, StatisticsMayGrow) {
  Ends ends(loop, Kind::socket);
  struct {
    bevel_rate_limit_stats known;
    std::uint64_t later = 7;
  } larger;
  larger.known.size = sizeof larger;
  EXPECT_EQ(bevel_get_rate_limit_stats(ends.left(), &larger.known), 0);
  EXPECT_EQ(larger.known.size, sizeof larger);
  EXPECT_EQ(larger.known.bytes_read, 0u);
  EXPECT_EQ(larger.later, 0u);
  larger.known.size = 8;
  EXPECT_EQ(bevel_get_rate_limit_stats(ends.left(), &larger.known), -1);
  larger.known.size = SIZE_MAX;
  EXPECT_EQ(bevel_get_rate_limit_stats(ends.left(), &larger.known), -1);
}

TEST_F(Limits, KeepALoopAliveOnlyWhileSomebodyWaits) {
  const Cfg cfg(100);
  Group group(loop, cfg);
  EXPECT_EQ(event_base_loop(loop, 0), 1) << "an idle group";
  Ends ends(loop, Kind::pair);
  bufferevent_set_rate_limit(ends.left(), cfg);
  bufferevent_add_to_rate_limit_group(ends.right(), group);
  EXPECT_EQ(event_base_loop(loop, 0), 1) << "an idle limit";
  write_bytes(ends.left(), 1000);
  loop.turns(20);
  EXPECT_EQ(event_base_get_num_events(loop, EVENT_BASE_COUNT_ADDED), 1) << "one timer";
  bufferevent_set_rate_limit(ends.left(), nullptr);
  loop.turns(20);
  EXPECT_EQ(event_base_get_num_events(loop, EVENT_BASE_COUNT_ADDED), 1) << "that of the group";
  group.free();
  EXPECT_EQ(event_base_loop(loop, 0), 1);
  EXPECT_EQ(ends.arrived_right(), 1000u);
}

TEST_F(Limits, StreamsThatDoNotWaitMayChangeTheLoop) {
  Loop other;
  const Cfg cfg(100);
  Ends ends(loop, Kind::socket);
  bufferevent_set_rate_limit(ends.left(), cfg);
  write_bytes(ends.left(), 1000);
  loop.turns(5);
  EXPECT_EQ(bufferevent_base_set(other, ends.left()), -1);
  bufferevent_disable(ends.left(), EV_READ | EV_WRITE);
  loop.turns(5);
  ASSERT_EQ(bufferevent_base_set(other, ends.left()), 0);
  bufferevent_set_rate_limit(ends.left(), nullptr);
  bufferevent_enable(ends.left(), EV_READ | EV_WRITE);
  other.turns(5);
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 1000; }));
  ends.free_left();
}

TEST_F(Limits, AStreamThatIsAboutToGoOnDoesNotChangeTheLoop) {
  Loop other;
  const Cfg cfg(100);
  Ends ends(loop, Kind::socket);
  bufferevent_disable(ends.left(), EV_READ);
  bufferevent_set_rate_limit(ends.left(), cfg);
  write_bytes(ends.left(), 1000);
  loop.turns(5);
  bufferevent_set_rate_limit(ends.left(), nullptr);  // defers its going on
  EXPECT_EQ(bufferevent_base_set(other, ends.left()), -1);
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 1000; }));
  EXPECT_EQ(bufferevent_base_set(other, ends.left()), 0);
  ends.free_left();
}

TEST_F(Limits, ThePriorityMayChangeWhileCallsAreDeferred) {
  event_base_priority_init(loop, 4);
  const Cfg cfg(100);
  Ends ends(loop, Kind::pair);
  Ends sockets(loop, Kind::socket, BEV_OPT_DEFER_CALLBACKS);
  bufferevent_set_rate_limit(sockets.left(), cfg);
  write_bytes(sockets.left(), 1000);
  loop.turns(5);
  bufferevent_set_rate_limit(sockets.left(), nullptr);  // defers its going on
  EXPECT_EQ(bufferevent_priority_set(sockets.left(), 3), 0);
  EXPECT_TRUE(loop.run_until([&] { return sockets.arrived_right() == 1000; }));
}

TEST_F(Limits, WeightsAndAssuredRatesCount) {
  const Cfg link(2000, 10'000'000);
  const Cfg wide(2'000'000, 10'000'000);
  Group top(loop, link);
  Group heavy(loop, wide);
  Group light(loop, wide);
  bevel_rate_limit_group_set_parent(heavy, top);
  bevel_rate_limit_group_set_parent(light, top);
  ASSERT_EQ(bevel_rate_limit_group_set_weight(heavy, 3), 0);
  Ends a(loop, Kind::pair);
  Ends b(loop, Kind::pair);
  bufferevent_add_to_rate_limit_group(a.left(), heavy);
  bufferevent_add_to_rate_limit_group(b.left(), light);
  write_bytes(a.left(), 2'000'000);
  write_bytes(b.left(), 2'000'000);
  const auto shares = [&] {
    const double before_a = static_cast<double>(a.arrived_right());
    const double before_b = static_cast<double>(b.arrived_right());
    loop.run_for(400ms);
    return (static_cast<double>(a.arrived_right()) - before_a) /
           (static_cast<double>(b.arrived_right()) - before_b);
  };
  shares();
  EXPECT_NEAR(shares(), 3, 0.6);
  ASSERT_EQ(bevel_rate_limit_group_set_assured(light, 0, 1500, 10'000'000), 0);
  shares();
  // 1500 are assured; of the other 500 a quarter: 1625 of 2000.
  EXPECT_NEAR(shares(), 375. / 1625, 0.15);
  EXPECT_EQ(bevel_rate_limit_group_set_assured(light, 0, 0, 0), 0);
}

TEST_F(Limits, MembersHaveWeights) {
  const Cfg cfg(2000, 10'000'000);
  Group group(loop, cfg);
  Ends a(loop, Kind::pair);
  Ends b(loop, Kind::pair);
  EXPECT_EQ(bevel_set_rate_limit_weight(a.left(), 4), 0);
  for (const Ends* ends : {&a, &b}) {
    bufferevent_add_to_rate_limit_group(ends->left(), group);
    write_bytes(ends->left(), 1'000'000);
  }
  loop.run_for(600ms);
  const double ratio =
      static_cast<double>(a.arrived_right()) / static_cast<double>(b.arrived_right());
  EXPECT_NEAR(ratio, 4, 1);
}

TEST_F(Limits, NonsenseIsRefused) {
  const size_t max = EV_RATE_LIMIT_MAX;
  const auto make = [](size_t rate, size_t burst, std::uint64_t tick, int mode) {
    ev_token_bucket_cfg* cfg =
        bevel_token_bucket_cfg_new(rate, burst, 1, 1, tick, static_cast<bevel_refill>(mode));
    ev_token_bucket_cfg_free(cfg);
    return cfg != nullptr;
  };
  EXPECT_TRUE(make(1, 1, 1, 0));
  EXPECT_TRUE(make(max, max, 1, 2));
  EXPECT_TRUE(make(1, max, INT64_MAX, 1));
  EXPECT_FALSE(make(0, 1, 1, 0));
  EXPECT_FALSE(make(2, 1, 1, 0));
  EXPECT_FALSE(make(1, max + 1, 1, 0));
  EXPECT_FALSE(make(1, 1, 0, 0));
  EXPECT_FALSE(make(1, 1, UINT64_MAX, 0));
  EXPECT_FALSE(make(1, 1, 1, 3));
  EXPECT_FALSE(make(1, 1, 1, -1));

  const Cfg cfg(100);
  Group group(loop, cfg);
  Ends ends(loop, Kind::pair);
  bevel_rate_limit_stats stats{};
  stats.size = sizeof stats;
  EXPECT_EQ(bevel_rate_limit_group_set_parent(nullptr, group), -1);
  EXPECT_EQ(bevel_rate_limit_group_set_parent(group, nullptr), 0);
  EXPECT_EQ(bevel_rate_limit_group_set_weight(group, 0), -1);
  EXPECT_EQ(bevel_rate_limit_group_set_weight(nullptr, 1), -1);
  EXPECT_EQ(bevel_rate_limit_group_set_assured(nullptr, 1, 1, 1), -1);
  EXPECT_EQ(bevel_rate_limit_group_set_assured(group, 1, 1, 0), -1);
  EXPECT_EQ(bevel_rate_limit_group_set_assured(group, max + 1, 1, 1), -1);
  EXPECT_EQ(bevel_set_rate_limit_weight(nullptr, 1), -1);
  EXPECT_EQ(bevel_set_rate_limit_weight(ends.left(), 0), -1);
  EXPECT_EQ(bevel_set_segment_overhead(nullptr, 1, 1), -1);
  EXPECT_EQ(bevel_set_segment_overhead(ends.left(), 65536, 1), -1);
  EXPECT_EQ(bevel_set_segment_overhead(ends.left(), 1, 65536), -1);
  EXPECT_EQ(bevel_set_segment_overhead(ends.left(), 0, 0), 0);
  EXPECT_EQ(bevel_clamp_receive_window(nullptr, 1), -1);
  EXPECT_EQ(bevel_clamp_receive_window(ends.left(), 1000), -1) << "no descriptor";
  EXPECT_EQ(bevel_get_rate_limit_stats(nullptr, &stats), -1);
  EXPECT_EQ(bevel_get_rate_limit_stats(ends.left(), nullptr), -1);
  EXPECT_EQ(bevel_rate_limit_group_get_stats(nullptr, &stats), -1);
  EXPECT_EQ(bevel_rate_limit_group_get_stats(group, nullptr), -1);
}

TEST_F(Limits, OfWritingSayNothingAboutTheReceiveWindow) {
  Ends ends(loop, Kind::socket);
  const auto window = [&] {
    int size = 0;
    socklen_t length = sizeof size;
    getsockopt(bufferevent_getfd(ends.left()), SOL_SOCKET, SO_RCVBUF, &size, &length);
    return size;
  };
  const int before = window();
  const Cfg writes(EV_RATE_LIMIT_MAX, EV_RATE_LIMIT_MAX, 1000, 1000, hour);
  bufferevent_set_rate_limit(ends.left(), writes);
  errno = 0;
  EXPECT_EQ(bevel_clamp_receive_window(ends.left(), 0), -1);
  EXPECT_EQ(errno, EINVAL);
  EXPECT_EQ(window(), before);
}

TEST_F(Limits, AGroupMayOutliveItsLoop) {
  auto other = std::make_unique<Loop>();
  const Cfg cfg(100);
  Group group(*other, cfg);
  {
    Ends ends(*other, Kind::pair);
    bufferevent_add_to_rate_limit_group(ends.left(), group);
    write_bytes(ends.left(), 1000);
    other->turns(5);
  }
  other->turns(5);
  other.reset();
}

// Nobody hands out tokens then, but nobody is harmed either.
TEST_F(Limits, MembersMayOutliveTheLoopOfTheirGroup) {
  auto other = std::make_unique<Loop>();
  const Cfg cfg(100);
  Group group(*other, cfg);
  Ends ends(loop, Kind::pair);
  Ends late(loop, Kind::pair);
  bufferevent_add_to_rate_limit_group(ends.left(), group);
  write_bytes(ends.left(), 1000);
  loop.turns(5);
  other.reset();
  bufferevent_add_to_rate_limit_group(late.left(), group);
  write_bytes(late.left(), 1000);
  loop.turns(5);
  EXPECT_EQ(bufferevent_rate_limit_group_get_write_limit(group), 0);
  EXPECT_EQ(bufferevent_rate_limit_group_decrement_write(group, -50), 0);
  EXPECT_EQ(bevel_rate_limit_group_set_weight(group, 2), 0);
  EXPECT_EQ(bufferevent_rate_limit_group_set_cfg(group, cfg), 0);
  EXPECT_EQ(bufferevent_add_to_rate_limit_group(late.left(), nullptr), 0);
  EXPECT_TRUE(loop.run_until([&] { return late.arrived_right() == 1000; }));
  group.free();
  EXPECT_TRUE(loop.run_until([&] { return ends.arrived_right() == 1000; }));
}

TEST_F(Limits, TwentyThousandStreamsInAGroup) {
  constexpr size_t pairs = 10000;
  const Cfg cfg(2'000'000, 10'000'000);
  auto group = std::make_unique<Group>(loop, cfg);
  std::vector<std::unique_ptr<Ends>> all;
  for (size_t i = 0; i < pairs; ++i) {
    Ends& ends = *all.emplace_back(std::make_unique<Ends>(loop, Kind::pair));
    ASSERT_EQ(bufferevent_add_to_rate_limit_group(ends.left(), *group), 0);
    ASSERT_EQ(bufferevent_add_to_rate_limit_group(ends.right(), *group), 0);
    write_bytes(ends.left(), 200);
    write_bytes(ends.right(), 200);
  }
  std::mt19937 random(1);  // NOLINT: the same order in each run
  std::shuffle(all.begin(), all.end(), random);
  loop.turns(3);
  all.resize(pairs / 2);
  loop.turns(3);
  const auto everything_arrived = [&] {
    return std::all_of(all.begin(), all.end(), [](const auto& ends) {
      return ends->arrived_left() == 200 && ends->arrived_right() == 200;
    });
  };
  EXPECT_TRUE(loop.run_until(everything_arrived));
  for (const auto& ends : all) write_bytes(ends->left(), 200);
  loop.turns(1);
  all.resize(pairs / 4);
  group.reset();
  EXPECT_TRUE(loop.run_until([&] {
    return std::all_of(all.begin(), all.end(),
                       [](const auto& ends) { return ends->arrived_right() == 400; });
  }));
}

// --- memory that runs out ---

long until_failure = -1;
long blocks = 0;

void* take(size_t size) {
  if (until_failure >= 0 && until_failure-- == 0) return nullptr;
  ++blocks;
  return std::malloc(size);
}
void* resize(void* old, size_t size) {
  if (until_failure >= 0 && until_failure-- == 0) return nullptr;
  if (old == nullptr) ++blocks;
  return std::realloc(old, size);
}
void give(void* memory) {
  if (memory != nullptr) --blocks;
  std::free(memory);
}

TEST(LimitsWithoutMemory, NothingIsHalfMade) {
  event_set_mem_functions(take, resize, give);
  {
    Loop loop;
    const Cfg cfg(100);
    Group group(loop, cfg);
    const std::vector<std::function<bool(bufferevent*)>> operations = {
        [](bufferevent*) {
          ev_token_bucket_cfg* made = ev_token_bucket_cfg_new(1, 1, 1, 1, nullptr);
          ev_token_bucket_cfg_free(made);
          return made != nullptr;
        },
        [](bufferevent*) {
          ev_token_bucket_cfg* made = bevel_token_bucket_cfg_new(1, 1, 1, 1, 1, BEVEL_REFILL_EXACT);
          ev_token_bucket_cfg_free(made);
          return made != nullptr;
        },
        [&](bufferevent*) {
          bufferevent_rate_limit_group* made = bufferevent_rate_limit_group_new(loop, cfg);
          bufferevent_rate_limit_group_free(made);
          return made != nullptr;
        },
        [&](bufferevent* bev) { return bufferevent_set_rate_limit(bev, cfg) == 0; },
        [&](bufferevent* bev) { return bufferevent_add_to_rate_limit_group(bev, group) == 0; },
        [](bufferevent* bev) { return bevel_set_rate_limit_weight(bev, 2) == 0; },
        [](bufferevent* bev) { return bevel_set_segment_overhead(bev, 40, 1000) == 0; },
        [&](bufferevent*) { return bevel_rate_limit_group_set_assured(group, 1, 1, 1) == 0; },
    };
    {
      Ends first(loop, Kind::socket);  // what the loop keeps
      bufferevent_set_rate_limit(first.left(), cfg);
      loop.turns(2);
    }
    for (const auto& operation : operations) {
      for (long n = 0;; ++n) {
        const long before = blocks;
        bool made;
        {
          Ends ends(loop, Kind::socket);
          loop.turns(2);
          until_failure = n;
          made = operation(ends.left());
          EXPECT_TRUE(made || until_failure < 0);
          until_failure = -1;
          if (!made) {
            EXPECT_EQ(bufferevent_get_read_limit(ends.left()), EV_SSIZE_MAX);
          }
        }
        loop.turns(2);
        EXPECT_EQ(blocks, before);
        if (made) break;
        ASSERT_LT(n, 10);
      }
    }
  }
  event_set_mem_functions(nullptr, nullptr, nullptr);
}

}  // namespace
}  // namespace limits_test

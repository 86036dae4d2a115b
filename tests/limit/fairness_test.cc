// Who gets how much and when, over members that always want more, in simulated time.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "limit/simulation.h"

namespace ev::test {
namespace {

struct Case {
  int members;
  Duration tick;
  double jain;
  std::uint64_t rate = 10'000'000;
};

void PrintTo(const Case& value, std::ostream* out) {
  *out << value.members << " members in " << value.rate << " B/s, tick " << value.tick / 1us
       << " us";
}

struct Fairness : testing::TestWithParam<Case> {};

TEST_P(Fairness, GoalsAreReached) {
  const auto [members, tick, goal, rate] = GetParam();
  Simulation simulation;
  SimGroup group(simulation, per_second(rate, tick));
  std::vector<std::vector<std::uint64_t>> windows(static_cast<std::size_t>(members));
  for (auto& own : windows) {
    SimStream& stream = simulation.add_stream();
    stream.windows = &own;
    stream.throttle.join(group, simulation.now);
    stream.start();
  }
  simulation.run_for(10s);

  std::uint64_t delivered = 0;
  for (const auto& stream : simulation.streams) delivered += stream->moved;
  EXPECT_NEAR(static_cast<double>(delivered) / static_cast<double>(10 * rate), 1.0, 0.005);
  if (tick <= 10ms) {
    EXPECT_LE(variation(simulation.windows, 1, 99), 0.03);
  }

  for (std::size_t first = 10; first <= 90; ++first) {
    std::vector<std::uint64_t> moved;
    for (const auto& own : windows) {
      std::uint64_t sum = 0;
      for (std::size_t i = first; i < first + 10 && i < own.size(); ++i) sum += own[i];
      moved.push_back(sum);
    }
    EXPECT_GE(jain(moved), goal) << "in the second from window " << first;
  }
}

INSTANTIATE_TEST_SUITE_P(Groups, Fairness,
                         testing::Values(Case{1, 100ms, 1}, Case{1, 10ms, 1}, Case{1, 1ms, 1},
                                         Case{10, 100ms, 0.999}, Case{10, 10ms, 0.999},
                                         Case{10, 1ms, 0.999}, Case{100, 100ms, 0.999},
                                         Case{100, 10ms, 0.999}, Case{100, 1ms, 0.999},
                                         Case{1000, 100ms, 0.99}, Case{1000, 10ms, 0.99},
                                         Case{1000, 1ms, 0.99}, Case{10000, 100ms, 0.99},
                                         Case{10000, 10ms, 0.99}));
// Few turns in a second, but everybody has as many.
std::vector<Case> with_few_turns() {
  std::vector<Case> cases;
  for (const Duration tick : {1ms, 10ms, 100ms}) {
    cases.push_back({100, tick, 0.999, 1'000'000});
    cases.push_back({777, tick, 0.999, 9'000'000});
    cases.push_back({1000, tick, 0.999, 10'000'000});
    cases.push_back({1000, tick, 0.997, 20'000'000});
    cases.push_back({3000, tick, 0.997, 7'000'000});
  }
  return cases;
}

INSTANTIATE_TEST_SUITE_P(EvenRounds, Fairness, testing::ValuesIn(with_few_turns()));

struct GroupFairness : testing::Test {
  Simulation simulation;
  SimStream& member(SimGroup& group, std::uint32_t weight = 1) {
    SimStream& stream = simulation.add_stream();
    stream.throttle.set_weight(weight);
    stream.throttle.join(group, simulation.now);
    stream.start();
    return stream;
  }
};

// As many wake-ups as turns, also where a service brings less than a turn by itself.
TEST_F(GroupFairness, ASmallTurnIsOneTransfer) {
  for (const std::uint64_t rate : {20'000, 200'000, 400'000}) {
    SimGroup group(simulation, per_second(rate, 10ms));
    const std::size_t first = simulation.streams.size();
    for (int i = 0; i < 10; ++i) member(group);
    simulation.run_for(10s);
    for (std::size_t i = first; i < simulation.streams.size(); ++i) {
      SimStream& stream = *simulation.streams[i];
      const LimitStats stats = stream.throttle.stats(Direction::write, simulation.now);
      // Half a second's part; or two packets, if that is ten turns a second, or a tenth's part.
      const double turn = rate == 20'000 ? 1000 : rate == 200'000 ? 2000 : 40'000 / 14;
      EXPECT_LE(static_cast<double>(stats.waits), static_cast<double>(rate) / turn + 3) << rate;
      EXPECT_NEAR(static_cast<double>(stream.moved), static_cast<double>(rate), turn) << rate;
      stream.hunger = 0;
    }
    simulation.run_for(1s);
  }
}

// A late service hands out so much that a good part of the queue is away at once.
TEST_F(GroupFairness, StaysFairWhenServicesAreLate) {
  SimGroup group(simulation, per_second(10'000'000, 100ms));
  for (int i = 0; i < 10000; ++i) member(group);
  simulation.lateness = 20ms;
  simulation.move_cost = 3us;
  simulation.run_for(2s);
  std::vector<std::uint64_t> moved;
  for (const auto& stream : simulation.streams) moved.push_back(stream->moved);
  simulation.run_for(1s);
  for (std::size_t i = 0; i < moved.size(); ++i) {
    moved[i] = simulation.streams[i]->moved - moved[i];
  }
  EXPECT_GE(jain(moved), 0.97);
}

// The first ones have the group for themselves for a while.
TEST_F(GroupFairness, StaysFairWhenMembersComeOneByOne) {
  for (const Duration tick : {10ms, 100ms}) {
    SimGroup group(simulation, per_second(10'000'000, tick));
    const std::size_t first = simulation.streams.size();
    for (int i = 0; i < 1000; ++i) simulation.add_stream().throttle.join(group, simulation.now);
    for (std::size_t i = first; i < simulation.streams.size(); ++i) {
      simulation.streams[i]->start();
      simulation.run_for(500us);
    }
    for (int second = 0; second < 4; ++second) {
      std::vector<std::uint64_t> moved;
      for (std::size_t i = first; i < simulation.streams.size(); ++i) {
        moved.push_back(simulation.streams[i]->moved);
      }
      simulation.run_for(1s);
      for (std::size_t i = 0; i < moved.size(); ++i) {
        moved[i] = simulation.streams[first + i]->moved - moved[i];
      }
      EXPECT_GE(jain(moved), 0.99) << "second " << second << ", tick " << tick / 1ms << " ms";
    }
    for (const auto& stream : simulation.streams) stream->hunger = 0;
    simulation.run_for(1s);
  }
}

TEST_F(GroupFairness, WeightsAreProportional) {
  for (const std::uint32_t largest : {2u, 3u, 10u, 100u}) {
    SimGroup group(simulation, per_second(1'000'000));
    SimStream& light = member(group, 1);
    SimStream& middle = member(group, largest / 2);
    SimStream& heavy = member(group, largest);
    simulation.run_for(100s);
    const auto part =
        static_cast<double>(light.moved + middle.moved + heavy.moved) / (1 + largest / 2 + largest);
    EXPECT_NEAR(static_cast<double>(light.moved) / part, 1, 0.01) << largest;
    EXPECT_NEAR(static_cast<double>(middle.moved) / (part * (largest / 2)), 1, 0.01) << largest;
    EXPECT_NEAR(static_cast<double>(heavy.moved) / (part * largest), 1, 0.01) << largest;
    simulation.ready.clear();
    simulation.streams.clear();
  }
}

TEST_F(GroupFairness, WeightsMayChangeWhileRunning) {
  SimGroup group(simulation, per_second(1'000'000));
  SimStream& a = member(group);
  SimStream& b = member(group);
  simulation.run_for(1s);
  EXPECT_TRUE(a.throttle.set_weight(4));
  EXPECT_FALSE(a.throttle.set_weight(0));
  const std::uint64_t a_before = a.moved;
  const std::uint64_t b_before = b.moved;
  simulation.run_for(50s);
  EXPECT_NEAR(static_cast<double>(a.moved - a_before) / static_cast<double>(b.moved - b_before), 4,
              0.04);
}

// What is left of a turn that began at a high rate would take minutes at a low one.
TEST_F(GroupFairness, ALowerRateIsSharedAtOnce) {
  SimGroup group(simulation, per_second(100'000'000));
  SimStream& a = member(group);
  SimStream& b = member(group);
  simulation.run_for(1010ms);
  group.set_cfg(*make_cfg(per_second(20'000)).get(), simulation.now);
  const std::uint64_t a_before = a.moved;
  const std::uint64_t b_before = b.moved;
  simulation.run_for(10s);
  EXPECT_NEAR(static_cast<double>(a.moved - a_before), 100'000, 3000);
  EXPECT_NEAR(static_cast<double>(b.moved - b_before), 100'000, 3000);
}

TEST_F(GroupFairness, ASmallerWeightCountsAtOnce) {
  SimGroup group(simulation, per_second(1'000'000));
  SimStream& a = member(group, 1'000'000'000);
  SimStream& b = member(group);
  simulation.run_for(1s);
  a.throttle.set_weight(1);
  const std::uint64_t a_before = a.moved;
  const std::uint64_t b_before = b.moved;
  simulation.run_for(10s);
  EXPECT_NEAR(static_cast<double>(a.moved - a_before) / static_cast<double>(b.moved - b_before), 1,
              0.05);
}

TEST_F(GroupFairness, SmallMovesGetTheSameAsLargeOnes) {
  SimGroup group(simulation, per_second(1'000'000));
  SimStream& small = member(group);
  SimStream& large = member(group);
  small.largest_move = 300;
  simulation.run_for(20s);
  EXPECT_NEAR(static_cast<double>(small.moved) / static_cast<double>(large.moved), 1, 0.02);
}

// Nobody waits longer than a full round takes: members x quantum / rate, and one service.
TEST_F(GroupFairness, NobodyStarves) {
  SimGroup group(simulation, Limit{{10'000, 100ms}, 10'000});  // 100 kB/s
  group.set_min_share(1000);
  constexpr int members = 50;
  struct Watch {
    std::uint64_t seen = 0;
    TimePoint since{};
  };
  std::vector<Watch> watches(members);
  for (int i = 0; i < members; ++i) member(group);
  const Duration round = 1000ms * members * 1000 / 100'000 + 100ms + Pacing::patience;
  Duration longest{};
  for (int step = 0; step < 5000; ++step) {
    simulation.run_for(2ms);
    for (std::size_t i = 0; i < watches.size(); ++i) {
      const std::uint64_t moved = simulation.streams[i]->moved;
      if (moved != watches[i].seen || watches[i].since == TimePoint{}) {
        watches[i] = {moved, simulation.now};
      }
      longest = std::max(longest, simulation.now - watches[i].since);
    }
  }
  EXPECT_LE(longest, round);
}

// What came in because a timer was late, or was there from the start, belongs to all, not to whoever
// comes first or is back first.
struct GreedyMembers : testing::TestWithParam<std::tuple<Duration, RefillMode>> {};

TEST_P(GreedyMembers, GetNoMoreThanTheOthers) {
  const auto [tick, mode] = GetParam();
  // The site reaches its own limit within a strict tick, and its turn passes to the others then.
  const double goal = mode == RefillMode::ticks ? 0.99 : 0.9985;
  Simulation simulation;
  SimGroup link(simulation, per_second(10'000'000, tick, 1, mode));
  SimGroup site(simulation, per_second(8'000'000, tick, 1, mode));
  ASSERT_TRUE(site.set_parent(&link, simulation.now));
  site.set_weight(50);
  for (int i = 0; i < 100; ++i) {
    SimStream& stream = simulation.add_stream();
    stream.throttle.join(i < 50 ? link : site, simulation.now);
    stream.moves_per_turn = 1000;
    stream.start();
  }
  std::vector<std::uint64_t> before(simulation.streams.size());
  for (int second = 0; second < 10; ++second) {
    for (const int late : {0, 8, 1, 3, 0, 5, 2, 12, 0, 1}) {
      simulation.lateness = tick / 100 * late;
      simulation.run_for(100ms);
    }
    std::vector<std::uint64_t> moved;
    for (std::size_t i = 0; i < before.size(); ++i) {
      const std::uint64_t now = simulation.streams[i]->moved;
      moved.push_back(now - std::exchange(before[i], now));
    }
    EXPECT_GE(jain(moved), goal) << "second " << second;
  }
  EXPECT_NEAR(static_cast<double>(link.total(Direction::write)), 1e8, 1.1e6);
}

INSTANTIATE_TEST_SUITE_P(Ticks, GreedyMembers,
                         testing::Combine(testing::Values(100ms, 10ms),
                                          testing::Values(RefillMode::smooth, RefillMode::ticks)));

// The others are members, but nobody has seen them.
TEST_F(GroupFairness, WhoeverComesAloneGetsWhatWasSavedUp) {
  SimGroup group(simulation, per_second(10'000'000, 100ms, 10));
  for (int i = 0; i < 1000; ++i) {
    simulation.add_stream().throttle.join(group, simulation.now);
  }
  simulation.run_for(10s);
  SimStream& stream = *simulation.streams[500];
  stream.hunger = 10'000'000;
  stream.start();
  simulation.run_for(10ms);
  EXPECT_EQ(stream.moved, 10'000'000u) << "to the last byte, not only while it is much";
}

// Turns are still as short as a thousand need them.
TEST_F(GroupFairness, AFewThatRemainUseAllOfTheRate) {
  SimGroup group(simulation, per_second(10'000'000, 100ms));
  for (int i = 0; i < 1000; ++i) member(group).moves_per_turn = 1000;
  simulation.run_for(1s);
  for (std::size_t i = 2; i < simulation.streams.size(); ++i) simulation.streams[i]->hunger = 0;
  const std::uint64_t before = group.total(Direction::write);
  simulation.run_for(400ms);
  EXPECT_NEAR(static_cast<double>(group.total(Direction::write) - before), 4e6, 6e5);
}

TEST_F(GroupFairness, NobodyWaitsTwoRoundsWhileOthersCatchUp) {
  SimGroup group(simulation, per_second(100'000, 1ms));
  const CfgRef own = make_cfg(per_second(3'000, 1ms));
  for (int i = 0; i < 5; ++i) member(group).throttle.set_cfg(own.get(), simulation.now);
  std::vector<std::uint64_t> moved;
  std::vector<TimePoint> moved_at;
  Duration longest{};
  for (int i = 0; i < 20; ++i) member(group);
  moved.resize(simulation.streams.size());
  moved_at.resize(simulation.streams.size(), simulation.now);
  for (int step = 0; step < 20'000; ++step) {
    simulation.run_for(1ms);
    for (std::size_t i = 0; i < moved.size(); ++i) {
      if (simulation.streams[i]->moved != moved[i]) moved_at[i] = simulation.now;
      moved[i] = simulation.streams[i]->moved;
      longest = std::max(longest, simulation.now - moved_at[i]);
    }
  }
  const Duration round = Rate{100'000, 1s}.span_of(25 * 1460);
  EXPECT_LT(longest, 2 * round);
}

// Whoever asks for tokens again and again and needs none is not in need, however long it has had
// nothing: with a bucket that is worth one grant the others would get nothing.
struct OnlyAsking : testing::TestWithParam<RefillMode> {
  static constexpr double rate = 760'000;  // in ticks of 1 ms

  Simulation simulation;
  SimGroup link{simulation, per_second(static_cast<std::uint64_t>(rate), 1ms, 1, GetParam())};

  SimStream& greedy(SimGroup& group) {
    SimStream& stream = simulation.add_stream();
    stream.throttle.join(group, simulation.now);
    stream.start();
    return stream;
  }
  SimStream& asking(SimGroup& group) {
    SimStream& stream = simulation.add_stream();
    stream.need = 0;
    stream.throttle.join(group, simulation.now);
    return stream;
  }
  void run_for(Duration span) {
    for (const TimePoint end = simulation.now + span; simulation.now < end;) {
      for (const auto& stream : simulation.streams) {
        if (stream->need && !stream->throttle.waiting(Direction::write)) stream->start();
      }
      simulation.run_for(400us);
    }
  }
};

TEST_P(OnlyAsking, TakesNothingFromTheOthers) {
  asking(link);
  SimStream& stream = greedy(link);
  run_for(10s);
  EXPECT_GE(static_cast<double>(stream.moved), 10 * rate * 0.9);
}

TEST_P(OnlyAsking, TakesNothingFromTheSiblingsOfItsGroup) {
  for (const int count : {1, 2, 5}) {
    SimGroup site(simulation, per_second(10'000'000, 1ms, 1, GetParam()));
    ASSERT_TRUE(site.set_parent(&link, simulation.now));
    for (int i = 0; i < count; ++i) asking(site);
    SimStream& stream = greedy(link);
    run_for(10s);
    EXPECT_GE(static_cast<double>(stream.moved), 10 * rate * 0.9) << count;
    simulation.ready.clear();
    simulation.streams.clear();
  }
}

// What they gave back is for whoever shares their group, whose turn goes on.
TEST_P(OnlyAsking, CostsItsGroupNoTurn) {
  for (const int count : {1, 5}) {
    for (const int others : {1, 3}) {
      SimGroup site(simulation, per_second(10'000'000, 1ms, 1, GetParam()));
      ASSERT_TRUE(site.set_parent(&link, simulation.now));
      for (int i = 0; i < count; ++i) asking(site);
      for (int i = 0; i < others; ++i) greedy(site);
      SimStream& beside = greedy(link);
      run_for(10s);
      const auto inside = static_cast<double>(site.total(Direction::write));
      const double tolerance = 5 * rate * (GetParam() == RefillMode::smooth ? 0.1 : 0.01);
      EXPECT_NEAR(inside, 5 * rate, tolerance) << count << " and " << others;
      EXPECT_NEAR(static_cast<double>(beside.moved), 5 * rate, tolerance);
      simulation.ready.clear();
      simulation.streams.clear();
    }
  }
}

TEST_P(OnlyAsking, CostsItsGroupNothingOfItsAssuredRate) {
  for (const int count : {1, 5}) {
    SimGroup site(simulation, per_second(10'000'000, 1ms, 1, GetParam()));
    ASSERT_TRUE(site.set_parent(&link, simulation.now));
    const Rate assured{static_cast<std::uint64_t>(0.7 * rate), 1s};
    ASSERT_TRUE(site.set_assured(Direction::write, assured, simulation.now));
    for (int i = 0; i < count; ++i) asking(site);
    greedy(site);
    greedy(link);
    run_for(10s);
    const auto inside = static_cast<double>(site.total(Direction::write));
    const double tolerance = rate * (GetParam() == RefillMode::exact ? 0.8 : 0.2);
    EXPECT_NEAR(inside, 8.5 * rate, tolerance) << count;
    simulation.ready.clear();
    simulation.streams.clear();
  }
}

TEST(OnlyAskingForMuch, CostsItsGroupNoTurn) {
  Simulation simulation;
  SimGroup link(simulation, per_second(1'000'000, 100ms));
  SimGroup site(simulation, per_second(10'000'000, 100ms));
  ASSERT_TRUE(site.set_parent(&link, simulation.now));
  for (int i = 0; i < 5; ++i) {
    SimStream& stream = simulation.add_stream();
    stream.need = 0;
    stream.throttle.join(site, simulation.now);
  }
  for (SimGroup* group : {&site, &site, &site, &link}) {
    SimStream& stream = simulation.add_stream();
    stream.throttle.join(*group, simulation.now);
    stream.start();
  }
  for (int step = 0; step < 5000; ++step) {
    for (const auto& stream : simulation.streams) {
      if (stream->need && !stream->throttle.waiting(Direction::write)) stream->start();
    }
    simulation.run_for(2ms);
  }
  EXPECT_NEAR(static_cast<double>(site.total(Direction::write)), 5e6, 2e5);
}

INSTANTIATE_TEST_SUITE_P(Modes, OnlyAsking,
                         testing::Values(RefillMode::smooth, RefillMode::ticks, RefillMode::exact));

// Members with limits of their own in a group of greedy ones.
struct OwnLimits {
  double group_rate;
  Duration group_tick;
  int limited;
  double own_rate;
  Duration own_tick;
  int greedy;
};

void PrintTo(const OwnLimits& value, std::ostream* out) {
  *out << value.limited << " with " << value.own_rate << " B/s each beside " << value.greedy
       << " in a group of " << value.group_rate << " B/s";
}

struct OwnLimitsInAGroup : testing::TestWithParam<OwnLimits> {};

// A limit of their own makes them ask for little at a time. They do not wait a round for each bit.
TEST_P(OwnLimitsInAGroup, LeaveEverybodyItsPart) {
  const OwnLimits& given = GetParam();
  Simulation simulation;
  const auto per = [](double rate, Duration tick) {
    return per_second(static_cast<std::uint64_t>(rate), tick);
  };
  SimGroup group(simulation, per(given.group_rate, given.group_tick));
  const CfgRef own = make_cfg(per(given.own_rate, given.own_tick));
  const auto all = static_cast<std::size_t>(given.limited + given.greedy);
  for (std::size_t i = 0; i < all; ++i) {
    SimStream& stream = simulation.add_stream();
    if (i < static_cast<std::size_t>(given.limited)) {
      stream.throttle.set_cfg(own.get(), simulation.now);
    }
    stream.throttle.join(group, simulation.now);
    stream.start();
  }
  simulation.run_for(2s);
  std::vector<std::uint64_t> before;
  for (const auto& stream : simulation.streams) before.push_back(stream->moved);
  simulation.run_for(20s);
  const double even = given.group_rate / static_cast<double>(all);
  const double limited = std::min(given.own_rate, even);
  const double greedy = (given.group_rate - limited * given.limited) / given.greedy;
  for (std::size_t i = 0; i < all; ++i) {
    const bool is_limited = i < static_cast<std::size_t>(given.limited);
    const auto moved = static_cast<double>(simulation.streams[i]->moved - before[i]) / 20;
    EXPECT_NEAR(moved / (is_limited ? limited : greedy), 1, 0.06) << "member " << i;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Groups, OwnLimitsInAGroup,
    testing::Values(OwnLimits{5e4, 1s, 1, 5e3, 1ms, 4}, OwnLimits{5e4, 1s, 1, 5e3, 100ms, 4},
                    OwnLimits{1e5, 100ms, 10, 2e3, 100ms, 10},
                    OwnLimits{1e5, 100ms, 1, 1e4, 100ms, 20},  // more than its part
                    OwnLimits{1e5, 100ms, 1, 4700, 100ms, 20}, OwnLimits{1e5, 1ms, 5, 3e3, 1ms, 20},
                    OwnLimits{1e6, 10ms, 10, 2e4, 10ms, 10},
                    OwnLimits{1e6, 100ms, 1, 9e5, 100ms, 10}));

// Members come, go and pause at random; the sum keeps to the limit and all tokens find a taker.
TEST_F(GroupFairness, TheRateIsKeptWhateverMembersDo) {
  std::mt19937_64 random(5);
  SimGroup group(simulation, per_second(500'000, 10ms, 2));
  member(group);  // always hungry
  TimePoint begin = simulation.now;
  for (int step = 0; step < 3000; ++step) {
    simulation.run_for(Duration(random() % 20'000'000));
    const std::size_t count = simulation.streams.size();
    switch (random() % 4) {
      case 0: {
        SimStream& stream = member(group, 1 + static_cast<std::uint32_t>(random() % 5));
        stream.hunger = random() % 100'000;
        break;
      }
      case 1:
        if (count > 1) {
          SimStream& stream = *simulation.streams[1 + random() % (count - 1)];
          stream.throttle.cancel(Direction::write, simulation.now);
          stream.hunger = 0;
        }
        break;
      case 2:
        if (count > 1) {
          SimStream& stream = *simulation.streams[1 + random() % (count - 1)];
          stream.hunger += random() % 100'000;
          if (!stream.throttle.waiting(Direction::write)) stream.start();
        }
        break;
      default:
        if (count > 1 && simulation.ready.empty()) {
          simulation.streams.erase(simulation.streams.begin() +
                                   static_cast<std::ptrdiff_t>(1 + random() % (count - 1)));
        }
        break;
    }
    const std::uint64_t total = group.total(Direction::write);
    const std::uint64_t earned = Rate{500'000, 1s}.over(simulation.now - begin);
    ASSERT_LE(total, earned + 10'000);
    ASSERT_GE(total + 50'000, earned);
  }
}

}  // namespace
}  // namespace ev::test

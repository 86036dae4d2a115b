// Groups within groups.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "limit/simulation.h"

namespace ev::test {
namespace {

constexpr auto write = Direction::write;

struct Hierarchy : testing::Test {
  Simulation simulation;

  SimStream& member(SimGroup& group) {
    SimStream& stream = simulation.add_stream();
    stream.throttle.join(group, simulation.now);
    stream.start();
    return stream;
  }
  double rate_of(SimGroup& group, Duration span) {
    const std::uint64_t before = group.total(write);
    simulation.run_for(span);
    return static_cast<double>(group.total(write) - before) /
           std::chrono::duration<double>(span).count();
  }
};

TEST_F(Hierarchy, EveryLevelLimits) {
  SimGroup link(simulation, per_second(1'000'000));
  SimGroup site(simulation, per_second(400'000));
  SimGroup user(simulation, per_second(100'000));
  ASSERT_TRUE(site.set_parent(&link, simulation.now));
  ASSERT_TRUE(user.set_parent(&site, simulation.now));
  SimStream& of_user = member(user);
  SimStream& of_site = member(site);
  SimStream& of_link = member(link);
  simulation.run_for(20s);
  EXPECT_NEAR(static_cast<double>(of_user.moved) / 20, 100'000, 1'000);
  EXPECT_NEAR(static_cast<double>(of_site.moved) / 20, 300'000, 3'000);
  EXPECT_NEAR(static_cast<double>(of_link.moved) / 20, 600'000, 6'000);
  EXPECT_EQ(site.total(write), of_user.moved + of_site.moved);
  EXPECT_EQ(link.total(write), of_user.moved + of_site.moved + of_link.moved);
}

TEST_F(Hierarchy, CyclesAndTooDeepTreesAreRefused) {
  std::vector<std::unique_ptr<SimGroup>> chain;
  for (unsigned i = 0; i < RateGroup::max_depth + 1; ++i) {
    chain.push_back(std::make_unique<SimGroup>(simulation, per_second(1000)));
  }
  EXPECT_FALSE(chain[0]->set_parent(chain[0].get(), simulation.now));
  for (unsigned i = 1; i < RateGroup::max_depth; ++i) {
    EXPECT_TRUE(chain[i]->set_parent(chain[i - 1].get(), simulation.now));
  }
  EXPECT_FALSE(chain[0]->set_parent(chain[5].get(), simulation.now));
  EXPECT_EQ(chain[0]->parent(), nullptr);
  EXPECT_FALSE(chain.back()->set_parent(chain[RateGroup::max_depth - 1].get(), simulation.now));
  EXPECT_FALSE(chain[0]->set_parent(chain.back().get(), simulation.now));
  EXPECT_TRUE(chain[1]->set_parent(nullptr, simulation.now));
  EXPECT_TRUE(chain[0]->set_parent(chain[5].get(), simulation.now));
  while (!chain.empty()) chain.erase(chain.begin());
}

TEST_F(Hierarchy, EightLevelsDeliver) {
  std::vector<std::unique_ptr<SimGroup>> chain;
  for (int i = 0; i < 8; ++i) {
    chain.push_back(std::make_unique<SimGroup>(simulation, per_second(1'000'000)));
    if (i == 0) continue;
    RateGroup* parent = chain[chain.size() - 2].get();
    ASSERT_TRUE(chain.back()->set_parent(parent, simulation.now));
  }
  SimStream& stream = member(*chain.back());
  simulation.run_for(10s);
  EXPECT_NEAR(static_cast<double>(stream.moved), 1e7, 1e5);
}

// It is away until its own limit lets it ask again, and then does not wait a whole round.
TEST_F(Hierarchy, AChildThatIsLimitedBelowItsPartGetsItsLimit) {
  for (const Duration tick : {1000ms, 100ms, 10ms, 1ms}) {
    SimGroup link(simulation, per_second(100'000, 100ms));
    SimGroup slow(simulation, per_second(10'000, tick));
    SimGroup busy(simulation, per_second(1'000'000, 100ms));
    ASSERT_TRUE(slow.set_parent(&link, simulation.now));
    ASSERT_TRUE(busy.set_parent(&link, simulation.now));
    for (int i = 0; i < 3; ++i) member(slow);
    for (int i = 0; i < 10; ++i) member(busy);
    SimStream& heavy = member(link);
    heavy.throttle.set_weight(5);
    simulation.run_for(2s);
    const std::uint64_t before = heavy.moved;
    EXPECT_NEAR(rate_of(slow, 20s), 10'000, 300) << "tick " << tick / 1ms << " ms";
    EXPECT_NEAR(static_cast<double>(heavy.moved - before) / 20, 75'000, 5'000);
    simulation.ready.clear();
    simulation.streams.clear();
  }
}

// A stream is away while it moves its turn; the streams of a group relieve one another.
TEST_F(Hierarchy, AStreamBesideAGroupGetsItsWeight) {
  struct Case {
    std::uint64_t rate;
    Duration tick;
    int in_group;
  };
  for (const Case& one : {Case{100'000, 100ms, 10}, Case{1'000'000, 100ms, 10},
                          Case{1'000'000, 10ms, 10}, Case{50'000, 1000ms, 5}}) {
    for (const std::uint32_t weight : {1u, 2u, 4u, 5u, 7u, 8u, 12u, 30u, 50u}) {
      SimGroup link(simulation, per_second(one.rate, one.tick));
      SimGroup crowd(simulation, per_second(10 * one.rate, one.tick));
      ASSERT_TRUE(crowd.set_parent(&link, simulation.now));
      for (int i = 0; i < one.in_group; ++i) member(crowd);
      SimStream& stream = member(link);
      stream.throttle.set_weight(weight);
      simulation.run_for(2s);
      const std::uint64_t before = stream.moved;
      const double crowd_rate = rate_of(crowd, 40s);
      const double ratio = static_cast<double>(stream.moved - before) / 40 / crowd_rate;
      EXPECT_NEAR(ratio / weight, 1, 0.05)
          << "weight " << weight << ", " << one.rate << " B/s, tick " << one.tick / 1ms << " ms";
      simulation.ready.clear();
      simulation.streams.clear();
    }
  }
}

TEST_F(Hierarchy, SiblingsShareByWeight) {
  SimGroup link(simulation, per_second(1'000'000));
  SimGroup a(simulation, per_second(1'000'000));
  SimGroup b(simulation, per_second(1'000'000));
  ASSERT_TRUE(a.set_weight(3));
  ASSERT_FALSE(a.set_weight(0));
  ASSERT_TRUE(a.set_parent(&link, simulation.now));
  ASSERT_TRUE(b.set_parent(&link, simulation.now));
  member(a);
  for (int i = 0; i < 7; ++i) member(b);
  simulation.run_for(50s);
  EXPECT_NEAR(static_cast<double>(a.total(write)) / static_cast<double>(b.total(write)), 3, 0.03);
}

// However many streams they have, and whether their own limit is a little above their part or far.
// A stream that is the only one of its group takes the group with it while it moves its turn.
TEST_F(Hierarchy, SiblingsShareWhateverTheyConsistOf) {
  for (const std::vector<int>& sizes :
       {std::vector{5, 1, 2}, std::vector{1, 1, 1}, std::vector{2, 2, 2}, std::vector{10, 1, 4}}) {
    for (const std::uint64_t own : {900'000, 1'000'000, 1'100'000, 1'300'000, 10'000'000}) {
      SimGroup link(simulation, per_second(2'500'000, 100ms));
      std::vector<std::unique_ptr<SimGroup>> sites;
      for (const int size : sizes) {
        sites.push_back(std::make_unique<SimGroup>(simulation, per_second(own, 100ms)));
        ASSERT_TRUE(sites.back()->set_parent(&link, simulation.now));
        for (int i = 0; i < size; ++i) member(*sites.back());
      }
      simulation.run_for(2s);
      std::vector<std::uint64_t> before;
      for (const auto& site : sites) before.push_back(site->total(write));
      simulation.run_for(50s);
      for (std::size_t i = 0; i < sites.size(); ++i) {
        const double part = 50 * 2'500'000.0 / 3;
        EXPECT_NEAR(static_cast<double>(sites[i]->total(write) - before[i]) / part, 1, 0.01)
            << sizes[i] << " of " << sizes[0] << ", " << sizes[1] << ", " << sizes[2] << " at most "
            << own;
      }
      simulation.ready.clear();
      simulation.streams.clear();
    }
  }
}

// With a short tick a group's burst is a small piece of what the link hands out at a time: what comes
// while it waits for the link is kept, and goes in several transfers.
TEST_F(Hierarchy, SiblingsShareWhateverTheirTicks) {
  for (const Duration tick : {1ms, 10ms, 1000ms}) {
    for (const int size : {1, 2, 5}) {
      SimGroup link(simulation, per_second(2'500'000, 100ms));
      SimGroup site(simulation, per_second(2'000'000, tick));
      SimGroup other(simulation, per_second(2'000'000, 100ms));
      ASSERT_TRUE(site.set_parent(&link, simulation.now));
      ASSERT_TRUE(other.set_parent(&link, simulation.now));
      for (int i = 0; i < size; ++i) member(site);
      for (int i = 0; i < 3; ++i) member(other);
      simulation.run_for(2s);
      EXPECT_NEAR(rate_of(site, 50s), 1'250'000, 12'500) << size << " at " << tick / 1ms << " ms";
      const auto burst = std::max<std::uint64_t>(Rate{2'000'000, 1s}.over(tick), 1460);
      for (std::size_t i = 0; i < static_cast<std::size_t>(size); ++i) {
        EXPECT_LE(simulation.streams[i]->largest_seen, burst);
      }
      simulation.ready.clear();
      simulation.streams.clear();
    }
  }
}

// An exact bucket loses what comes while it is full, so nobody waits until it is.
TEST_F(Hierarchy, SiblingsShareExactly) {
  SimGroup link(simulation, per_second(1'000'000, 10ms, 1, RefillMode::exact));
  std::vector<std::unique_ptr<SimGroup>> sites;
  for (const int size : {3, 1, 3, 2}) {
    const Limit own = per_second(240'000, 10ms, 1, RefillMode::exact);
    sites.push_back(std::make_unique<SimGroup>(simulation, own));
    ASSERT_TRUE(sites.back()->set_parent(&link, simulation.now));
    for (int i = 0; i < size; ++i) member(*sites.back());
  }
  member(link);
  simulation.run_for(20s);
  for (const auto& site : sites) {
    EXPECT_NEAR(static_cast<double>(site->total(write)), 20 * 200'000, 20 * 200'000 * 0.05);
  }
}

TEST_F(Hierarchy, WhatASiblingLeavesIsBorrowed) {
  SimGroup link(simulation, per_second(1'000'000));
  SimGroup a(simulation, per_second(900'000));
  SimGroup b(simulation, per_second(900'000));
  ASSERT_TRUE(a.set_parent(&link, simulation.now));
  ASSERT_TRUE(b.set_parent(&link, simulation.now));
  SimStream& first = member(a);
  simulation.run_for(1s);
  EXPECT_NEAR(rate_of(a, 10s), 900'000, 9'000);  // its ceiling, not half of the link
  member(b);
  simulation.run_for(1s);
  EXPECT_NEAR(rate_of(a, 10s), 500'000, 10'000);
  first.throttle.cancel(write, simulation.now);
  first.hunger = 0;
  EXPECT_NEAR(rate_of(b, 10s), 900'000, 9'000);
}

TEST_F(Hierarchy, AssuredRatesGoFirst) {
  SimGroup link(simulation, per_second(1'000'000));
  SimGroup assured(simulation, per_second(1'000'000));
  ASSERT_TRUE(assured.set_assured(write, Rate{600'000, 1s}, simulation.now));
  ASSERT_TRUE(assured.set_parent(&link, simulation.now));
  member(assured);
  std::vector<std::unique_ptr<SimGroup>> others;
  for (int i = 0; i < 20; ++i) {
    others.push_back(std::make_unique<SimGroup>(simulation, per_second(1'000'000)));
    ASSERT_TRUE(others.back()->set_parent(&link, simulation.now));
    member(*others.back());
  }
  simulation.run_for(1s);
  // Its own rate, and its part of the remaining 400 kB/s.
  EXPECT_NEAR(rate_of(assured, 20s), 600'000 + 400'000.0 / 21, 15'000);
  EXPECT_NEAR(rate_of(*others[0], 20s), 400'000.0 / 21, 1'000);
  ASSERT_TRUE(assured.set_assured(write, std::nullopt, simulation.now));
  simulation.run_for(1s);
  EXPECT_NEAR(rate_of(assured, 20s), 1'000'000.0 / 21, 2'000);
  EXPECT_FALSE(assured.set_assured(write, Rate{0, 1s}, simulation.now));
}

TEST_F(Hierarchy, WhatIsLeftByAssuredRatesGoesByWeight) {
  SimGroup link(simulation, per_second(200'000));
  SimGroup heavy(simulation, per_second(200'000'000));
  SimGroup light(simulation, per_second(200'000'000));
  ASSERT_TRUE(heavy.set_parent(&link, simulation.now));
  ASSERT_TRUE(light.set_parent(&link, simulation.now));
  ASSERT_TRUE(heavy.set_weight(3));
  member(heavy);
  member(light);
  simulation.run_for(1s);
  ASSERT_TRUE(light.set_assured(write, Rate{150'000, 1s}, simulation.now));
  simulation.run_for(1s);
  EXPECT_NEAR(rate_of(heavy, 20s), 37'500, 2'000);
}

TEST_F(Hierarchy, UnusedAssuredRateIsLentToOthers) {
  SimGroup link(simulation, per_second(1'000'000));
  SimGroup assured(simulation, per_second(1'000'000));
  SimGroup other(simulation, per_second(1'000'000));
  ASSERT_TRUE(assured.set_assured(write, Rate{600'000, 1s}, simulation.now));
  ASSERT_TRUE(assured.set_parent(&link, simulation.now));
  ASSERT_TRUE(other.set_parent(&link, simulation.now));
  member(other);
  simulation.run_for(1s);
  EXPECT_NEAR(rate_of(other, 10s), 1'000'000, 10'000);
}

TEST_F(Hierarchy, TheWaitersOfOneGroupDoNotHoldUpAnother) {
  SimGroup link(simulation, per_second(1'000'000));
  SimGroup slow(simulation, Limit{{10, 1h}, 10});
  SimGroup fast(simulation, per_second(1'000'000));
  ASSERT_TRUE(slow.set_parent(&link, simulation.now));
  ASSERT_TRUE(fast.set_parent(&link, simulation.now));
  for (int i = 0; i < 10; ++i) member(slow);
  simulation.run_for(1s);
  member(fast);
  EXPECT_NEAR(rate_of(fast, 10s), 1'000'000, 10'000);
  EXPECT_EQ(slow.total(write), 10u);
}

TEST_F(Hierarchy, NoAncestorIsEverExceeded) {
  std::mt19937_64 random(6);
  for (int round = 0; round < 5; ++round) {
    Simulation local;
    std::vector<std::unique_ptr<SimGroup>> groups;
    std::vector<Limit> limits;
    for (std::size_t i = 0; i < 12; ++i) {
      limits.push_back(per_second(100'000 + random() % 1'000'000, 10ms, 2, RefillMode::exact));
      groups.push_back(std::make_unique<SimGroup>(local, limits.back()));
      RateGroup* parent = i > 0 ? groups[random() % i].get() : nullptr;
      ASSERT_TRUE(groups[i]->set_parent(parent, local.now));
      for (int k = 0; k < 4; ++k) {
        SimStream& stream = local.add_stream();
        stream.throttle.join(*groups[i], local.now);
        stream.start();
      }
    }
    std::vector<std::pair<TimePoint, std::uint64_t>> last(groups.size(), {local.now, 0});
    for (int step = 0; step < 200; ++step) {
      local.run_for(Duration(random() % 30'000'000));
      for (std::size_t i = 0; i < groups.size(); ++i) {
        const std::uint64_t total = groups[i]->total(write);
        const std::uint64_t bound =
            limits[i].burst + limits[i].rate.over(local.now - last[i].first) + 1;
        ASSERT_LE(total - last[i].second, bound);
        last[i] = {local.now, total};
      }
    }
    EXPECT_NEAR(static_cast<double>(groups[0]->total(write)),
                static_cast<double>(limits[0].rate.over(local.now - start_time)), 60'000);
  }
}

TEST_F(Hierarchy, GroupsMoveWhileTheirMembersWait) {
  SimGroup a(simulation, per_second(100'000));
  SimGroup b(simulation, per_second(300'000));
  SimGroup child(simulation, per_second(1'000'000));
  for (int i = 0; i < 5; ++i) member(child);
  simulation.run_for(1s);
  ASSERT_TRUE(child.set_parent(&a, simulation.now));
  EXPECT_FALSE(child.timer());  // roots have timers
  simulation.run_for(1s);
  EXPECT_NEAR(rate_of(child, 5s), 100'000, 2'000);
  ASSERT_TRUE(child.set_parent(&b, simulation.now));
  simulation.run_for(1s);
  EXPECT_FALSE(a.timer());
  EXPECT_NEAR(rate_of(child, 5s), 300'000, 6'000);
  ASSERT_TRUE(child.set_parent(nullptr, simulation.now));
  simulation.run_for(1s);
  EXPECT_FALSE(b.timer());
  EXPECT_NEAR(rate_of(child, 5s), 1'000'000, 20'000);
}

TEST_F(Hierarchy, ChildrenOutliveTheirParent) {
  auto parent = std::make_unique<SimGroup>(simulation, per_second(100'000));
  SimGroup child(simulation, per_second(1'000'000));
  ASSERT_TRUE(child.set_parent(parent.get(), simulation.now));
  member(child);
  simulation.run_for(1s);
  parent.reset();
  EXPECT_EQ(child.parent(), nullptr);
  simulation.run_for(1s);
  EXPECT_NEAR(rate_of(child, 5s), 1'000'000, 20'000);
}

TEST_F(Hierarchy, ManyGroupsOfOneStream) {
  SimGroup link(simulation, per_second(10'000'000));
  std::vector<std::unique_ptr<SimGroup>> users;
  for (int i = 0; i < 1000; ++i) {
    users.push_back(std::make_unique<SimGroup>(simulation, per_second(20'000)));
    ASSERT_TRUE(users.back()->set_parent(&link, simulation.now));
    member(*users.back());
  }
  simulation.run_for(10s);
  EXPECT_NEAR(static_cast<double>(link.total(write)), 1e8, 1e6);
  std::vector<std::uint64_t> moved;
  for (const auto& stream : simulation.streams) moved.push_back(stream->moved);
  EXPECT_GT(jain(moved), 0.99);
}

}  // namespace
}  // namespace ev::test

#include "limit/group.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "limit/simulation.h"

namespace ev::test {
namespace {

constexpr auto read = Direction::read;
constexpr auto write = Direction::write;

struct GroupTest : testing::Test {
  Simulation simulation;

  SimStream& member(SimGroup& group, std::uint32_t weight = 1) {
    SimStream& stream = simulation.add_stream();
    stream.throttle.set_weight(weight);
    stream.throttle.join(group, simulation.now);
    return stream;
  }
  std::uint64_t total_moved() const {
    std::uint64_t sum = 0;
    for (const auto& stream : simulation.streams) sum += stream->moved;
    return sum;
  }
  void start_all() {
    for (const auto& stream : simulation.streams) stream->start();
  }
};

TEST_F(GroupTest, StartsWithOneTickAndHandsItOutExactly) {
  SimGroup group(simulation, Limit{{1000, 1s}, 3000});
  EXPECT_EQ(group.limit(read, simulation.now), 1000);
  for (int i = 0; i < 4; ++i) member(group);
  start_all();
  simulation.run_for(900ms);
  EXPECT_EQ(total_moved(), 1000u);
  EXPECT_EQ(group.limit(write, simulation.now), 0);
  for (const auto& stream : simulation.streams) EXPECT_GE(stream->moved, 100u);
}

TEST_F(GroupTest, SharesAreReportedPerMember) {
  SimGroup group(simulation, Limit{{200, 1h}, 1000});
  SimStream& first = member(group);
  EXPECT_EQ(first.throttle.would_move(read, 16384, simulation.now), 200u);
  member(group);
  EXPECT_EQ(first.throttle.would_move(read, 16384, simulation.now), 100u);
  member(group);
  EXPECT_EQ(first.throttle.would_move(read, 16384, simulation.now), 66u);
  member(group);
  EXPECT_EQ(first.throttle.would_move(read, 16384, simulation.now), 64u);  // the minimal share
  EXPECT_EQ(first.throttle.limit(read, simulation.now), Throttle::unlimited);
  group.decrement(read, 190, simulation.now);
  EXPECT_EQ(first.throttle.would_move(read, 16384, simulation.now), 10u);
  group.decrement(read, 100, simulation.now);
  EXPECT_EQ(group.limit(read, simulation.now), -90);
  EXPECT_EQ(first.throttle.would_move(read, 16384, simulation.now), 0u);
}

TEST_F(GroupTest, TheLowerLimitWins) {
  SimGroup group(simulation, per_second(100'000));
  SimStream& slow = member(group);
  SimStream& fast = member(group);
  slow.throttle.set_cfg(make_cfg(per_second(10'000)).get(), simulation.now);
  start_all();
  simulation.run_for(20s);
  EXPECT_NEAR(static_cast<double>(slow.moved), 200'000, 2'000);
  EXPECT_NEAR(static_cast<double>(fast.moved), 1'800'000, 18'000);
}

TEST_F(GroupTest, AnIdleGroupSetsNoTimer) {
  SimGroup group(simulation, per_second(1000, 100ms));
  EXPECT_FALSE(group.timer());
  SimStream& stream = member(group);
  EXPECT_FALSE(group.timer());
  EXPECT_FALSE(group.next_service());
  stream.hunger = 150;
  stream.start();
  simulation.run_for(10s);
  EXPECT_EQ(stream.moved, 150u);
  EXPECT_FALSE(group.timer());
  EXPECT_FALSE(group.next_service());
}

// Again and again, and by one member or several.
TEST_F(GroupTest, WhatIsAddedByHandIsUsedAtOnce) {
  SimGroup group(simulation, Limit{{1000, 1000s}, 1000});
  for (int members = 1; members <= 4; members++) {
    member(group).start();
    simulation.run_for(10ms);
    for (int i = 0; i < 5; i++) {
      const std::uint64_t before = total_moved();
      group.decrement(write, -500, simulation.now);
      simulation.run_for(100us);
      EXPECT_EQ(total_moved() - before, 500U) << members << " members";
    }
  }
}

TEST_F(GroupTest, WhatIsAddedByHandIsUsedInTheFirstTick) {
  SimGroup group(simulation, Limit{{60'000'000, 60s}, 60'000'000});
  SimStream& stream = member(group);
  group.decrement(write, 60'000'000, simulation.now);
  stream.start();
  simulation.run_for(1s);
  EXPECT_EQ(stream.moved, 0U);
  group.decrement(write, -5000, simulation.now);
  simulation.run_for(1ms);
  EXPECT_EQ(stream.moved, 5000U);
}

TEST_F(GroupTest, WakesAreProportionalToServedMembers) {
  SimGroup group(simulation, per_second(1'000'000));
  for (int i = 0; i < 5000; ++i) member(group);
  start_all();
  simulation.run_for(1s);
  std::uint64_t resumes = 0;
  std::uint64_t moves = 0;
  for (const auto& stream : simulation.streams) {
    resumes += stream->resumes;
    moves += stream->moves;
  }
  EXPECT_LE(resumes, moves);
}

TEST_F(GroupTest, WithoutMinimalShareNobodyIsEverGrantedNothing) {
  SimGroup group(simulation, Limit{{3, 100ms}, 3});
  EXPECT_TRUE(group.set_min_share(0));
  for (int i = 0; i < 8; ++i) member(group);
  start_all();
  simulation.run_for(20s);
  EXPECT_NEAR(static_cast<double>(total_moved()), 600, 6);
  for (const auto& stream : simulation.streams) {
    EXPECT_LE(stream->resumes, stream->moves);
    EXPECT_NEAR(static_cast<double>(stream->moved), 75, 6);
  }
}

TEST_F(GroupTest, MinimalShareIsGrantedInOnePiece) {
  SimGroup group(simulation, per_second(100'000, 100ms));
  EXPECT_TRUE(group.set_min_share(5000));
  for (int i = 0; i < 100; ++i) member(group);
  start_all();
  simulation.run_for(500ms);
  std::vector<std::uint64_t> before;
  for (const auto& stream : simulation.streams) before.push_back(stream->moved);
  simulation.run_for(5s);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ((simulation.streams[i]->moved - before[i]) % 5000, 0u);
    EXPECT_GE(simulation.streams[i]->moved - before[i], 5000u);
  }
}

TEST_F(GroupTest, MinimalShareHasTheRangeOfALimit) {
  SimGroup group(simulation, per_second(1000));
  EXPECT_TRUE(group.set_min_share(static_cast<std::size_t>(max_tokens)));
  EXPECT_FALSE(group.set_min_share(static_cast<std::size_t>(max_tokens) + 1));
  EXPECT_FALSE(group.set_min_share(SIZE_MAX));
}

TEST_F(GroupTest, MembersMayLeaveWhileWaiting) {
  SimGroup group(simulation, Limit{{100, 1h}, 100});
  std::vector<SimStream*> all;
  for (int i = 0; i < 5; ++i) all.push_back(&member(group));
  start_all();
  simulation.run_for(1s);
  EXPECT_TRUE(group.timer());
  EXPECT_TRUE(all[2]->throttle.waiting(write));
  const std::uint64_t before = all[2]->moved;
  all[2]->hunger = 1000;
  all[2]->throttle.leave(simulation.now);
  simulation.run_for(1s);
  EXPECT_EQ(all[2]->moved, before + 1000);
  EXPECT_EQ(group.size(), 4u);
  for (auto& stream : simulation.streams) stream->throttle.cancel(write, simulation.now);
  EXPECT_FALSE(group.timer());
}

TEST_F(GroupTest, AStreamMayBeDestroyedWhileWaitingOrGranted) {
  SimGroup group(simulation, per_second(10'000, 100ms));
  for (int i = 0; i < 20; ++i) member(group);
  start_all();
  simulation.run_for(1s);
  for (int i = 0; i < 10; ++i) simulation.streams.pop_back();
  ASSERT_TRUE(group.timer());
  group.serve(*group.timer());
  simulation.ready.clear();
  simulation.streams.clear();
  EXPECT_EQ(group.size(), 0u);
  EXPECT_FALSE(group.next_service());
  group.serve(simulation.now + 10s);
  // What had been granted came back.
  EXPECT_GT(group.limit(write, simulation.now + 10s), 900);
}

TEST_F(GroupTest, AGroupMayEndBeforeItsMembers) {
  auto group = std::make_unique<SimGroup>(simulation, Limit{{100, 1h}, 100});
  for (int i = 0; i < 5; ++i) member(*group);
  start_all();
  simulation.run_for(1s);
  for (auto& stream : simulation.streams) stream->hunger = 5000;
  const std::uint64_t before = total_moved();
  group.reset();
  simulation.run_for(1s);
  EXPECT_EQ(total_moved(), before + 5 * 5000);
  for (auto& stream : simulation.streams) EXPECT_EQ(stream->throttle.group(), nullptr);
}

TEST_F(GroupTest, JoiningAnotherGroupLeavesTheFirst) {
  SimGroup a(simulation, per_second(1000));
  SimGroup b(simulation, per_second(1000));
  SimStream& stream = member(a);
  stream.throttle.join(b, simulation.now);
  EXPECT_EQ(a.size(), 0u);
  EXPECT_EQ(b.size(), 1u);
  EXPECT_EQ(stream.throttle.group(), &b);
  stream.throttle.join(b, simulation.now);
  EXPECT_EQ(b.size(), 1u);
}

TEST_F(GroupTest, TotalsCountWhatMembersMoved) {
  SimGroup group(simulation, per_second(10'000));
  SimStream& stream = member(group);
  stream.hunger = 5000;
  stream.start();
  simulation.run_for(2s);
  EXPECT_EQ(group.total(write), 5000u);
  EXPECT_EQ(group.total(read), 0u);
  stream.throttle.leave(simulation.now);
  EXPECT_EQ(group.total(write), 5000u);
  group.decrement(write, 300, simulation.now);
  EXPECT_EQ(group.total(write), 5000u);
  group.reset_totals();
  EXPECT_EQ(group.total(write), 0u);
  EXPECT_EQ(group.stats(write, simulation.now).bytes, 5000u);
  EXPECT_GT(group.stats(write, simulation.now).waits, 0u);
  EXPECT_GT(group.stats(write, simulation.now).throttled, Duration(300ms));
}

TEST_F(GroupTest, UnusedGrantsGoBack) {
  SimGroup group(simulation, Limit{{1000, 1h}, 1000});
  SimStream& stream = member(group);
  EXPECT_EQ(stream.throttle.allowance(read, simulation.now, 800), 800u);
  EXPECT_EQ(group.limit(read, simulation.now), 200);
  stream.throttle.spend(read, 300, simulation.now);
  EXPECT_EQ(group.limit(read, simulation.now), 700);
  EXPECT_EQ(stream.throttle.allowance(read, simulation.now, 700), 700u);
  EXPECT_EQ(stream.throttle.allowance(read, simulation.now, 600), 600u);
  stream.throttle.cancel(read, simulation.now);
  EXPECT_EQ(group.limit(read, simulation.now), 700);
  stream.throttle.spend(read, 5000, simulation.now);
  EXPECT_EQ(group.limit(read, simulation.now), -4300);
}

TEST_F(GroupTest, ConfigurationTakesEffectWhileRunning) {
  SimGroup group(simulation, Limit{{10, 1h}, 10});
  SimStream& stream = member(group);
  stream.start();
  simulation.run_for(1s);
  EXPECT_EQ(stream.moved, 10u);
  group.set_cfg(*make_cfg(per_second(1'000'000)).get(), simulation.now);
  simulation.run_for(1s);
  EXPECT_NEAR(static_cast<double>(stream.moved), 1e6, 1.5e4);
  group.set_cfg(*make_cfg(Limit{{10, 1h}, 10}).get(), simulation.now);
  const std::uint64_t before = stream.moved;
  simulation.run_for(1s);
  EXPECT_LE(stream.moved, before + 10);
}

TEST_F(GroupTest, TokensGivenByHandWakeAtOnce) {
  SimGroup group(simulation, Limit{{10, 1h}, 10});
  SimStream& stream = member(group);
  stream.start();
  simulation.run_for(1s);
  EXPECT_EQ(stream.moved, 10u);
  group.decrement(write, -500, simulation.now);
  simulation.run_for(10ms);
  EXPECT_EQ(stream.moved, 510u);
}

// The group only rests for a moment, so that others may come.
TEST_F(GroupTest, WhatIsThereIsNotPutOffToTheNextTick) {
  SimGroup group(simulation, per_second(200'000, 1s, 1, RefillMode::ticks));
  SimStream& first = member(group);
  member(group);
  first.moves_per_turn = 100;
  first.start();
  simulation.run_for(1us);
  EXPECT_EQ(first.moved, 100'000u) << "half is left to the other one";
  simulation.run_for(10ms);
  EXPECT_EQ(first.moved, 200'000u);
}

TEST_F(GroupTest, TheOnlyMemberMakesNoRoomForOthers) {
  SimGroup group(simulation, per_second(200'000, 1s));
  SimStream& stream = member(group);
  stream.moves_per_turn = 100;
  stream.start();
  simulation.run_for(900ms);
  EXPECT_EQ(stream.moved, 200'000u);
  EXPECT_EQ(group.services, 0u);
}

TEST_F(GroupTest, ExactModeHoldsForTheSumOfAllMembers) {
  const Limit limit = per_second(1'000'000, 10ms, 2, RefillMode::exact);
  SimGroup group(simulation, limit);
  for (int i = 0; i < 20; ++i) member(group);
  simulation.keep_moves = true;
  simulation.lateness = 300us;
  simulation.move_cost = 30us;
  start_all();
  simulation.run_for(2s);
  const auto& moves = simulation.all_moves;
  for (std::size_t from = 0; from < moves.size(); ++from) {
    std::uint64_t sum = 0;
    for (std::size_t to = from; to < std::min(moves.size(), from + 400); ++to) {
      sum += moves[to].second;
      ASSERT_LE(sum, limit.burst + limit.rate.over(moves[to].first - moves[from].first) + 1);
    }
  }
  EXPECT_NEAR(static_cast<double>(total_moved()), 2e6, 2e4);
}

TEST_F(GroupTest, TickModeIsAsBurstyAsItsTick) {
  SimGroup group(simulation, per_second(10'000, 500ms, 1, RefillMode::ticks));
  for (int i = 0; i < 4; ++i) member(group);
  start_all();
  for (std::uint64_t tick = 0; tick < 10; ++tick) {
    simulation.run_until(start_time + 500ms * static_cast<long>(tick) + 490ms);
    EXPECT_EQ(total_moved(), (tick + 1) * 5000);
  }
}

}  // namespace
}  // namespace ev::test

// Two greedy siblings, streams or groups of streams, beside one that is held up by a limit of its
// own: what that one leaves is shared as the weights say, and all of it is used.
#include <gtest/gtest.h>

#include "limit/simulation.h"

namespace ev::test {
namespace {

constexpr double some_turns = 140'000;  // of 33,333 bytes each, at ticks of 100 ms

enum class Shape { two_streams, group_and_stream, group_of_three_and_stream, two_groups };

struct Siblings {
  Shape shape;
  RefillMode mode;
  Duration tick;
  bool held_up_in_a_group;
  std::size_t largest_move;
  bool last_armed_first;
};

void PrintTo(const Siblings& value, std::ostream* out) {
  static const char* const shapes[] = {"two_streams", "group_and_stream",
                                       "group_of_three_and_stream", "two_groups"};
  static const char* const modes[] = {"smooth", "ticks", "exact"};
  *out << shapes[static_cast<int>(value.shape)] << '_' << modes[static_cast<int>(value.mode)] << '_'
       << value.tick / 1ms << "ms_" << value.largest_move
       << (value.held_up_in_a_group ? "_grouped" : "")
       << (value.last_armed_first ? "_last_armed_first" : "");
}

std::vector<Siblings> all_siblings(Shape shape) {
  std::vector<Siblings> rows;
  for (const RefillMode mode : {RefillMode::smooth, RefillMode::ticks, RefillMode::exact}) {
    for (const Duration tick : {1ms, 10ms, 100ms}) {
      if (tick == 1ms && mode != RefillMode::smooth) continue;  // loses what late turns miss
      for (const bool grouped : {false, true}) {
        // The second one goes into a turn, or into a third of one, without a remainder.
        for (const std::size_t largest : {16384, 11111}) {
          rows.push_back({shape, mode, tick, grouped, largest, false});
          rows.push_back({shape, mode, tick, grouped, largest, true});
        }
      }
    }
  }
  return rows;
}

std::vector<Siblings> all_siblings() {
  std::vector<Siblings> rows;
  for (const Shape shape : {Shape::two_streams, Shape::group_and_stream,
                            Shape::group_of_three_and_stream, Shape::two_groups}) {
    const std::vector<Siblings> more = all_siblings(shape);
    rows.insert(rows.end(), more.begin(), more.end());
  }
  return rows;
}

class SiblingsTest : public testing::TestWithParam<Siblings> {
 protected:
  SiblingsTest() { simulation_.last_armed_first = GetParam().last_armed_first; }

  static Limit limit(std::uint64_t rate, std::uint64_t bursts) {
    return per_second(rate, GetParam().tick, bursts, GetParam().mode);
  }

  SimGroup& add_group(std::uint64_t rate, SimGroup& parent) {
    groups_.push_back(std::make_unique<SimGroup>(simulation_, limit(rate, 2)));
    EXPECT_TRUE(groups_.back()->set_parent(&parent, simulation_.now));
    return *groups_.back();
  }
  SimStream& add_stream(SimGroup& group) {
    SimStream& stream = simulation_.add_stream();
    stream.largest_move = GetParam().largest_move;
    stream.moves_per_turn = 16;  // as a socket that has more to read
    stream.throttle.join(group, simulation_.now);
    stream.start();
    return stream;
  }
  void add_held_up(std::uint64_t rate) {
    if (GetParam().held_up_in_a_group) {
      add_stream(add_group(rate, link_));
    } else {
      const CfgRef own = make_cfg(limit(rate, 2));
      add_stream(link_).throttle.set_cfg(own.get(), simulation_.now);
    }
  }

  Simulation simulation_;
  SimGroup link_{simulation_, limit(2'000'000, 2)};
  std::vector<std::unique_ptr<SimGroup>> groups_;
};

INSTANTIATE_TEST_SUITE_P(All, SiblingsTest, testing::ValuesIn(all_siblings()),
                         testing::PrintToStringParamName());

TEST_P(SiblingsTest, ShareEvenly) {
  const Shape shape = GetParam().shape;
  SimGroup& one = shape == Shape::two_streams ? link_ : add_group(5'000'000, link_);
  SimGroup& other = shape == Shape::two_groups ? add_group(5'000'000, link_) : link_;
  std::vector<SimStream*> of_one;
  for (int i = 0; i < (shape == Shape::group_of_three_and_stream ? 3 : 1); i++)
    of_one.push_back(&add_stream(one));
  const SimStream& of_other = add_stream(other);
  add_held_up(100'000);
  const auto moved_by_one = [&] {
    std::uint64_t sum = 0;
    for (const SimStream* stream : of_one) sum += stream->moved;
    return static_cast<double>(sum);
  };
  const auto moved_by_other = [&] { return static_cast<double>(of_other.moved); };
  simulation_.run_for(500ms);
  const double one_before = moved_by_one();
  const double other_before = moved_by_other();
  for (int second = 1; second <= 10; second++) {
    simulation_.run_for(1s);
    EXPECT_NEAR(moved_by_one() - one_before, second * 950'000, some_turns) << second;
    EXPECT_NEAR(moved_by_other() - other_before, second * 950'000, some_turns) << second;
  }
}

// It waits for its turn among the siblings as well. Were it to wait for a full bucket first, what
// came meanwhile would be lost.
TEST(LimitedGroup, GetsItsRateInPiecesBesideGreedySiblings) {
  Simulation simulation;
  SimGroup link(simulation, per_second(20'000'000, 100ms, 2));
  SimGroup limited(simulation, per_second(500'000, 100ms, 2));
  ASSERT_TRUE(limited.set_parent(&link, simulation.now));
  for (int i = 0; i < 8; ++i) {
    SimStream& stream = simulation.add_stream();
    stream.throttle.join(i == 0 ? limited : link, simulation.now);
    stream.largest_move = 16384;
    stream.moves_per_turn = 16;
    stream.start();
  }
  SimStream& stream = *simulation.streams.front();
  simulation.run_for(1s);
  for (int step = 0; step < 50; ++step) {
    const std::uint64_t before = stream.moved;
    simulation.run_for(200ms);
    EXPECT_NEAR(static_cast<double>(stream.moved - before), 100'000, 50'000) << step;
  }
  EXPECT_NEAR(static_cast<double>(stream.moved), 5'500'000, 100'000);
}

// They get no more at once than their own limits let them use: what they would give back again was
// the turn of their group.
TEST(LimitedMembers, CostTheirGroupNothing) {
  for (const std::size_t largest_move : {1460, 5000, 16384, 262144}) {
    Simulation simulation;
    SimGroup link(simulation, per_second(20'000'000, 100ms));
    SimGroup site(simulation, per_second(60'000'000, 100ms));
    ASSERT_TRUE(site.set_parent(&link, simulation.now));
    const auto add = [&](SimGroup& group, std::uint32_t weight, std::uint64_t limit) {
      SimStream& stream = simulation.add_stream();
      stream.throttle.join(group, simulation.now);
      stream.throttle.set_weight(weight);
      stream.largest_move = largest_move;
      if (limit != 0) {
        stream.throttle.set_cfg(make_cfg(per_second(limit, 100ms)).get(), simulation.now);
      }
      stream.start();
    };
    add(link, 1, 0);
    add(link, 1, 0);
    add(site, 1, 0);
    add(site, 1, 300'000);
    add(site, 1, 700'000);
    add(site, 3, 1'300'000);
    simulation.run_for(1s);
    const std::uint64_t before = site.total(Direction::write);
    simulation.run_for(10s);
    EXPECT_NEAR(static_cast<double>(site.total(Direction::write) - before), 200e6 / 3, 1e6)
        << largest_move;
  }
}

// The turn of a group, which is short where ticks are, does not cut theirs off.
TEST(HeavyMembers, GetTheirPartOfAGroupBetweenStrictTicks) {
  for (const std::uint64_t limit : {500'000, 550'000, 600'000, 601'000, 700'000, 4'000'000}) {
    Simulation simulation;
    SimGroup link(simulation, per_second(2'000'000, 10ms, 2, RefillMode::ticks));
    SimGroup site(simulation, per_second(limit, 10ms, 2, RefillMode::ticks));
    SimGroup other(simulation, per_second(4'000'000, 10ms, 2, RefillMode::ticks));
    ASSERT_TRUE(site.set_parent(&link, simulation.now));
    ASSERT_TRUE(other.set_parent(&link, simulation.now));
    other.set_weight(2);
    const auto add = [&](SimGroup& group, std::uint32_t weight) -> SimStream& {
      SimStream& stream = simulation.add_stream();
      stream.throttle.join(group, simulation.now);
      stream.throttle.set_weight(weight);
      stream.start();
      return stream;
    };
    const SimStream& heavy = add(site, 5);
    const SimStream& light = add(site, 3);
    add(other, 1);
    add(other, 2);
    simulation.run_for(10s);
    EXPECT_NEAR(static_cast<double>(heavy.moved) / static_cast<double>(light.moved), 5.0 / 3, 0.03)
        << limit;
  }
}

struct Nested {
  RefillMode mode;
  Duration tick;
  int depth;    // of the limited group
  int streams;  // in it
};

void PrintTo(const Nested& value, std::ostream* out) {
  *out << value.streams << " streams at depth " << value.depth << ", tick " << value.tick / 1ms
       << " ms, " << (value.mode == RefillMode::ticks ? "ticks" : "exact");
}

class LimitedGroupAmongGroups : public testing::TestWithParam<Nested> {};

std::vector<Nested> all_nested() {
  std::vector<Nested> all;
  for (const RefillMode mode : {RefillMode::ticks, RefillMode::exact}) {
    for (const Duration tick : {10ms, 100ms}) {
      for (const int depth : {1, 2, 3}) {
        for (const int streams : {1, 4}) all.push_back({mode, tick, depth, streams});
      }
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(All, LimitedGroupAmongGroups, testing::ValuesIn(all_nested()));

// Neither strict ticks nor the exact mode make up for what overflows: turns have to come as often,
// at every level.
TEST_P(LimitedGroupAmongGroups, GetsItsRateWithABurstOfTwoTicks) {
  const auto& [mode, tick, depth, streams] = GetParam();
  Simulation simulation;
  const auto greedy = [&](SimGroup& group) -> SimStream& {
    SimStream& stream = simulation.add_stream();
    stream.throttle.join(group, simulation.now);
    stream.largest_move = 16384;
    stream.moves_per_turn = 16;
    stream.start();
    return stream;
  };
  SimGroup link(simulation, per_second(20'000'000, tick, 2, mode));
  std::vector<std::unique_ptr<SimGroup>> groups;
  SimGroup* parent = &link;
  for (int level = 1; level <= depth; ++level) {
    const std::uint64_t rate = level == depth ? 1'000'000 : 60'000'000;
    groups.push_back(std::make_unique<SimGroup>(simulation, per_second(rate, tick, 2, mode)));
    ASSERT_TRUE(groups.back()->set_parent(parent, simulation.now));
    if (level < depth) greedy(*groups.back());
    parent = groups.back().get();
  }
  for (int i = 0; i < 3; ++i) greedy(link);
  for (int i = 0; i < streams; ++i) greedy(*parent);
  simulation.run_for(1s);
  const std::uint64_t limited = parent->total(Direction::write);
  const std::uint64_t all = link.total(Direction::write);
  simulation.run_for(5s);
  EXPECT_NEAR(static_cast<double>(parent->total(Direction::write) - limited), 5e6, 0.15e6);
  EXPECT_NEAR(static_cast<double>(link.total(Direction::write) - all), 100e6, 1e6);
}

class HeavySibling : public SiblingsTest {
 protected:
  void expect_all_is_used(std::uint32_t weight, std::size_t lights) {
    const std::size_t first = simulation_.streams.size();
    for (std::size_t i = 0; i < lights; ++i) add_stream(link_);
    add_held_up(10'000);
    if (GetParam().held_up_in_a_group) {
      groups_.back()->set_weight(weight);
    } else {
      simulation_.streams.back()->throttle.set_weight(weight);
    }
    simulation_.run_for(600ms);  // at first it is presumed to want its part
    const std::uint64_t before = link_.total(Direction::write);
    std::uint64_t moves = 0;
    for (std::size_t i = 0; i < lights; ++i) moves -= simulation_.streams[first + i]->moves;
    simulation_.run_for(1s);
    for (std::size_t i = 0; i < lights; ++i) moves += simulation_.streams[first + i]->moves;
    EXPECT_NEAR(static_cast<double>(link_.total(Direction::write) - before), 2e6, 1e5)
        << lights << " beside weight " << weight;
    EXPECT_LT(moves, 5000) << lights << " beside weight " << weight;
    for (std::size_t i = first; i < simulation_.streams.size(); ++i) {
      simulation_.streams[i]->throttle.leave(simulation_.now);
      simulation_.streams[i]->hunger = 0;
    }
    simulation_.run_for(200ms);
  }
};

INSTANTIATE_TEST_SUITE_P(All, HeavySibling, testing::ValuesIn(all_siblings(Shape::two_streams)),
                         testing::PrintToStringParamName());

// Its weight makes the quanta of the others small also while it wants nothing.
TEST_P(HeavySibling, LeavesToTheOthersWhatItCannotUse) {
  for (const std::uint32_t weight : {20U, 100U, 1000U, 1'000'000U, UINT32_MAX}) {
    for (const std::size_t lights : {1, 2, 5}) expect_all_is_used(weight, lights);
  }
}

}  // namespace
}  // namespace ev::test

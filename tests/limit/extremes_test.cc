// Everything that may be set, to the smallest and largest values there are, in any order, while
// streams move. The sanitizers look at the arithmetic; here we look at who is stuck afterwards.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <vector>

#include "limit/simulation.h"

namespace ev::test {
namespace {

class Chaos : public testing::TestWithParam<unsigned> {
 protected:
  static constexpr auto write = Direction::write;

  std::size_t below(std::size_t limit) { return random_() % limit; }
  template <class T>
  T one_of(std::initializer_list<T> values) {
    return values.begin()[below(values.size())];
  }
  std::uint64_t amount() { return one_of<std::uint64_t>({1, 2, 1000, 1'000'000, max_tokens}); }
  Duration tick() { return one_of<Duration>({1ns, 1us, 1ms, 100ms, 1h, Duration::max()}); }
  CfgRef any_cfg() {
    const std::uint64_t rate = amount();
    const std::uint64_t burst = std::max(rate, amount());
    return make_cfg(Limit{
        {rate, tick()}, burst, one_of({RefillMode::smooth, RefillMode::ticks, RefillMode::exact})});
  }

  void change(SimGroup& group) {
    const TimePoint now = simulation_.now;
    switch (below(7)) {
      case 0:
        return group.set_cfg(*any_cfg().get(), now);
      case 1:
        group.set_weight(one_of<std::uint32_t>({1, 7, UINT32_MAX}));
        return;
      case 2:
        group.set_assured(
            write, below(3) == 0 ? std::nullopt : std::optional(Rate{amount(), tick()}), now);
        return;
      case 3:
        group.decrement(write, one_of<std::int64_t>({1, 100'000, INT64_MAX, -100'000, INT64_MIN}),
                        now);
        return;
      case 4:
        group.set_min_share(one_of<std::size_t>({0, 1, 64, max_tokens}));
        return;
      default:
        group.set_parent(below(3) == 0 ? nullptr : groups_[below(groups_.size())].get(), now);
        return;
    }
  }

  void change(SimStream& stream) {
    Throttle& throttle = stream.throttle;
    const TimePoint now = simulation_.now;
    switch (below(6)) {
      case 0:
        return throttle.set_cfg(below(2) == 0 ? nullptr : any_cfg().get(), now);
      case 1:
        throttle.set_weight(one_of<std::uint32_t>({1, 5, UINT32_MAX}));
        return;
      case 2:
        throttle.decrement(write, one_of<std::int64_t>({1, INT64_MAX, INT64_MIN}), now);
        return;
      case 3:
        return throttle.set_segment_cost(
            {one_of<std::uint32_t>({0, 40, 65535}), one_of<std::uint32_t>({1, 1460, 65535})});
      case 4:
        return throttle.leave(now);
      default:
        return throttle.join(*groups_[below(groups_.size())], now);
    }
  }

  // Back to a plain tree without debts.
  void calm_down() {
    const TimePoint now = simulation_.now;
    const CfgRef plain = make_cfg(per_second(10'000'000, 10ms));
    for (const auto& group : groups_) {
      group->set_cfg(*plain.get(), now);
      group->set_weight(1);
      group->set_assured(write, std::nullopt, now);
      group->set_min_share(RateGroup::default_min_share);
      for (int i = 0; i < 3; ++i) group->decrement(write, INT64_MIN, now);
    }
    for (const auto& stream : simulation_.streams) {
      stream->throttle.set_cfg(nullptr, now);
      stream->throttle.set_weight(1);
      stream->throttle.set_segment_cost({});
    }
  }

  std::mt19937_64 random_{GetParam()};
  Simulation simulation_;
  std::vector<std::unique_ptr<SimGroup>> groups_;
};

TEST_P(Chaos, NobodyIsStuckAfterIt) {
  simulation_.move_cost = 100us;
  for (int i = 0; i < 5; ++i) {
    groups_.push_back(std::make_unique<SimGroup>(simulation_, any_cfg()->limit(write)));
  }
  for (int i = 0; i < 8; ++i) {
    SimStream& stream = simulation_.add_stream();
    stream.throttle.join(*groups_[below(groups_.size())], simulation_.now);
    stream.start();
  }
  for (int step = 0; step < 400; ++step) {
    change(*groups_[below(groups_.size())]);
    change(*simulation_.streams[below(simulation_.streams.size())]);
    simulation_.run_for(Duration(below(3'000'000)));
  }
  calm_down();
  std::vector<std::uint64_t> before;
  for (const auto& stream : simulation_.streams) before.push_back(stream->moved);
  simulation_.run_for(2s);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_GT(simulation_.streams[i]->moved, before[i]) << "stream " << i;
  }
  simulation_.streams.clear();
  simulation_.ready.clear();
}

INSTANTIATE_TEST_SUITE_P(Seeds, Chaos, testing::Range(0u, 30u));

}  // namespace
}  // namespace ev::test

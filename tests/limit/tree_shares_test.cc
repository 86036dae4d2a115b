// Whatever the tree: everybody in it gets what the weights and the limits above and below leave to
// it. Random trees of greedy streams are compared with what is due by arithmetic.
#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include "limit/simulation.h"

namespace ev::test {
namespace {

constexpr double unlimited = 1e18;

// A group, or a stream if it has no children.
struct Node {
  double weight = 1;
  double limit = unlimited;
  double assured = 0;
  std::vector<Node> children;
  std::unique_ptr<SimGroup> group;
  SimStream* stream = nullptr;
  double usable = 0;  // all that it could use
  double due = 0;
  double before = 0;

  double moved() const {
    if (stream != nullptr) return static_cast<double>(stream->moved);
    double sum = 0;
    for (const Node& child : children) sum += child.moved();
    return sum;
  }
  void add_up() {
    usable = limit;
    before = moved();
    if (stream != nullptr) return;
    double sum = 0;
    for (Node& child : children) {
      child.add_up();
      sum += child.usable;
    }
    usable = std::min(limit, sum);
  }
  double usable_of_assured() const { return std::min(usable, assured); }
  // First what is assured, the rest by weight; what one cannot use goes to the others.
  void share_out(double rate) {
    due = rate;
    std::vector<Node*> open;
    for (Node& child : children) {
      open.push_back(&child);
      rate -= child.usable_of_assured();
    }
    for (bool settled = true; settled;) {
      double weights = 0;
      for (const Node* child : open) weights += child->weight;
      settled = false;
      for (std::size_t i = 0; i < open.size() && !settled; ++i) {
        Node& child = *open[i];
        const double more = child.usable - child.usable_of_assured();
        if (more > rate * child.weight / weights) continue;
        child.share_out(child.usable);
        rate -= more;
        open.erase(open.begin() + static_cast<std::ptrdiff_t>(i));
        settled = true;
      }
      if (settled) continue;
      for (Node* child : open) {
        child->share_out(child->usable_of_assured() + rate * child->weight / weights);
      }
    }
  }
  void expect_due(double seconds, const std::string& path) const {
    EXPECT_NEAR((moved() - before) / seconds / due, 1, 0.05) << path << " is due " << due;
    for (std::size_t i = 0; i < children.size(); ++i) {
      children[i].expect_due(seconds, path + "/" + std::to_string(i));
    }
  }
};

struct TreeKind {
  unsigned seed;
  bool has_limited_streams;
  bool has_assured_groups;
};

void PrintTo(const TreeKind& value, std::ostream* out) {
  *out << value.seed << (value.has_limited_streams ? ", limited streams" : "")
       << (value.has_assured_groups ? ", assured groups" : "");
}

class RandomTree : public testing::TestWithParam<TreeKind> {
 protected:
  int pick(int count) { return static_cast<int>(random_() % static_cast<unsigned>(count)); }

  void add_stream(Node& node, SimGroup& parent, double part) {
    SimStream& stream = simulation_.add_stream();
    stream.largest_move = std::size_t{1460} << pick(8);
    stream.moves_per_turn = 1 + 15 * pick(2);
    stream.throttle.join(parent, simulation_.now);
    stream.throttle.set_weight(static_cast<std::uint32_t>(node.weight));
    if (GetParam().has_limited_streams && pick(3) == 0) {
      node.limit = part * (0.3 + 0.2 * pick(7));
      const Limit limit = per_second(static_cast<std::uint64_t>(node.limit), tick_, 1s / tick_);
      stream.throttle.set_cfg(make_cfg(limit).get(), simulation_.now);
    }
    stream.start();
    node.stream = &stream;
  }
  // All of them together of less than the link has.
  void assure(Node& child, double part) {
    const double all = child.weight * part * (0.2 + 0.2 * pick(5));
    child.assured = std::min({all, child.limit, 0.8 * link_rate_ - assured_});
    if (child.assured < 1) return;
    assured_ += child.assured;
    const Rate rate{static_cast<std::uint64_t>(child.assured), 1s};
    ASSERT_TRUE(child.group->set_assured(Direction::write, rate, simulation_.now));
  }
  void add_group(Node& node, SimGroup* parent, int depth) {
    const double rate = std::min(node.limit, 3 * link_rate_);
    node.group = std::make_unique<SimGroup>(simulation_,
                                            per_second(static_cast<std::uint64_t>(rate), tick_, 2));
    if (parent != nullptr) {
      ASSERT_TRUE(node.group->set_parent(parent, simulation_.now));
      node.group->set_weight(static_cast<std::uint32_t>(node.weight));
    }
    node.children.resize(static_cast<std::size_t>(1 + pick(4)));
    const double part =
        std::min(node.limit, link_rate_) / static_cast<double>(node.children.size());
    for (Node& child : node.children) {
      child.weight = 1 + pick(3) * pick(2);
      if (depth == 3 || pick(2) == 0) {
        add_stream(child, *node.group, part);
        continue;
      }
      // Around its even part.
      if (pick(3) == 0) child.limit = part * (0.3 + 0.2 * pick(7));
      add_group(child, node.group.get(), depth + 1);
      if (GetParam().has_assured_groups && depth == 0 && pick(2) == 0) assure(child, part);
    }
  }

  std::mt19937 random_{GetParam().seed};
  Simulation simulation_;
  const double link_rate_ = 1e6 * (1 + 19 * pick(2));
  const Duration tick_ = 10ms * (pick(2) == 0 ? 1 : 10);
  double assured_ = 0;
};

std::vector<TreeKind> all_trees() {
  std::vector<TreeKind> all;
  for (unsigned seed = 0; seed < 40; ++seed) {
    all.push_back({seed, false, false});
    all.push_back({seed, true, false});
    all.push_back({seed, true, true});
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Seeds, RandomTree, testing::ValuesIn(all_trees()));

TEST_P(RandomTree, GivesEverybodyWhatIsDue) {
  simulation_.last_armed_first = pick(2) == 0;
  Node link;
  link.limit = link_rate_;
  add_group(link, nullptr, 0);
  simulation_.run_for(5s);
  link.add_up();
  link.share_out(link.usable);
  simulation_.run_for(30s);
  link.expect_due(30, "link");
}

struct Users {
  int users;
  Duration tick;
  double jain;
};

void PrintTo(const Users& value, std::ostream* out) {
  *out << value.users << " users, tick " << value.tick / 1ms << " ms";
}

class UsersOfALink : public testing::TestWithParam<Users> {};

// However high their own ceilings are, turns within a group are as short as its part of the link
// asks for.
TEST_P(UsersOfALink, ShareAlsoWithinThemselvesOverOneSecond) {
  Simulation simulation;
  SimGroup link(simulation, per_second(1'000'000, GetParam().tick));
  std::vector<std::unique_ptr<SimGroup>> users;
  for (int i = 0; i < GetParam().users; ++i) {
    users.push_back(std::make_unique<SimGroup>(simulation, per_second(5'000'000, GetParam().tick)));
    ASSERT_TRUE(users.back()->set_parent(&link, simulation.now));
    for (int j = 0; j < 4; ++j) {
      SimStream& stream = simulation.add_stream();
      stream.throttle.join(*users.back(), simulation.now);
      stream.start();
    }
  }
  simulation.run_for(2s);
  std::vector<std::uint64_t> before;
  for (const auto& stream : simulation.streams) before.push_back(stream->moved);
  for (int second = 0; second < 10; ++second) {
    simulation.run_for(1s);
    std::vector<std::uint64_t> moved;
    for (std::size_t i = 0; i < before.size(); ++i) {
      moved.push_back(simulation.streams[i]->moved - before[i]);
      before[i] = simulation.streams[i]->moved;
    }
    EXPECT_GE(jain(moved), GetParam().jain) << "second " << second;
  }
}

// With 50 users a stream moves three or four packets in a second.
INSTANTIATE_TEST_SUITE_P(Ticks, UsersOfALink,
                         testing::Values(Users{2, 10ms, 0.998}, Users{10, 10ms, 0.998},
                                         Users{50, 10ms, 0.97}, Users{2, 100ms, 0.998},
                                         Users{10, 100ms, 0.995}, Users{50, 100ms, 0.97}));

}  // namespace
}  // namespace ev::test

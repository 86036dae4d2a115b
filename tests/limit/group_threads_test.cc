// A group whose members live on several threads, while its tree is joined, split and freed.
#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "limit/simulation.h"
#include "sys/lock.h"

namespace ev::test {
namespace {

void* make_lock(unsigned) { return new std::recursive_mutex; }
void free_lock(void* lock, unsigned) { delete static_cast<std::recursive_mutex*>(lock); }
int take_lock(unsigned, void* lock) {
  static_cast<std::recursive_mutex*>(lock)->lock();
  return 0;
}
int drop_lock(unsigned, void* lock) {
  static_cast<std::recursive_mutex*>(lock)->unlock();
  return 0;
}

// Notes that it was told, from whatever thread.
struct Told final : Throttled {
  void resume(Direction) override { resumed = true; }
  void arm(std::optional<TimePoint>) override {}
  std::atomic<bool> resumed{false};
};

struct SharedGroup final : RateGroup {
  using RateGroup::RateGroup;
  ~SharedGroup() { close(monotonic_now()); }
  void arm(std::optional<TimePoint>) override {}
};

void move_for_a_while(RateGroup& group, std::atomic<std::uint64_t>& moved) {
  std::vector<std::unique_ptr<Told>> told;
  std::vector<std::unique_ptr<Throttle>> throttles;
  for (int i = 0; i < 20; ++i) {
    told.push_back(std::make_unique<Told>());
    throttles.push_back(std::make_unique<Throttle>(*told.back()));
    throttles.back()->join(group, monotonic_now());
  }
  for (int turn = 0; turn < 20'000; ++turn) {
    const auto i = static_cast<std::size_t>(turn) % throttles.size();
    const TimePoint now = monotonic_now();
    const std::size_t room = throttles[i]->allowance(Direction::write, now, 1000);
    if (room != 0) throttles[i]->spend(Direction::write, room - room / 3, now);
    moved += room - room / 3;
    if (turn % 97 == 0) throttles[i]->cancel(Direction::write, now);
    if (turn % 1009 == 0) throttles[i]->leave(now);
    if (turn % 1013 == 0) throttles[i]->join(group, now);
  }
}

TEST(GroupThreads, MembersOnFourThreads) {
  const evthread_lock_callbacks hooks = {EVTHREAD_LOCK_API_VERSION,
                                         EVTHREAD_LOCKTYPE_RECURSIVE,
                                         make_lock,
                                         free_lock,
                                         take_lock,
                                         drop_lock};
  ASSERT_TRUE(set_lock_hooks(&hooks));
  const CfgRef cfg = make_cfg(per_second(50'000'000));
  SharedGroup group(*cfg.get(), monotonic_now());
  std::atomic<std::uint64_t> moved{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back([&] { move_for_a_while(group, moved); });
  std::thread gardener([&] {
    while (!done) {
      SharedGroup parent(*cfg.get(), monotonic_now());
      group.set_parent(&parent, monotonic_now());
      parent.serve(monotonic_now());
      SharedGroup grandparent(*cfg.get(), monotonic_now());
      parent.set_parent(&grandparent, monotonic_now());
      grandparent.serve(monotonic_now());
      group.serve(monotonic_now());
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  gardener.join();
  EXPECT_GT(moved, 0u);
  EXPECT_EQ(group.size(), 0u);
}

}  // namespace
}  // namespace ev::test

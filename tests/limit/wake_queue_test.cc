#include "limit/wake_queue.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <set>
#include <vector>

#include "limit/lane.h"

namespace ev {
namespace {

TEST(WakeQueue, AgreesWithASortedSet) {
  const Pacing pacing{Limit()};
  Lane owner(pacing, TimePoint{});
  std::vector<std::unique_ptr<WakeHook>> hooks;
  for (int i = 0; i < 300; ++i) hooks.push_back(std::make_unique<WakeHook>(owner));
  std::multiset<TimePoint> expected;
  WakeQueue queue;
  std::mt19937_64 random(4);
  for (int step = 0; step < 50'000; ++step) {
    WakeHook& hook = *hooks[random() % hooks.size()];
    if (hook.queued) expected.erase(expected.find(hook.due));
    if (random() % 3 == 0) {
      queue.remove(hook);
      EXPECT_FALSE(hook.queued);
    } else {
      queue.add(hook, TimePoint(Duration(random() % 1000)));
      expected.insert(hook.due);
    }
    if (expected.empty()) {
      ASSERT_EQ(queue.first(), nullptr);
    } else {
      ASSERT_EQ(queue.first()->due, *expected.begin());
    }
  }
  for (const TimePoint due : expected) {
    ASSERT_EQ(queue.first()->due, due);
    queue.remove(*queue.first());
  }
  EXPECT_EQ(queue.first(), nullptr);
}

}  // namespace
}  // namespace ev

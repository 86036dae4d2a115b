// One turn of the loop is enough for what can be done at once.
#include "stream/support.h"

namespace test {
namespace {

class OneTurn : public EveryStack {};

INSTANTIATE_TEST_SUITE_P(All, OneTurn, testing::ValuesIn(all_stacks()), name_of);

// A guard keeps the test from hanging; it must not be what ends the turn.
TEST_P(OneTurn, EndsWhenOutputHasLeft) {
  settle();
  a_.writes = 0;
  bool was_late = false;
  const auto late = [](int, short, void* flag) { *static_cast<bool*>(flag) = true; };
  constexpr timeval time{5, 0};
  event* guard = evtimer_new(loop_, late, &was_late);
  event_add(guard, &time);
  a_.write("bytes");
  for (int i = 0; i < 50 && a_.writes == 0; i++) event_base_loop(loop_, EVLOOP_ONCE);
  EXPECT_GT(a_.writes, 0);
  EXPECT_FALSE(was_late);
  event_free(guard);
}

}  // namespace
}  // namespace test

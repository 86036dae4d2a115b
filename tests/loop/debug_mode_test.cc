// event_enable_debug_mode(): each broken rule ends a process of its own.
#include <event2/event.h>
#include <event2/event_struct.h>

#include "support.h"

namespace ev {
namespace {

constexpr int code = 7;

void ignore(int, short, void*) {}

// In the child: debug mode is on, and a fatal error exits with `code`.
event_base* start() {
  event_set_fatal_callback([](int) { _exit(code); });
  event_enable_debug_mode();
  return event_base_new();
}

const testing::ExitedWithCode fatal(code);

class DebugMode : public testing::Test {
 protected:
  void SetUp() override { testing::FLAGS_gtest_death_test_style = "threadsafe"; }
};

event never_assigned() {
  event ev{};
  ev.ev_base = start();
  return ev;
}

void add_unassigned() {
  event ev = never_assigned();
  event_add(&ev, nullptr);
}
void delete_unassigned() {
  event ev = never_assigned();
  event_del(&ev);
}
void activate_unassigned() {
  event ev = never_assigned();
  event_active(&ev, EV_READ, 1);
}
void ask_unassigned() {
  event ev = never_assigned();
  event_get_fd(&ev);
}

TEST_F(DebugMode, RefusesEventsThatWereNotAssigned) {
  EXPECT_EXIT(add_unassigned(), fatal, "event_add");
  EXPECT_EXIT(delete_unassigned(), fatal, "event_del");
  EXPECT_EXIT(activate_unassigned(), fatal, "event_active");
  EXPECT_EXIT(ask_unassigned(), fatal, "event_get_fd");
}

void assign_pending() {
  event_base* base = start();
  event ev{};
  const timeval soon{1, 0};
  event_assign(&ev, base, -1, 0, ignore, nullptr);
  event_add(&ev, &soon);
  event_assign(&ev, base, -1, 0, ignore, nullptr);
}

TEST_F(DebugMode, RefusesToAssignAPendingEvent) { EXPECT_EXIT(assign_pending(), fatal, "pending"); }

void add_unassigned_again() {
  event ev{};
  event_assign(&ev, start(), -1, 0, ignore, nullptr);
  event_debug_unassign(&ev);
  event_add(&ev, nullptr);
}

TEST_F(DebugMode, RefusesEventsThatWereGivenUp) {
  EXPECT_EXIT(add_unassigned_again(), fatal, "not assigned");
}

void watch_blocking_descriptor() {
  event_base* base = start();
  int ends[2];
  if (pipe(ends) == 0) event_new(base, ends[0], EV_READ, ignore, nullptr);
}

TEST_F(DebugMode, RefusesBlockingDescriptors) {
  EXPECT_EXIT(watch_blocking_descriptor(), fatal, "non-blocking");
}

void start_after_a_base() {
  event_base_new();
  event_enable_debug_mode();
}
void start_twice() {
  event_enable_debug_mode();
  event_enable_debug_mode();
}

TEST_F(DebugMode, MustComeFirstAndOnce) {
  EXPECT_EXIT(start_after_a_base(), testing::ExitedWithCode(1), "before");
  EXPECT_EXIT(start_twice(), testing::ExitedWithCode(1), "twice");
}

void behave() {
  event_base* base = start();
  event ev{};
  const timeval now{0, 0};
  for (const short what : {short{0}, short{EV_PERSIST}}) {
    event_assign(&ev, base, -1, what, ignore, nullptr);
    event_add(&ev, &now);
    event_base_loop(base, EVLOOP_NONBLOCK);
    event_del(&ev);
  }
  event* made = event_new(base, -1, 0, ignore, nullptr);
  event_free_finalize(0, made, nullptr);
  event_base_free(base);
  libevent_global_shutdown();
  _exit(0);
}

TEST_F(DebugMode, LetsProperUsePass) { EXPECT_EXIT(behave(), testing::ExitedWithCode(0), ""); }

}  // namespace
}  // namespace ev

/* Running the loop: flags, ways out, priorities, activation from inside. */
#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static int runs;

static void count(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  ++runs;
}

static void log_name(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  obs("%s runs", (const char*)arg);
}

static void empty_base_returns_at_once(void) {
  base = event_base_new();
  SEE(event_base_loop(base, 0));
  SEE(event_base_dispatch(base));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_got_exit(base));
  SEE(event_base_got_break(base));
  event_base_free(base);
}

static void nonblock_does_not_wait(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, count, NULL);
  event_add(ev, msec(60000));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void drain_three(evutil_socket_t fd, short what, void* arg) {
  char c;
  (void)arg;
  obs("%s, read %d", ev_names(what), (int)read(fd, &c, 1));
}

static void nonblock_goes_on_while_there_is_work(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_PERSIST, drain_three, NULL);
  event_add(ev, NULL);
  SEE(write(sv[1], "abc", 3));
  SEE(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void once_waits_for_something(void) {
  struct event *a, *b;
  base = event_base_new();
  a = event_new(base, -1, 0, log_name, (void*)"first");
  b = event_new(base, -1, 0, log_name, (void*)"second");
  event_add(a, msec(10)), event_add(b, msec(60));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(a), event_free(b);
  event_base_free(base);
}

static void loopexit_without_events_needs_the_flag(void) {
  base = event_base_new();
  SEE(event_base_loopexit(base, msec(10)));
  SEE(event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY));
  SEE(event_base_got_exit(base));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_got_exit(base));
  event_base_free(base);
}

static void loopexit_with_null_finishes_the_turn(void) {
  struct event *a, *b;
  base = event_base_new();
  a = event_new(base, -1, 0, log_name, (void*)"a");
  b = event_new(base, -1, 0, log_name, (void*)"b");
  SEE(event_base_loopexit(base, NULL));
  event_active(a, EV_READ, 1), event_active(b, EV_READ, 1);
  SEE(event_base_loop(base, 0));
  SEE(event_base_got_exit(base));
  SEE(event_base_loop(base, 0));
  SEE(event_base_got_exit(base));
  event_free(a), event_free(b);
  event_base_free(base);
}

static void exit_inside(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  SEE(event_base_loopexit(base, NULL));
}

static void loopexit_in_callback_lets_active_events_run(void) {
  struct event *a, *b;
  base = event_base_new();
  a = event_new(base, -1, 0, exit_inside, NULL);
  b = event_new(base, -1, 0, log_name, (void*)"after exit");
  event_active(a, EV_READ, 1), event_active(b, EV_READ, 1);
  SEE(event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY));
  SEE(event_base_got_exit(base));
  SEE(event_base_got_break(base));
  event_free(a), event_free(b);
  event_base_free(base);
}

static void break_inside(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  SEE(event_base_loopbreak(base));
}

static void loopbreak_leaves_active_events_for_later(void) {
  struct event *a, *b;
  base = event_base_new();
  a = event_new(base, -1, 0, break_inside, NULL);
  b = event_new(base, -1, 0, log_name, (void*)"after break");
  event_active(a, EV_READ, 1), event_active(b, EV_READ, 1);
  SEE(event_base_loop(base, 0));
  SEE(event_base_got_break(base));
  SEE(event_base_got_exit(base));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  SEE(event_base_loop(base, 0));
  SEE(event_base_got_break(base));
  event_free(a), event_free(b);
  event_base_free(base);
}

static void loopbreak_before_the_loop_is_forgotten(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_name, (void*)"timer");
  event_add(ev, msec(5));
  SEE(event_base_loopbreak(base));
  SEE(event_base_got_break(base));
  SEE(event_base_loop(base, 0));
  event_free(ev);
  event_base_free(base);
}

static struct event *high, *low;

static void continue_inside(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  obs("low runs, activating high");
  event_active(high, EV_READ, 1);
  SEE(event_base_loopcontinue(base));
}

static void loopcontinue_looks_at_priorities_again(void) {
  struct event* low2;
  base = event_base_new();
  SEE(event_base_priority_init(base, 2));
  high = event_new(base, -1, 0, log_name, (void*)"high");
  low = event_new(base, -1, 0, continue_inside, NULL);
  low2 = event_new(base, -1, 0, log_name, (void*)"low2");
  event_priority_set(high, 0), event_priority_set(low, 1), event_priority_set(low2, 1);
  event_active(low, EV_READ, 1), event_active(low2, EV_READ, 1);
  SEE(event_base_loop(base, 0));
  event_free(high), event_free(low), event_free(low2);
  event_base_free(base);
}

static void activate_high(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  obs("low runs, activating high");
  event_active(high, EV_READ, 1);
}

static void more_urgent_activation_preempts_the_queue(void) {
  struct event* low2;
  base = event_base_new();
  event_base_priority_init(base, 2);
  high = event_new(base, -1, 0, log_name, (void*)"high");
  low = event_new(base, -1, 0, activate_high, NULL);
  low2 = event_new(base, -1, 0, log_name, (void*)"low2");
  event_priority_set(high, 0), event_priority_set(low, 1), event_priority_set(low2, 1);
  event_active(low, EV_READ, 1), event_active(low2, EV_READ, 1);
  SEE(event_base_loop(base, 0));
  event_free(high), event_free(low), event_free(low2);
  event_base_free(base);
}

static void priorities_run_in_order(void) {
  static const char* names[] = {"p0", "p1", "p2", "p3"};
  struct event* ev[4];
  int i;
  base = event_base_new();
  SEE(event_base_priority_init(base, 4));
  SEE(event_base_get_npriorities(base));
  for (i = 0; i < 4; ++i) {
    ev[i] = event_new(base, -1, 0, log_name, (void*)names[i]);
    event_priority_set(ev[i], i);
  }
  for (i = 3; i >= 0; --i) event_active(ev[i], EV_TIMEOUT, 1);
  SEE(event_base_loop(base, 0));
  for (i = 0; i < 4; ++i) event_free(ev[i]);
  event_base_free(base);
}

static struct event* starving;
static void rearm_self(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  if (++runs < 3) event_active(arg, EV_READ, 1);
  obs("urgent, run %d", runs);
}

static void urgent_events_starve_others(void) {
  struct event* urgent;
  base = event_base_new();
  event_base_priority_init(base, 2);
  urgent = event_new(base, -1, 0, rearm_self, event_self_cbarg());
  starving = event_new(base, -1, 0, log_name, (void*)"starving");
  event_priority_set(urgent, 0), event_priority_set(starving, 1);
  event_active(starving, EV_READ, 1), event_active(urgent, EV_READ, 1);
  SEE(event_base_loop(base, 0));
  event_free(urgent), event_free(starving);
  event_base_free(base);
}

static void priority_init_limits(void) {
  struct event* ev;
  base = event_base_new();
  SEE(event_base_get_npriorities(base));
  SEE(event_base_priority_init(base, 0));
  SEE(event_base_priority_init(base, -1));
  SEE(event_base_priority_init(base, 256));
  SEE(event_base_priority_init(base, 255));
  SEE(event_base_get_npriorities(base));
  SEE(event_base_priority_init(base, 255));
  SEE(event_base_priority_init(base, 1));
  SEE(event_base_get_npriorities(base));
  ev = event_new(base, -1, 0, count, NULL);
  event_active(ev, EV_READ, 1);
  SEE(event_base_priority_init(base, 2));
  SEE(event_base_get_npriorities(base));
  event_free(ev);
  event_base_free(base);
}

static void default_priority_is_the_middle(void) {
  int n;
  for (n = 1; n <= 5; ++n) {
    struct event* ev;
    base = event_base_new();
    event_base_priority_init(base, n);
    ev = event_new(base, -1, 0, count, NULL);
    obs("of %d: %d", n, event_get_priority(ev));
    event_free(ev);
    event_base_free(base);
  }
}

static void nested_loop(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  obs("inside, calling the loop again");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
}

static void loop_cannot_be_nested(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, nested_loop, NULL);
  event_active(ev, EV_READ, 1);
  SEE(event_base_loop(base, 0));
  event_free(ev);
  event_base_free(base);
}

static void see_running(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  SEE(event_base_get_running_event(base) == arg);
}

static void running_event_is_known_inside(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, see_running, event_self_cbarg());
  event_active(ev, EV_READ, 1);
  SEE(event_base_loop(base, 0));
  event_free(ev);
  event_base_free(base);
}

static void no_running_event_outside(void) {
  base = event_base_new();
  SEE_NULL(event_base_get_running_event(base));
  SEE(event_base_loop(base, 0));
  SEE_NULL(event_base_get_running_event(base));
  event_base_free(base);
}

static void log_flags(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)arg;
  obs("called with %s", ev_names(what));
}

static void active_accumulates_flags(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_flags, NULL);
  event_active(ev, EV_READ, 1);
  event_active(ev, EV_WRITE, 5);
  event_active(ev, EV_TIMEOUT, 0);
  SEE(event_base_loop(base, 0));
  event_active(ev, 0, 0);
  SEE(event_base_loop(base, 0));
  event_free(ev);
  event_base_free(base);
}

static void active_of_persistent_event_keeps_it_added(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_PERSIST, log_flags, NULL);
  event_add(ev, NULL);
  event_active(ev, EV_WRITE, 1);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE_STR(ev_names((short)event_pending(ev, EV_READ, NULL)));
  event_free(ev);
  event_base_free(base);
}

static void active_of_plain_event_takes_it_out(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ, log_flags, NULL);
  event_add(ev, msec(60000));
  event_active(ev, EV_READ, 1);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_pending(ev, EV_READ | EV_TIMEOUT, NULL));
  event_free(ev);
  event_base_free(base);
}

static void reactivate_self(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  if (++runs < 5) event_active(arg, EV_TIMEOUT, 1);
}

static void self_activation_runs_in_the_same_loop_call(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, reactivate_self, event_self_cbarg());
  event_active(ev, EV_TIMEOUT, 1);
  SEE(event_base_loop(base, 0));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void counts_and_their_maximum(void) {
  evutil_socket_t sv[2];
  struct event *a, *b, *c;
  const unsigned all = EVENT_BASE_COUNT_ADDED | EVENT_BASE_COUNT_ACTIVE | EVENT_BASE_COUNT_VIRTUAL;
  unix_pair(sv);
  base = event_base_new();
  a = event_new(base, sv[0], EV_READ, count, NULL);
  b = event_new(base, -1, 0, count, NULL);
  c = event_new(base, -1, 0, count, NULL);
  event_add(a, NULL), event_add(b, msec(60000)), event_active(c, EV_READ, 1);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_VIRTUAL));
  SEE(event_base_get_num_events(base, all));
  event_del(a), event_del(b), event_del(c);
  SEE(event_base_get_num_events(base, all));
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0));
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 1));
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ACTIVE, 0));
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 1));
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0));
  event_free(a), event_free(b), event_free(c);
  event_base_free(base);
}

static void maximum_that_was_cleared_is_not_what_goes(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ, count, NULL);
  event_add(ev, msec(60000));
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 1));
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0));
  event_del(ev);
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0));
  event_add(ev, NULL);
  SEE(event_base_get_max_events(base, EVENT_BASE_COUNT_ADDED, 0));
  event_free(ev);
  event_base_free(base);
}

struct visits {
  int io, timers, persistent, stop_at;
};

static int visit(const struct event_base* b, const struct event* ev, void* arg) {
  struct visits* v = arg;
  (void)b;
  if (event_get_fd(ev) >= 0) {
    ++v->io;
  } else if (event_get_events(ev) & EV_PERSIST) {
    ++v->persistent;
  } else {
    ++v->timers;
  }
  return v->io + v->timers + v->persistent == v->stop_at ? 42 : 0;
}

static void foreach_sees_all_until_nonzero(void) {
  struct visits all = {0, 0, 0, -1}, first_two = {0, 0, 0, 2};
  evutil_socket_t sv[2];
  struct event *io, *timer, *active;
  unix_pair(sv);
  base = event_base_new();
  SEE(event_base_foreach_event(base, visit, &all));
  io = event_new(base, sv[0], EV_READ, count, NULL);
  timer = event_new(base, -1, 0, count, NULL);
  active = event_new(base, -1, EV_PERSIST, count, NULL);
  event_add(io, NULL), event_add(timer, msec(60000));
  event_active(active, EV_READ, 1);
  SEE(event_base_foreach_event(base, visit, &all));
  SEE(all.io);
  SEE(all.timers);
  SEE(all.persistent);
  SEE(event_base_foreach_event(base, visit, &first_two));
  SEE(first_two.io + first_two.timers + first_two.persistent);
  event_free(io), event_free(timer), event_free(active);
  event_base_free(base);
}

static void active_by_fd(void) {
  evutil_socket_t sv[2];
  struct event *r, *w;
  unix_pair(sv);
  base = event_base_new();
  r = event_new(base, sv[0], EV_READ, log_flags, NULL);
  w = event_new(base, sv[0], EV_WRITE, log_flags, NULL);
  event_add(r, NULL), event_add(w, NULL);
  event_base_active_by_fd(base, sv[0], EV_READ);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  event_base_active_by_fd(base, sv[1], EV_READ);
  event_base_active_by_fd(base, 60000, EV_READ);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  event_del(w);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(r), event_free(w);
  event_base_free(base);
}

static void active_by_fd_with_other_flags(void) {
  evutil_socket_t sv[2];
  struct event* r;
  unix_pair(sv);
  base = event_base_new();
  r = event_new(base, sv[0], EV_READ | EV_PERSIST, log_flags, NULL);
  event_add(r, msec(60000));
  event_base_active_by_fd(base, sv[0], EV_TIMEOUT);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_base_active_by_fd(base, sv[0], EV_READ | EV_WRITE);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(r);
  event_base_free(base);
}

const struct conf_case conf_cases[] = {
    CASE(empty_base_returns_at_once),
    CASE(nonblock_does_not_wait),
    CASE(nonblock_goes_on_while_there_is_work),
    CASE(once_waits_for_something),
    CASE(loopexit_without_events_needs_the_flag),
    CASE(loopexit_with_null_finishes_the_turn),
    CASE(loopexit_in_callback_lets_active_events_run),
    CASE(loopbreak_leaves_active_events_for_later),
    CASE(loopbreak_before_the_loop_is_forgotten),
    CASE(loopcontinue_looks_at_priorities_again),
    CASE(more_urgent_activation_preempts_the_queue),
    CASE(priorities_run_in_order),
    CASE(urgent_events_starve_others),
    CASE(priority_init_limits),
    CASE(default_priority_is_the_middle),
    CASE(loop_cannot_be_nested),
    CASE(running_event_is_known_inside),
    EXCEPTION(no_running_event_outside, "better: stock dereferences NULL without threads",
              "event_base_get_running_event(base) = NULL\n"
              "event_base_loop(base, 0) = 1\n"
              "event_base_get_running_event(base) = NULL"),
    CASE(active_accumulates_flags),
    CASE(active_of_persistent_event_keeps_it_added),
    CASE(active_of_plain_event_takes_it_out),
    CASE(self_activation_runs_in_the_same_loop_call),
    CASE(counts_and_their_maximum),
    CASE(maximum_that_was_cleared_is_not_what_goes),
    CASE(foreach_sees_all_until_nonzero),
    CASE(active_by_fd),
    CASE(active_by_fd_with_other_flags),
    CASES_END};

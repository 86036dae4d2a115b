/* Timeouts: order, persistent timers, common timeouts, cached time. Only orders and counts are
 * reported, never durations. */
#include <event2/event.h>
#include <event2/util.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static int runs;

static void log_name(evutil_socket_t fd, short what, void* arg) {
  (void)fd;
  obs("%s: %s", (const char*)arg, ev_names(what));
}

static void order_is_by_deadline(void) {
  static const char* names[] = {"30", "10", "20", "0", "40"};
  static const int delays[] = {30, 10, 20, 0, 40};
  struct event* ev[5];
  int i;
  base = event_base_new();
  for (i = 0; i < 5; ++i) {
    ev[i] = event_new(base, -1, 0, log_name, (void*)names[i]);
    event_add(ev[i], msec(delays[i]));
  }
  SEE(event_base_loop(base, 0));
  for (i = 0; i < 5; ++i) event_free(ev[i]);
  event_base_free(base);
}

static void adding_again_moves_the_deadline(void) {
  struct event *a, *b;
  base = event_base_new();
  a = event_new(base, -1, 0, log_name, (void*)"moved");
  b = event_new(base, -1, 0, log_name, (void*)"fixed");
  event_add(a, msec(5)), event_add(b, msec(30));
  event_add(a, msec(60));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_loop(base, 0));
  event_free(a), event_free(b);
  event_base_free(base);
}

static void adding_again_with_null_keeps_the_deadline(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_name, (void*)"timer");
  event_add(ev, msec(5));
  SEE(event_add(ev, NULL));
  SEE(event_pending(ev, EV_TIMEOUT, NULL));
  SEE(event_base_loop(base, 0));
  event_free(ev);
  event_base_free(base);
}

static void several_due_at_once_run_in_deadline_order(void) {
  static const char* names[] = {"third", "first", "second"};
  static const int delays[] = {30, 10, 20};
  struct event* ev[3];
  int i;
  base = event_base_new();
  for (i = 0; i < 3; ++i) {
    ev[i] = event_new(base, -1, 0, log_name, (void*)names[i]);
    event_add(ev[i], msec(delays[i]));
  }
  usleep(80000);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  for (i = 0; i < 3; ++i) event_free(ev[i]);
  event_base_free(base);
}

static void three_times(evutil_socket_t fd, short what, void* arg) {
  (void)fd;
  obs("tick %s", ev_names(what));
  if (++runs == 3) event_del(arg);
}

static void persistent_timer_repeats(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, EV_PERSIST, three_times, event_self_cbarg());
  event_add(ev, msec(5));
  SEE(event_base_loop(base, 0));
  SEE(event_pending(ev, EV_TIMEOUT, NULL));
  event_free(ev);
  event_base_free(base);
}

static void plain_timer_does_not_repeat(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_name, (void*)"plain");
  event_add(ev, msec(5));
  SEE(event_base_loop(base, 0));
  SEE(event_pending(ev, EV_TIMEOUT, NULL));
  event_free(ev);
  event_base_free(base);
}

static void persistent_timer_skips_missed_ticks(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, EV_PERSIST, log_name, (void*)"tick");
  event_add(ev, msec(10));
  usleep(100000);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void persistent_io_with_timeout_rearms(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_PERSIST, log_name, (void*)"io");
  event_add(ev, msec(20));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE_STR(ev_names((short)event_pending(ev, EV_READ | EV_TIMEOUT, NULL)));
  event_free(ev);
  event_base_free(base);
}

static void see_pending(const char* label, const struct event* ev) {
  obs("%s: %s", label, ev_names((short)event_pending(ev, EV_READ | EV_TIMEOUT | EV_SIGNAL, NULL)));
}

static void see_other(evutil_socket_t fd, short what, void* other) {
  (void)fd;
  obs("first, %s", ev_names(what));
  see_pending("the other one", other);
}

static void see_itself(evutil_socket_t fd, short what, void* self) {
  (void)fd;
  obs("called, %s", ev_names(what));
  see_pending("itself", self);
}

static void event_that_timed_out_is_out_until_its_callback(void) {
  static const short flags[] = {EV_READ, EV_READ | EV_PERSIST};
  evutil_socket_t sv[2];
  struct event *urgent, *late;
  size_t i;
  unix_pair(sv);
  for (i = 0; i < 2; ++i) {
    base = event_base_new();
    event_base_priority_init(base, 2);
    late = event_new(base, sv[0], flags[i], see_itself, event_self_cbarg());
    urgent = event_new(base, -1, 0, see_other, late);
    event_priority_set(late, 1), event_priority_set(urgent, 0);
    event_add(late, msec(1));
    event_active(urgent, EV_READ, 1);
    usleep(20000);
    SEE(event_base_loop(base, EVLOOP_ONCE));
    SEE(write(sv[1], "x", 1));
    SEE(event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE));
    SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
    event_free(late), event_free(urgent);
    event_base_free(base);
  }
}

static void zero_interval_is_the_last_one(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_PERSIST, see_itself, event_self_cbarg());
  event_add(ev, msec(0));
  SEE(event_base_loop(base, 0));
  see_pending("afterwards", ev);
  event_free(ev);
  event_base_free(base);
}

static void persistent_signal_goes_with_its_timeout(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, see_itself, event_self_cbarg());
  event_add(ev, msec(1));
  SEE(event_base_loop(base, 0));
  see_pending("afterwards", ev);
  event_free(ev);
  event_base_free(base);
}

static void remove_timer_of_io_event(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_PERSIST, log_name, (void*)"io");
  event_add(ev, msec(1));
  SEE(event_remove_timer(ev));
  usleep(5000);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(write(sv[1], "x", 1));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE_STR(ev_names((short)event_pending(ev, EV_READ | EV_TIMEOUT, NULL)));
  event_free(ev);
  event_base_free(base);
}

static void remove_timer_of_pure_timer(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, EV_PERSIST, log_name, (void*)"timer");
  event_add(ev, msec(1));
  SEE(event_remove_timer(ev));
  SEE(event_pending(ev, EV_TIMEOUT, NULL));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_loop(base, 0));
  event_free(ev);
  event_base_free(base);
}

static void zero_timeout_runs_in_next_turn(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_name, (void*)"zero");
  event_add(ev, msec(0));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void negative_timeout_is_due_at_once(void) {
  struct timeval tv = {-10, 0};
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_name, (void*)"past");
  SEE(event_add(ev, &tv));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void very_long_timeout(void) {
  struct timeval tv = {0x7fffffff, 0};
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_name, (void*)"never");
  SEE(event_add(ev, &tv));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_pending(ev, EV_TIMEOUT, NULL));
  run_for(base, 10);
  SEE(event_base_got_exit(base));
  event_free(ev);
  event_base_free(base);
}

static void timeout_of_centuries(void) {
  struct timeval tv = {8000000000, 0}, when, now;
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_name, (void*)"never");
  SEE(event_add(ev, &tv));
  SEE(event_pending(ev, EV_TIMEOUT, &when));
  evutil_gettimeofday(&now, NULL);
  obs("in some %ld million seconds", (long)((when.tv_sec - now.tv_sec + 500000) / 1000000));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void deleted_by_earlier_timer(evutil_socket_t fd, short what, void* arg) {
  log_name(fd, what, (void*)"deleter");
  event_del(arg);
}

static void timer_deletes_another_that_is_due(void) {
  struct event *a, *b;
  base = event_base_new();
  b = event_new(base, -1, 0, log_name, (void*)"victim");
  a = event_new(base, -1, 0, deleted_by_earlier_timer, b);
  event_add(a, msec(5)), event_add(b, msec(20));
  usleep(50000);
  SEE(event_base_loop(base, 0));
  event_free(a), event_free(b);
  event_base_free(base);
}

static void add_self(evutil_socket_t fd, short what, void* arg) {
  log_name(fd, what, (void*)"self");
  if (++runs < 4) event_add(arg, msec(1));
}

static void timer_adds_itself_again(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, add_self, event_self_cbarg());
  event_add(ev, msec(1));
  SEE(event_base_loop(base, 0));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static int last_delay, out_of_order;

static void check_order(evutil_socket_t fd, short what, void* arg) {
  int delay = *(int*)arg;
  (void)fd, (void)what;
  ++runs;
  if (delay < last_delay) ++out_of_order;
  last_delay = delay;
}

static void two_hundred_timers(void) {
  struct event* ev[200];
  int delay[200], i;
  base = event_base_new();
  for (i = 0; i < 200; ++i) {
    delay[i] = i * 7 % 8 * 20;
    ev[i] = event_new(base, -1, 0, check_order, &delay[i]);
    event_add(ev[i], msec(delay[i]));
  }
  for (i = 0; i < 200; i += 3) event_del(ev[i]);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_loop(base, 0));
  SEE(runs);
  SEE(out_of_order);
  for (i = 0; i < 200; ++i) event_free(ev[i]);
  event_base_free(base);
}

/* Far enough apart for a machine that stalls: in the stock library common timeouts come behind others
 * that are due at the same time. */
static void common_timeouts_behave_like_timeouts(void) {
  struct timeval ten = {0, 10000}, later = {0, 190000};
  const struct timeval *common10, *common190;
  struct event *a, *b, *c, *d;
  base = event_base_new();
  common190 = event_base_init_common_timeout(base, &later);
  common10 = event_base_init_common_timeout(base, &ten);
  SEE(common10 != NULL && common10 != &ten);
  SEE(event_base_init_common_timeout(base, &ten) == common10);
  SEE(event_base_init_common_timeout(base, common10) == common10);
  SEE(common10 != common190);
  a = event_new(base, -1, 0, log_name, (void*)"190 common");
  b = event_new(base, -1, 0, log_name, (void*)"10 common, first");
  c = event_new(base, -1, 0, log_name, (void*)"10 common, second");
  d = event_new(base, -1, 0, log_name, (void*)"100 plain");
  event_add(a, common190), event_add(b, common10), event_add(c, common10), event_add(d, msec(100));
  SEE(event_pending(a, EV_TIMEOUT, NULL));
  SEE(event_base_loop(base, 0));
  event_free(a), event_free(b), event_free(c), event_free(d);
  event_base_free(base);
}

static void common_timeout_persistent_and_deleted(void) {
  struct timeval five = {0, 5000};
  const struct timeval* common;
  struct event *ticking, *deleted;
  base = event_base_new();
  common = event_base_init_common_timeout(base, &five);
  ticking = event_new(base, -1, EV_PERSIST, three_times, event_self_cbarg());
  deleted = event_new(base, -1, 0, log_name, (void*)"deleted");
  event_add(deleted, common), event_add(ticking, common);
  event_del(deleted);
  SEE(event_base_loop(base, 0));
  event_free(ticking), event_free(deleted);
  event_base_free(base);
}

static void common_timeout_limit(void) {
  int i, made = 0;
  base = event_base_new();
  for (i = 1; i <= 300; ++i) {
    struct timeval tv = {i, i};
    made += event_base_init_common_timeout(base, &tv) != NULL;
  }
  SEE(made);
  event_base_free(base);
}

static void common_timeout_needs_no_normal_form(void) {
  struct timeval odd = {1, 1500000}, normal = {2, 500000};
  const struct timeval *a, *b;
  base = event_base_new();
  a = event_base_init_common_timeout(base, &odd);
  b = event_base_init_common_timeout(base, &normal);
  SEE(a == b);
  event_base_free(base);
}

static struct timeval seen;
static void cached_time(evutil_socket_t fd, short what, void* arg) {
  struct timeval first, second;
  (void)fd, (void)what, (void)arg;
  SEE(event_base_gettimeofday_cached(base, &first));
  usleep(30000);
  event_base_gettimeofday_cached(base, &second);
  SEE(evutil_timercmp(&first, &second, ==));
  SEE(event_base_update_cache_time(base));
  event_base_gettimeofday_cached(base, &second);
  SEE(evutil_timercmp(&first, &second, <));
  seen = second;
}

static void time_is_cached_inside_callbacks(void) {
  struct timeval now, difference;
  struct event* ev;
  base = event_base_new();
  SEE(event_base_gettimeofday_cached(base, &now));
  SEE(event_base_gettimeofday_cached(NULL, &now));
  ev = event_new(base, -1, 0, cached_time, NULL);
  event_add(ev, msec(1));
  SEE(event_base_loop(base, 0));
  gettimeofday(&now, NULL);
  evutil_timersub(&now, &seen, &difference);
  obs("within two seconds of the clock: %d", difference.tv_sec >= -2 && difference.tv_sec < 2);
  SEE(event_base_update_cache_time(base));
  event_free(ev);
  event_base_free(base);
}

static void update_cache_time_outside_the_loop(void) {
  struct timeval a, b;
  base = event_base_new();
  SEE(event_base_update_cache_time(base));
  event_base_gettimeofday_cached(base, &a);
  usleep(2000);
  event_base_gettimeofday_cached(base, &b);
  SEE(evutil_timercmp(&a, &b, <));
  event_base_free(base);
}

static void monotonic_time(void) {
  struct timeval a, b;
  base = event_base_new();
  SEE(event_gettime_monotonic(base, &a));
  usleep(20000);
  SEE(event_gettime_monotonic(base, &b));
  SEE(evutil_timercmp(&a, &b, <));
  SEE(event_gettime_monotonic(NULL, &a));
  event_base_free(base);
}

const struct conf_case conf_cases[] = {CASE(order_is_by_deadline),
                                       CASE(adding_again_moves_the_deadline),
                                       CASE(adding_again_with_null_keeps_the_deadline),
                                       CASE(several_due_at_once_run_in_deadline_order),
                                       CASE(persistent_timer_repeats),
                                       CASE(plain_timer_does_not_repeat),
                                       CASE(persistent_timer_skips_missed_ticks),
                                       CASE(persistent_io_with_timeout_rearms),
                                       CASE(event_that_timed_out_is_out_until_its_callback),
                                       CASE(zero_interval_is_the_last_one),
                                       CASE(persistent_signal_goes_with_its_timeout),
                                       CASE(remove_timer_of_io_event),
                                       CASE(remove_timer_of_pure_timer),
                                       CASE(zero_timeout_runs_in_next_turn),
                                       CASE(negative_timeout_is_due_at_once),
                                       CASE(very_long_timeout),
                                       CASE(timeout_of_centuries),
                                       CASE(timer_deletes_another_that_is_due),
                                       CASE(timer_adds_itself_again),
                                       CASE(two_hundred_timers),
                                       CASE(common_timeouts_behave_like_timeouts),
                                       CASE(common_timeout_persistent_and_deleted),
                                       CASE(common_timeout_limit),
                                       CASE(common_timeout_needs_no_normal_form),
                                       CASE(time_is_cached_inside_callbacks),
                                       CASE(update_cache_time_outside_the_loop),
                                       CASE(monotonic_time),
                                       CASES_END};

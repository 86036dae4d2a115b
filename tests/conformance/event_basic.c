/* Events and what can be asked about them: life cycle, pending state, getters, misuse. */
#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
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

static void log_what(evutil_socket_t fd, short what, void* arg) {
  obs("%s: fd %s, %s", (const char*)arg, fd < 0 ? "-1" : "valid", ev_names(what));
}

static void new_and_getters(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_WRITE | EV_PERSIST, count, &runs);
  SEE_NULL(ev);
  SEE(event_initialized(ev));
  SEE(event_get_fd(ev) == sv[0]);
  SEE(event_get_base(ev) == base);
  SEE_STR(ev_names(event_get_events(ev)));
  SEE(event_get_callback(ev) == count);
  SEE(event_get_callback_arg(ev) == &runs);
  SEE(event_get_priority(ev));
  SEE(event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT | EV_SIGNAL, NULL));
  event_free(ev);
  event_base_free(base);
}

static void assignment_getter_fills_all(void) {
  struct event* ev;
  struct event_base* b;
  evutil_socket_t fd;
  short events;
  event_callback_fn callback;
  void* arg;
  base = event_base_new();
  ev = event_new(base, -1, EV_PERSIST, count, base);
  event_get_assignment(ev, &b, &fd, &events, &callback, &arg);
  SEE(b == base);
  SEE(fd);
  SEE_STR(ev_names(events));
  SEE(callback == count);
  SEE(arg == base);
  event_get_assignment(ev, NULL, NULL, NULL, NULL, NULL);
  event_free(ev);
  event_base_free(base);
}

static void assign_in_own_memory(void) {
  struct event ev;
  base = event_base_new();
  memset(&ev, 0, sizeof(ev));
  SEE(event_initialized(&ev));
  SEE(event_assign(&ev, base, -1, 0, count, NULL));
  SEE(event_initialized(&ev));
  SEE((int)sizeof(ev) == (int)event_get_struct_event_size());
  SEE(event_get_fd(&ev));
  SEE_STR(ev_names(event_get_events(&ev)));
  event_base_free(base);
}

static void null_base_means_no_base_yet(void) {
  struct event ev;
  SEE(event_assign(&ev, NULL, -1, 0, count, NULL));
  SEE_NULL(event_get_base(&ev));
  base = event_base_new();
  SEE(event_base_set(base, &ev));
  SEE(event_get_base(&ev) == base);
  SEE(event_add(&ev, msec(0)));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void signal_cannot_be_mixed_with_io(void) {
  base = event_base_new();
  SEE_NULL(event_new(base, 1, EV_SIGNAL | EV_READ, count, NULL));
  SEE_NULL(event_new(base, 1, EV_SIGNAL | EV_WRITE, count, NULL));
  SEE_NULL(event_new(base, 1, EV_SIGNAL | EV_CLOSED, count, NULL));
  event_base_free(base);
}

static void self_cbarg_is_the_event(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, count, event_self_cbarg());
  SEE(event_get_callback_arg(ev) == ev);
  event_free(ev);
  event_base_free(base);
}

static void pending_of_each_kind(void) {
  evutil_socket_t sv[2];
  struct event *io, *timer, *signal_event;
  struct timeval tv;
  unix_pair(sv);
  base = event_base_new();
  io = event_new(base, sv[0], EV_READ | EV_WRITE, count, NULL);
  timer = event_new(base, -1, 0, count, NULL);
  signal_event = event_new(base, SIGUSR1, EV_SIGNAL, count, NULL);
  event_add(io, NULL);
  event_add(timer, msec(60000));
  event_add(signal_event, NULL);
  SEE_STR(ev_names((short)event_pending(io, EV_READ, NULL)));
  SEE_STR(ev_names((short)event_pending(io, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
  SEE_STR(ev_names((short)event_pending(io, EV_TIMEOUT, NULL)));
  SEE_STR(ev_names((short)event_pending(timer, EV_TIMEOUT | EV_READ, NULL)));
  SEE_STR(ev_names((short)event_pending(signal_event, EV_SIGNAL, NULL)));
  tv.tv_sec = -7;
  event_pending(timer, EV_READ, &tv);
  SEE(tv.tv_sec == -7);
  event_pending(timer, EV_TIMEOUT, &tv);
  obs("time left plausible: %d", tv.tv_sec > 0);
  event_add(io, msec(60000));
  SEE_STR(ev_names((short)event_pending(io, EV_READ | EV_TIMEOUT, NULL)));
  event_remove_timer(io);
  SEE_STR(ev_names((short)event_pending(io, EV_READ | EV_TIMEOUT, NULL)));
  event_free(io), event_free(timer), event_free(signal_event);
  event_base_free(base);
}

static void pending_includes_active(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, count, NULL);
  event_active(ev, EV_READ | EV_WRITE, 1);
  SEE_STR(ev_names((short)event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  event_del(ev);
  SEE_STR(ev_names((short)event_pending(ev, EV_READ | EV_WRITE | EV_TIMEOUT, NULL)));
  SEE(event_base_loop(base, 0));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void add_del_repeatedly(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ, count, NULL);
  SEE(event_del(ev));
  SEE(event_add(ev, NULL));
  SEE(event_add(ev, NULL));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_del(ev));
  SEE(event_del(ev));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_del_block(ev));
  SEE(event_del_noblock(ev));
  SEE(event_remove_timer(ev));
  event_free(ev);
  event_base_free(base);
}

static void add_without_fd_or_timeout(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, count, NULL);
  SEE(event_add(ev, NULL));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void add_on_closed_fd_fails(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ, count, NULL);
  evutil_closesocket(sv[0]);
  SEE(event_add(ev, NULL));
  SEE(event_pending(ev, EV_READ, NULL));
  SEE(event_add(ev, msec(1000)));
  SEE(event_pending(ev, EV_READ | EV_TIMEOUT, NULL));
  event_free(ev);
  event_base_free(base);
}

static void add_on_regular_file_fails_with_epoll(void) {
  char name[] = "/tmp/conformanceXXXXXX";
  int fd = mkstemp(name);
  struct event* ev;
  unlink(name);
  base = event_base_new();
  SEE_STR(event_base_get_method(base));
  ev = event_new(base, fd, EV_READ, count, NULL);
  SEE(event_add(ev, NULL));
  event_free(ev);
  event_base_free(base);
}

static void read_and_write_readiness(void) {
  evutil_socket_t sv[2];
  struct event *r, *w, *rw;
  unix_pair(sv);
  base = event_base_new();
  r = event_new(base, sv[0], EV_READ, log_what, (void*)"r");
  w = event_new(base, sv[0], EV_WRITE, log_what, (void*)"w");
  rw = event_new(base, sv[0], EV_READ | EV_WRITE, log_what, (void*)"rw");
  event_add(w, NULL);
  SEE(event_base_loop(base, 0));
  event_add(r, NULL);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(write(sv[1], "x", 1));
  SEE(event_base_loop(base, 0));
  event_add(rw, NULL);
  SEE(event_base_loop(base, 0));
  SEE(event_pending(rw, EV_READ | EV_WRITE, NULL));
  event_free(r), event_free(w), event_free(rw);
  event_base_free(base);
}

static void several_events_on_one_fd(void) {
  evutil_socket_t sv[2];
  struct event *a, *b, *c;
  unix_pair(sv);
  base = event_base_new();
  a = event_new(base, sv[0], EV_READ | EV_PERSIST, count, NULL);
  b = event_new(base, sv[0], EV_READ | EV_PERSIST, count, NULL);
  c = event_new(base, sv[0], EV_WRITE, log_what, (void*)"writer");
  event_add(a, NULL), event_add(b, NULL), event_add(c, NULL);
  SEE(write(sv[1], "x", 1));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(runs);
  event_del(a);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(runs);
  event_free(a), event_free(b), event_free(c);
  event_base_free(base);
}

static void persist_stays_and_plain_goes(void) {
  evutil_socket_t sv[2];
  struct event *plain, *persist;
  unix_pair(sv);
  base = event_base_new();
  plain = event_new(base, sv[0], EV_READ, log_what, (void*)"plain");
  persist = event_new(base, sv[1], EV_READ | EV_PERSIST, log_what, (void*)"persist");
  event_add(plain, NULL), event_add(persist, NULL);
  SEE(write(sv[1], "x", 1));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(write(sv[0], "x", 1));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_pending(plain, EV_READ, NULL) != 0);
  SEE(event_pending(persist, EV_READ, NULL) != 0);
  event_free(plain), event_free(persist);
  event_base_free(base);
}

static void edge_triggered_fires_once_per_change(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_ET | EV_PERSIST, log_what, (void*)"et");
  SEE(event_add(ev, NULL));
  SEE(write(sv[1], "ab", 2));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(write(sv[1], "c", 1));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void count_and_add_again(evutil_socket_t fd, short what, void* ev) {
  count(fd, what, NULL);
  event_add(ev, NULL);
}

/* Adding asks for what is there already, also from the event's own callback. */
static void edge_triggered_added_again_fires_again(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  int i;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_ET, count_and_add_again, event_self_cbarg());
  SEE(event_add(ev, NULL));
  SEE(write(sv[1], "a", 1));
  for (i = 0; i < 5; ++i) {
    event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    SEE(runs);
  }
  event_free(ev);
  event_base_free(base);
}

static void edge_and_level_on_one_fd(void) {
  evutil_socket_t sv[2];
  struct event *edge, *level;
  unix_pair(sv);
  base = event_base_new();
  edge = event_new(base, sv[0], EV_READ | EV_ET | EV_PERSIST, count, NULL);
  level = event_new(base, sv[0], EV_READ | EV_PERSIST, count, NULL);
  SEE(event_add(edge, NULL));
  SEE(event_add(level, NULL));
  event_del(edge);
  SEE(event_add(level, NULL));
  SEE(event_add(edge, NULL));
  event_free(edge), event_free(level);
  event_base_free(base);
}

static void closed_event_when_peer_goes(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  tcp_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_CLOSED, log_what, (void*)"closed");
  SEE(event_add(ev, NULL));
  SEE(write(sv[1], "data", 4));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  shutdown(sv[1], SHUT_WR);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(ev);
  event_base_free(base);
}

static void closed_and_read_together(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  tcp_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ | EV_CLOSED | EV_PERSIST, log_what, (void*)"ev");
  SEE(event_add(ev, NULL));
  SEE(write(sv[1], "data", 4));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  shutdown(sv[1], SHUT_WR);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(ev);
  event_base_free(base);
}

static void closed_with_poll_backend(void) {
  struct event_config* cfg = event_config_new();
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  event_config_avoid_method(cfg, "epoll");
  base = event_base_new_with_config(cfg);
  SEE(event_base_get_features(base) & EV_FEATURE_EARLY_CLOSE);
  ev = event_new(base, sv[0], EV_READ | EV_CLOSED, count, NULL);
  SEE_NULL(ev);
  event_config_free(cfg);
  event_base_free(base);
}

static void hangup_wakes_reader_and_writer(void) {
  int p[2];
  struct event* reader;
  SEE(pipe(p));
  base = event_base_new();
  reader = event_new(base, p[0], EV_READ, log_what, (void*)"reader");
  event_add(reader, NULL);
  close(p[1]);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(reader);
  SEE(pipe(p));
  reader = event_new(base, p[1], EV_WRITE, log_what, (void*)"writer");
  close(p[0]);
  event_add(reader, NULL);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(reader);
  event_base_free(base);
}

static void io_timeout_or_readiness(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ, log_what, (void*)"read");
  event_add(ev, msec(10));
  SEE(event_base_loop(base, 0));
  SEE(event_pending(ev, EV_READ | EV_TIMEOUT, NULL));
  event_add(ev, msec(5000));
  SEE(write(sv[1], "x", 1));
  SEE(event_base_loop(base, 0));
  SEE(event_pending(ev, EV_READ | EV_TIMEOUT, NULL));
  event_free(ev);
  event_base_free(base);
}

static void priority_set_range_and_moment(void) {
  struct event* ev;
  base = event_base_new();
  SEE(event_base_priority_init(base, 3));
  ev = event_new(base, -1, 0, count, NULL);
  SEE(event_get_priority(ev));
  SEE(event_priority_set(ev, 2));
  SEE(event_get_priority(ev));
  SEE(event_priority_set(ev, 3));
  SEE(event_priority_set(ev, -1));
  event_active(ev, EV_TIMEOUT, 1);
  SEE(event_priority_set(ev, 1));
  SEE(event_get_priority(ev));
  SEE(event_base_set(base, ev));
  event_free(ev);
  event_base_free(base);
}

static void base_set_only_before_first_add(void) {
  struct event_base* other = event_base_new();
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, count, NULL);
  SEE(event_base_set(other, ev));
  SEE(event_get_base(ev) == other);
  event_add(ev, msec(60000));
  obs("after being added:");
  SEE(event_base_set(base, ev) == 0);
  event_free(ev);
  event_base_free(base);
  event_base_free(other);
}

static void free_with_events_still_added(void) {
  evutil_socket_t sv[2];
  struct event *io, *timer, *active;
  unix_pair(sv);
  base = event_base_new();
  io = event_new(base, sv[0], EV_READ, count, NULL);
  timer = event_new(base, -1, 0, count, NULL);
  active = event_new(base, -1, 0, count, NULL);
  event_add(io, NULL), event_add(timer, msec(1000)), event_active(active, EV_READ, 1);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  event_base_free(base);
  SEE(runs);
}

static void free_null_base(void) {
  event_base_free(NULL);
  obs("survived without a current base");
}

static void free_from_inside(evutil_socket_t fd, short what, void* arg) {
  log_what(fd, what, (void*)"in callback");
  event_free(arg);
}

static void free_in_own_callback(void) {
  evutil_socket_t sv[2];
  struct event *once, *persistent;
  unix_pair(sv);
  base = event_base_new();
  once = event_new(base, sv[0], EV_WRITE, free_from_inside, event_self_cbarg());
  persistent = event_new(base, -1, EV_PERSIST, free_from_inside, event_self_cbarg());
  event_add(once, NULL);
  SEE(event_base_loop(base, 0));
  event_add(persistent, msec(1));
  SEE(event_base_loop(base, 0));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  event_base_free(base);
}

static struct event* victim;
static void delete_victim(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  obs("deleting the other");
  event_del(victim);
}

static void delete_another_active_event(void) {
  struct event* killer;
  base = event_base_new();
  killer = event_new(base, -1, 0, delete_victim, NULL);
  victim = event_new(base, -1, 0, log_what, (void*)"victim");
  event_active(killer, EV_TIMEOUT, 1);
  event_active(victim, EV_TIMEOUT, 1);
  SEE(event_base_loop(base, 0));
  event_free(killer), event_free(victim);
  event_base_free(base);
}

const struct conf_case conf_cases[] = {CASE(new_and_getters),
                                       CASE(assignment_getter_fills_all),
                                       CASE(assign_in_own_memory),
                                       CASE(null_base_means_no_base_yet),
                                       CASE(signal_cannot_be_mixed_with_io),
                                       CASE(self_cbarg_is_the_event),
                                       CASE(pending_of_each_kind),
                                       CASE(pending_includes_active),
                                       CASE(add_del_repeatedly),
                                       CASE(add_without_fd_or_timeout),
                                       CASE(add_on_closed_fd_fails),
                                       CASE(add_on_regular_file_fails_with_epoll),
                                       CASE(read_and_write_readiness),
                                       CASE(several_events_on_one_fd),
                                       CASE(persist_stays_and_plain_goes),
                                       CASE(edge_triggered_fires_once_per_change),
                                       CASE(edge_triggered_added_again_fires_again),
                                       CASE(edge_and_level_on_one_fd),
                                       CASE(closed_event_when_peer_goes),
                                       CASE(closed_and_read_together),
                                       CASE(closed_with_poll_backend),
                                       CASE(hangup_wakes_reader_and_writer),
                                       CASE(io_timeout_or_readiness),
                                       CASE(priority_set_range_and_moment),
                                       CASE(base_set_only_before_first_add),
                                       CASE(free_with_events_still_added),
                                       CASE(free_null_base),
                                       CASE(free_in_own_callback),
                                       CASE(delete_another_active_event),
                                       CASES_END};

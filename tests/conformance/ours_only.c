/* What the stock library of the same version lacks: watchers, and the names of event2/bevel.h. */
#include <errno.h>
#include <event2/bevel.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/watch.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static evutil_socket_t sv[2];
static int prepared, checked, events, done, drained;

static void log_timer(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  obs("timer");
}

static void on_prepare(struct evwatch* watcher, const struct evwatch_prepare_cb_info* info,
                       void* arg) {
  struct timeval tv;
  int limited = evwatch_prepare_get_timeout(info, &tv);
  ++prepared;
  obs("prepare %s, base right %d, limited %d", (const char*)arg, evwatch_base(watcher) == base,
      limited);
}

static void on_check(struct evwatch* watcher, const struct evwatch_check_cb_info* info, void* arg) {
  (void)watcher, (void)info;
  ++checked;
  obs("check %s", (const char*)arg);
}

static void watchers_run_around_the_wait(void) {
  struct evwatch *first, *second;
  struct event* timer;
  base = event_base_new();
  first = evwatch_prepare_new(base, on_prepare, (void*)"first");
  second = evwatch_prepare_new(base, on_prepare, (void*)"second");
  evwatch_check_new(base, on_check, (void*)"only");
  timer = event_new(base, -1, 0, log_timer, NULL);
  event_add(timer, msec(1));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  evwatch_free(first);
  event_add(timer, msec(1));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(evwatch_base(second) == base);
  event_free(timer);
  event_base_free(base);
}

static void watchers_do_not_keep_the_loop_running(void) {
  base = event_base_new();
  evwatch_prepare_new(base, on_prepare, (void*)"idle");
  SEE(event_base_loop(base, 0));
  SEE(prepared);
  event_base_free(base);
}

static void free_in_prepare(struct evwatch* watcher, const struct evwatch_prepare_cb_info* info,
                            void* arg) {
  on_prepare(watcher, info, arg);
  evwatch_free(watcher);
}

static void watcher_freed_in_its_callback(void) {
  base = event_base_new();
  evwatch_prepare_new(base, free_in_prepare, (void*)"once");
  evwatch_prepare_new(base, on_prepare, (void*)"always");
  run_for(base, 1);
  SEE(prepared >= 2);
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  (void)bev;
  obs("%s: %s", (const char*)arg, bev_names(what));
  ++events;
}

static struct bufferevent* setup(int options) {
  struct bufferevent* bev;
  base = event_base_new();
  unix_pair(sv);
  bev = bufferevent_socket_new(base, sv[0], options);
  bufferevent_setcb(bev, NULL, NULL, on_event, (void*)"bev");
  return bev;
}

static size_t peer_reads_until_end(void) {
  char out[4096];
  size_t total = 0;
  int rounds;
  for (rounds = 0; rounds < 1000; ++rounds) {
    ssize_t n = read(sv[1], out, sizeof(out));
    if (n == 0) return total;
    if (n > 0) total += (size_t)n;
    if (n < 0) run_for(base, 1);
  }
  obs("no end");
  return total;
}

static void replacefd_closes_the_old_one(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  evutil_socket_t other[2];
  unix_pair(other);
  SEE(bufferevent_replacefd(bev, other[0]));
  SEE(fcntl(sv[0], F_GETFD) < 0);
  SEE(bufferevent_getfd(bev) == other[0]);
  SEE(bufferevent_replacefd(bev, other[0]));
  SEE(fcntl(other[0], F_GETFD) < 0);
  bufferevent_free(bev);
  event_base_free(base);
}

static void on_done(struct bufferevent* bev, enum bevel_shutdown_outcome outcome, void* arg) {
  (void)bev, (void)arg;
  obs("shut down, outcome %d", (int)outcome);
  ++done;
}

static void shutdown_delivers_and_ends(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  struct evbuffer* data = patterned_buffer(200000);
  SEE(bufferevent_write_buffer(bev, data));
  SEE(bevel_shutdown(bev, EV_WRITE, NULL, on_done, NULL));
  SEE(done);
  errno = 0;
  SEE(bevel_shutdown(bev, EV_WRITE, NULL, on_done, NULL));
  SEE(errno == EALREADY);
  SEE(peer_reads_until_end());
  SEE(run_until(base, &done, 1));
  bufferevent_free(bev);
  evbuffer_free(data);
  event_base_free(base);
}

static void shutdown_gives_up_in_time(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  struct evbuffer* data = patterned_buffer(3000000);
  bufferevent_write_buffer(bev, data);
  SEE(bevel_shutdown(bev, EV_WRITE, msec(20), on_done, NULL));
  SEE(run_until(base, &done, 1));
  bufferevent_free(bev);
  evbuffer_free(data);
  event_base_free(base);
}

static void free_when_flushed_loses_nothing(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  struct evbuffer* data = patterned_buffer(500000);
  bufferevent_write_buffer(bev, data);
  bevel_free_when_flushed(bev);
  SEE(peer_reads_until_end());
  close(sv[1]);
  run_for(base, 20);
  SEE(fcntl(sv[0], F_GETFD) < 0);
  SEE(events);
  evbuffer_free(data);
  event_base_free(base);
}

static void on_drained(struct bufferevent* bev, void* arg) {
  (void)arg;
  obs("drained, output %zu", evbuffer_get_length(bufferevent_get_output(bev)));
  ++drained;
}

static void drain_notice_of_a_stack(void) {
  struct bufferevent *under = setup(0), *filter;
  char out[8];
  filter = bufferevent_filter_new(under, NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  SEE(bevel_set_drain_cb(filter, on_drained, NULL));
  bufferevent_disable(under, EV_WRITE);
  SEE(bufferevent_write(filter, "abc", 3));
  run_for(base, 20);
  SEE(drained);
  bufferevent_enable(under, EV_WRITE);
  SEE(run_until(base, &drained, 1));
  SEE(read(sv[1], out, sizeof(out)));
  bufferevent_free(filter);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
}

static void on_limit(struct bufferevent* bev, short what, void* arg) {
  (void)bev, (void)arg;
  obs("output limit reached: %d", what == BEVEL_EVENT_OUTPUT_LIMIT);
  ++events;
}

static void output_limit_refuses(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setcb(bev, NULL, NULL, on_limit, NULL);
  bufferevent_disable(bev, EV_WRITE);
  SEE(bevel_set_output_limit(bev, 10));
  SEE(bufferevent_write(bev, "01234567", 8));
  errno = 0;
  SEE(bufferevent_write(bev, "abcd", 4));
  SEE(errno == ENOBUFS);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  SEE(bufferevent_write(bev, "89", 2));
  SEE(run_until(base, &events, 1));
  SEE(bevel_set_output_limit(bev, 0));
  SEE(bufferevent_write(bev, "abcd", 4));
  bufferevent_free(bev);
  event_base_free(base);
}

static void pair_with_end_on_free(void) {
  struct bufferevent* pair[2];
  base = event_base_new();
  SEE(bevel_pair_new(base, base, 0, BEVEL_PAIR_EOF_ON_FREE, pair));
  bufferevent_setcb(pair[1], NULL, NULL, on_event, (void*)"right");
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "last", 4);
  bufferevent_free(pair[0]);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  see_content("right input", bufferevent_get_input(pair[1]));
  SEE(events);
  bufferevent_free(pair[1]);
  event_base_free(base);
}

static void pipe_relays_both_ways(void) {
  evutil_socket_t left[2], right[2];
  struct bufferevent *a, *b;
  char out[16];
  base = event_base_new();
  unix_pair(left), unix_pair(right);
  a = bufferevent_socket_new(base, left[0], BEV_OPT_CLOSE_ON_FREE);
  b = bufferevent_socket_new(base, right[0], BEV_OPT_CLOSE_ON_FREE);
  SEE(bevel_pipe(a, b, BEVEL_PIPE_CLOSE_ON_END, NULL, NULL));
  SEE(write(left[1], "there", 5));
  run_for(base, 20);
  see_bytes("right got", out, (size_t)read(right[1], out, sizeof(out)));
  SEE(write(right[1], "and back", 8));
  run_for(base, 20);
  see_bytes("left got", out, (size_t)read(left[1], out, sizeof(out)));
  shutdown(left[1], SHUT_WR);
  run_for(base, 20);
  SEE(read(right[1], out, sizeof(out)));
  close(right[1]);
  run_for(base, 20);
  SEE(fcntl(left[0], F_GETFD) < 0 && fcntl(right[0], F_GETFD) < 0);
  event_base_free(base);
}

static const char better[] = "ours: stock has no such function";

const struct conf_case conf_cases[] = {
    EXCEPTION(watchers_run_around_the_wait, better,
              "prepare first, base right 1, limited 1\n"
              "prepare second, base right 1, limited 1\n"
              "check only\n"
              "timer\n"
              "event_base_loop(base, EVLOOP_ONCE) = 0\n"
              "prepare second, base right 1, limited 1\n"
              "check only\n"
              "timer\n"
              "event_base_loop(base, EVLOOP_ONCE) = 0\n"
              "evwatch_base(second) == base = 1"),
    EXCEPTION(watchers_do_not_keep_the_loop_running, better,
              "event_base_loop(base, 0) = 1\n"
              "prepared = 0"),
    EXCEPTION(watcher_freed_in_its_callback, better,
              "prepare once, base right 1, limited 1\n"
              "prepare always, base right 1, limited 1\n"
              "prepared >= 2 = 1"),
    EXCEPTION(replacefd_closes_the_old_one, better,
              "bufferevent_replacefd(bev, other[0]) = 0\n"
              "fcntl(sv[0], F_GETFD) < 0 = 1\n"
              "bufferevent_getfd(bev) == other[0] = 1\n"
              "bufferevent_replacefd(bev, other[0]) = 0\n"
              "fcntl(other[0], F_GETFD) < 0 = 0"),
    EXCEPTION(shutdown_delivers_and_ends, better,
              "bufferevent_write_buffer(bev, data) = 0\n"
              "bevel_shutdown(bev, EV_WRITE, NULL, on_done, NULL) = 0\n"
              "done = 0\n"
              "bevel_shutdown(bev, EV_WRITE, NULL, on_done, NULL) = -1\n"
              "errno == EALREADY = 1\n"
              "shut down, outcome 0\n"
              "peer_reads_until_end() = 200000\n"
              "run_until(base, &done, 1) = 1"),
    EXCEPTION(shutdown_gives_up_in_time, better,
              "bevel_shutdown(bev, EV_WRITE, msec(20), on_done, NULL) = 0\n"
              "shut down, outcome 1\n"
              "run_until(base, &done, 1) = 1"),
    EXCEPTION(free_when_flushed_loses_nothing, better,
              "peer_reads_until_end() = 500000\n"
              "fcntl(sv[0], F_GETFD) < 0 = 1\n"
              "events = 0"),
    EXCEPTION(drain_notice_of_a_stack, better,
              "bevel_set_drain_cb(filter, on_drained, NULL) = 0\n"
              "bufferevent_write(filter, \"abc\", 3) = 0\n"
              "drained = 0\n"
              "drained, output 0\n"
              "run_until(base, &drained, 1) = 1\n"
              "read(sv[1], out, sizeof(out)) = 3"),
    EXCEPTION(output_limit_refuses, better,
              "bevel_set_output_limit(bev, 10) = 0\n"
              "bufferevent_write(bev, \"01234567\", 8) = 0\n"
              "bufferevent_write(bev, \"abcd\", 4) = -1\n"
              "errno == ENOBUFS = 1\n"
              "evbuffer_get_length(bufferevent_get_output(bev)) = 8\n"
              "bufferevent_write(bev, \"89\", 2) = 0\n"
              "output limit reached: 1\n"
              "run_until(base, &events, 1) = 1\n"
              "bevel_set_output_limit(bev, 0) = 0\n"
              "bufferevent_write(bev, \"abcd\", 4) = 0"),
    EXCEPTION(pair_with_end_on_free, better,
              "bevel_pair_new(base, base, 0, BEVEL_PAIR_EOF_ON_FREE, pair) = 0\n"
              "right: EOF|READING\n"
              "event_base_loop(base, EVLOOP_NONBLOCK) = 1\n"
              "right input = \"last\"\n"
              "events = 1"),
    EXCEPTION(pipe_relays_both_ways, better,
              "bevel_pipe(a, b, BEVEL_PIPE_CLOSE_ON_END, NULL, NULL) = 0\n"
              "write(left[1], \"there\", 5) = 5\n"
              "right got = \"there\"\n"
              "write(right[1], \"and back\", 8) = 8\n"
              "left got = \"and back\"\n"
              "read(right[1], out, sizeof(out)) = 0\n"
              "fcntl(left[0], F_GETFD) < 0 && fcntl(right[0], F_GETFD) < 0 = 1"),
    CASES_END};

/* Socket bufferevents: making them, moving bytes, ends and errors. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_compat.h>
#include <event2/bufferevent_struct.h>
#include <event2/event_compat.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static evutil_socket_t sv[2];
static int reads, writes, events;

static void count_read(struct bufferevent* bev, void* arg) {
  (void)bev, (void)arg;
  ++reads;
}

static void count_write(struct bufferevent* bev, void* arg) {
  (void)bev, (void)arg;
  ++writes;
}

static void count_event(struct bufferevent* bev, short what, void* arg) {
  log_event(bev, what, arg);
  ++events;
}

static struct bufferevent* setup(int options) {
  struct bufferevent* bev;
  base = event_base_new();
  unix_pair(sv);
  bev = bufferevent_socket_new(base, sv[0], options);
  if (bev) bufferevent_setcb(bev, count_read, count_write, count_event, (void*)"bev");
  return bev;
}

static void teardown(struct bufferevent* bev) {
  bufferevent_free(bev);
  event_base_free(base);
}

static size_t drain_peer(char* out, size_t room) {
  ssize_t n = read(sv[1], out, room);
  return n > 0 ? (size_t)n : 0;
}

static void fresh_bufferevent(void) {
  struct bufferevent* bev;
  bufferevent_data_cb r, w;
  bufferevent_event_cb e;
  void* arg;
  base = event_base_new();
  unix_pair(sv);
  bev = bufferevent_socket_new(base, sv[0], 0);
  SEE(bufferevent_getfd(bev) == sv[0]);
  SEE(bufferevent_get_base(bev) == base);
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  SEE_NULL(bufferevent_get_underlying(bev));
  SEE(bufferevent_get_priority(bev));
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  bufferevent_getcb(bev, &r, &w, &e, &arg);
  SEE(!r && !w && !e && !arg);
  SEE(bufferevent_socket_get_dns_error(bev));
  SEE_NULL(bufferevent_get_token_bucket_cfg(bev));
  bufferevent_setcb(bev, count_read, count_write, count_event, bev);
  bufferevent_getcb(bev, &r, &w, &e, &arg);
  SEE(r == count_read && w == count_write && e == count_event && arg == bev);
  bufferevent_getcb(bev, NULL, NULL, NULL, NULL);
  bufferevent_free(bev);
  event_base_free(base);
}

static void options_table(void) {
  static const int options[] = {0,
                                BEV_OPT_CLOSE_ON_FREE,
                                BEV_OPT_THREADSAFE,
                                BEV_OPT_DEFER_CALLBACKS,
                                BEV_OPT_UNLOCK_CALLBACKS,
                                BEV_OPT_UNLOCK_CALLBACKS | BEV_OPT_DEFER_CALLBACKS,
                                BEV_OPT_CLOSE_ON_FREE | BEV_OPT_UNLOCK_CALLBACKS};
  size_t i;
  base = event_base_new();
  for (i = 0; i < sizeof(options) / sizeof(options[0]); ++i) {
    struct bufferevent* bev = bufferevent_socket_new(base, -1, options[i]);
    obs("0x%x: %s", (unsigned)options[i], bev ? "made" : "NULL");
    if (bev) bufferevent_free(bev);
  }
  event_base_free(base);
}

static void close_on_free(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  bufferevent_free(bev);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(fcntl(sv[0], F_GETFD) < 0);
  event_base_free(base);
}

static void no_close_without_the_option(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_free(bev);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(fcntl(sv[0], F_GETFD) < 0);
  event_base_free(base);
}

static void enable_and_disable(void) {
  struct bufferevent* bev = setup(0);
  SEE(bufferevent_enable(bev, EV_READ));
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  SEE(bufferevent_disable(bev, EV_WRITE));
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  SEE(bufferevent_enable(bev, EV_READ | EV_WRITE));
  SEE(bufferevent_enable(bev, EV_READ | EV_WRITE));
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  SEE(bufferevent_disable(bev, EV_READ | EV_WRITE));
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  SEE(bufferevent_enable(bev, 0));
  SEE(bufferevent_disable(bev, 0));
  teardown(bev);
}

static void bytes_arrive(void) {
  struct bufferevent* bev = setup(0);
  char out[8];
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "hello", 5));
  SEE(run_until_length(base, bufferevent_get_input(bev), 5));
  SEE(reads);
  SEE(bufferevent_read(bev, out, 2));
  see_bytes("out", out, 2);
  SEE(bufferevent_read(bev, out, 8));
  see_bytes("out", out, 3);
  SEE(bufferevent_read(bev, out, 8));
  teardown(bev);
}

static void nothing_is_read_while_disabled(void) {
  struct bufferevent* bev = setup(0);
  SEE(write(sv[1], "hello", 5));
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  bufferevent_enable(bev, EV_READ);
  SEE(run_until_length(base, bufferevent_get_input(bev), 5));
  teardown(bev);
}

static void bytes_leave(void) {
  struct bufferevent* bev = setup(0);
  char out[32];
  SEE(bufferevent_write(bev, "hello ", 6));
  SEE(bufferevent_write(bev, "world", 5));
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  SEE(run_until(base, &writes, 1));
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  see_bytes("peer got", out, drain_peer(out, sizeof(out)));
  teardown(bev);
}

static void nothing_leaves_while_write_is_disabled(void) {
  struct bufferevent* bev = setup(0);
  char out[32];
  bufferevent_disable(bev, EV_WRITE);
  SEE(bufferevent_write(bev, "hello", 5));
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  SEE(drain_peer(out, sizeof(out)));
  SEE(bufferevent_enable(bev, EV_WRITE));
  SEE(run_until(base, &writes, 1));
  see_bytes("peer got", out, drain_peer(out, sizeof(out)));
  teardown(bev);
}

static void adding_to_output_directly_sends(void) {
  struct bufferevent* bev = setup(0);
  char out[32];
  SEE(evbuffer_add_printf(bufferevent_get_output(bev), "%d", 12345));
  SEE(run_until(base, &writes, 1));
  see_bytes("peer got", out, drain_peer(out, sizeof(out)));
  teardown(bev);
}

static void write_and_read_buffer(void) {
  struct bufferevent* bev = setup(0);
  struct evbuffer *source = chained_buffer("abc", "def", NULL), *sink = evbuffer_new();
  char out[32];
  SEE(bufferevent_write_buffer(bev, source));
  SEE(evbuffer_get_length(source));
  SEE(run_until(base, &writes, 1));
  see_bytes("peer got", out, drain_peer(out, sizeof(out)));
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "answer", 6));
  SEE(run_until_length(base, bufferevent_get_input(bev), 6));
  SEE(bufferevent_read_buffer(bev, sink));
  SEE_BUF(sink);
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  evbuffer_free(source), evbuffer_free(sink);
  teardown(bev);
}

static void write_of_nothing(void) {
  struct bufferevent* bev = setup(0);
  struct evbuffer* empty = evbuffer_new();
  SEE(bufferevent_write(bev, NULL, 0));
  SEE(bufferevent_write(bev, "x", 0));
  SEE(bufferevent_write_buffer(bev, empty));
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  evbuffer_free(empty);
  teardown(bev);
}

static void frozen_ends_of_both_buffers(void) {
  struct bufferevent* bev = setup(0);
  char out[4];
  bufferevent_disable(bev, EV_WRITE);
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "abcdef", 6));
  SEE(run_until_length(base, bufferevent_get_input(bev), 6));
  SEE(evbuffer_add(bufferevent_get_input(bev), "x", 1));
  SEE(evbuffer_prepend(bufferevent_get_input(bev), "x", 1));
  SEE(evbuffer_drain(bufferevent_get_input(bev), 1));
  SEE(evbuffer_add(bufferevent_get_output(bev), "out", 3));
  SEE(evbuffer_drain(bufferevent_get_output(bev), 1));
  SEE(evbuffer_prepend(bufferevent_get_output(bev), "x", 1));
  SEE(evbuffer_remove(bufferevent_get_output(bev), out, 1));
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  teardown(bev);
}

static void end_of_file(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "last", 4));
  shutdown(sv[1], SHUT_WR);
  SEE(run_until(base, &events, 1));
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  SEE(reads);
  run_for(base, 10);
  SEE(events);
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  SEE(bufferevent_write(bev, "still", 5));
  SEE(run_until(base, &writes, 1));
  teardown(bev);
}

static void end_of_file_is_not_seen_while_disabled(void) {
  struct bufferevent* bev = setup(0);
  shutdown(sv[1], SHUT_WR);
  run_for(base, 20);
  SEE(events);
  bufferevent_enable(bev, EV_READ);
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void end_of_file_again_when_enabled_again(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_enable(bev, EV_READ);
  shutdown(sv[1], SHUT_WR);
  SEE(run_until(base, &events, 1));
  bufferevent_enable(bev, EV_READ);
  SEE(run_until(base, &events, 2));
  teardown(bev);
}

static void log_reset(struct bufferevent* bev, short what, void* arg) {
  int error = EVUTIL_SOCKET_ERROR();
  obs("errno %s", errno_name(error));
  count_event(bev, what, arg);
}

static void reset_by_peer(void) {
  struct bufferevent* bev;
  struct linger linger = {1, 0};
  base = event_base_new();
  tcp_pair(sv);
  bev = bufferevent_socket_new(base, sv[0], BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, count_read, count_write, log_reset, (void*)"bev");
  bufferevent_enable(bev, EV_READ);
  setsockopt(sv[1], SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
  close(sv[1]);
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void writing_to_a_closed_peer(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setcb(bev, count_read, count_write, log_reset, (void*)"bev");
  close(sv[1]);
  SEE(bufferevent_write(bev, "hello", 5));
  SEE(run_until(base, &events, 1));
  SEE(writes);
  run_for(base, 10);
  SEE(events);
  teardown(bev);
}

static void writing_to_a_closed_peer_raises_no_signal(void) {
  struct bufferevent* bev = setup(0);
  signal(SIGPIPE, SIG_DFL);
  close(sv[1]);
  bufferevent_write(bev, "hello", 5);
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void large_transfer(void) {
  struct bufferevent *bev = setup(0), *peer;
  struct evbuffer* data = patterned_buffer(500000);
  peer = bufferevent_socket_new(base, sv[1], 0);
  bufferevent_enable(peer, EV_READ);
  SEE(bufferevent_write_buffer(bev, data));
  SEE(run_until_length(base, bufferevent_get_input(peer), 500000));
  see_content("peer input", bufferevent_get_input(peer));
  SEE(run_until(base, &writes, 1));
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  evbuffer_free(data);
  bufferevent_free(peer);
  teardown(bev);
}

static void file_segment_through_bufferevent(void) {
  struct bufferevent* bev = setup(0);
  char name[] = "/tmp/conformanceXXXXXX", out[64];
  int fd = mkstemp(name);
  unlink(name);
  SEE(write(fd, "0123456789", 10));
  SEE(evbuffer_add_file(bufferevent_get_output(bev), fd, 2, 5));
  SEE(bufferevent_write(bev, "!", 1));
  SEE(run_until(base, &writes, 1));
  see_bytes("peer got", out, drain_peer(out, sizeof(out)));
  teardown(bev);
}

static void pending_output_is_lost_on_free(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  char out[2000];
  char* bytes = calloc(1, 1000);
  SEE(bufferevent_write(bev, bytes, 1000));
  bufferevent_free(bev);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(drain_peer(out, sizeof(out)));
  free(bytes);
  event_base_free(base);
}

static void public_fields(void) {
  struct bufferevent* bev = setup(0);
  SEE(bev->ev_base == base);
  SEE(bev->input == bufferevent_get_input(bev));
  SEE(bev->output == bufferevent_get_output(bev));
  SEE(bev->readcb == count_read && bev->writecb == count_write && bev->errorcb == count_event);
  SEE(bev->cbarg != NULL);
  SEE_STR(ev_names(bev->enabled));
  bufferevent_enable(bev, EV_READ);
  SEE_STR(ev_names(bev->enabled));
  bufferevent_setwatermark(bev, EV_READ | EV_WRITE, 3, 9);
  obs("read %zu..%zu, write %zu..%zu", bev->wm_read.low, bev->wm_read.high, bev->wm_write.low,
      bev->wm_write.high);
  bufferevent_set_timeouts(bev, msec(1500), msec(2500));
  obs("read %ld.%06ld, write %ld.%06ld", (long)bev->timeout_read.tv_sec,
      (long)bev->timeout_read.tv_usec, (long)bev->timeout_write.tv_sec,
      (long)bev->timeout_write.tv_usec);
  teardown(bev);
}

static void callbacks_written_into_the_struct(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
  bev->readcb = count_read;
  bev->errorcb = count_event;
  bev->cbarg = (void*)"by field";
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "abc", 3));
  SEE(run_until(base, &reads, 1));
  shutdown(sv[1], SHUT_WR);
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void event_fields_know_the_descriptor(void) {
  struct bufferevent* bev = setup(0);
  SEE(event_get_fd(&bev->ev_read) == sv[0]);
  SEE(event_get_fd(&bev->ev_write) == sv[0]);
  bufferevent_enable(bev, EV_READ);
  SEE(event_pending(&bev->ev_read, EV_READ, NULL) != 0);
  bufferevent_disable(bev, EV_READ);
  SEE(event_pending(&bev->ev_read, EV_READ, NULL) != 0);
  teardown(bev);
}

static void old_constructor(void) {
  struct bufferevent* bev;
  base = event_init();
  unix_pair(sv);
  bev = bufferevent_new(sv[0], count_read, count_write, count_event, (void*)"old");
  SEE_NULL(bev);
  bufferevent_settimeout(bev, 3, 4);
  obs("%ld %ld", (long)bev->timeout_read.tv_sec, (long)bev->timeout_write.tv_sec);
  bufferevent_settimeout(bev, 0, 0);
  obs("%ld %ld", (long)bev->timeout_read.tv_sec, (long)bev->timeout_write.tv_sec);
  SEE(bufferevent_enable(bev, EV_READ));
  SEE(write(sv[1], "abc", 3));
  SEE(run_until(base, &reads, 1));
  bufferevent_free(bev);
}

static void base_set_moves_an_idle_one(void) {
  struct bufferevent* bev = setup(0);
  struct event_base* other = event_base_new();
  SEE(bufferevent_base_set(other, bev));
  SEE(bufferevent_get_base(bev) == other);
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "abc", 3));
  SEE(run_until(other, &reads, 1));
  bufferevent_free(bev);
  event_base_free(base);
  event_base_free(other);
}

static void priority_of_a_bufferevent(void) {
  struct bufferevent* bev;
  base = event_base_new();
  event_base_priority_init(base, 4);
  unix_pair(sv);
  bev = bufferevent_socket_new(base, sv[0], 0);
  SEE(bufferevent_get_priority(bev));
  SEE(bufferevent_priority_set(bev, 3));
  SEE(bufferevent_get_priority(bev));
  SEE(bufferevent_priority_set(bev, 4));
  SEE(bufferevent_priority_set(bev, 0));
  SEE(bufferevent_get_priority(bev));
  teardown(bev);
}

static void descriptor_can_be_changed(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  evutil_socket_t other[2];
  unix_pair(other);
  bufferevent_enable(bev, EV_READ);
  SEE(bufferevent_setfd(bev, other[0]));
  SEE(bufferevent_getfd(bev) == other[0]);
  SEE(write(other[1], "new", 3));
  SEE(run_until(base, &reads, 1));
  see_content("input", bufferevent_get_input(bev));
  SEE(fcntl(sv[0], F_GETFD) >= 0);
  SEE(bufferevent_setfd(bev, -1));
  SEE(bufferevent_getfd(bev));
  teardown(bev);
}

static void without_descriptor(void) {
  struct bufferevent* bev;
  base = event_base_new();
  bev = bufferevent_socket_new(base, -1, 0);
  bufferevent_setcb(bev, count_read, count_write, count_event, (void*)"bev");
  SEE(bufferevent_getfd(bev));
  SEE(bufferevent_enable(bev, EV_READ | EV_WRITE));
  SEE(bufferevent_write(bev, "waiting", 7));
  run_for(base, 10);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  SEE(events);
  unix_pair(sv);
  SEE(bufferevent_setfd(bev, sv[0]));
  SEE(bufferevent_enable(bev, EV_READ | EV_WRITE));
  SEE(run_until(base, &writes, 1));
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  teardown(bev);
}

static void threadsafe_before_threads(void) {
  struct bufferevent *plain, *filter, *pair[2];
  base = event_base_new();
  plain = bufferevent_socket_new(base, -1, 0);
  SEE_NULL(bufferevent_socket_new(base, -1, BEV_OPT_THREADSAFE));
  SEE(bufferevent_pair_new(base, BEV_OPT_THREADSAFE, pair));
  filter = bufferevent_filter_new(plain, NULL, NULL, BEV_OPT_THREADSAFE, NULL, NULL);
  SEE_NULL(filter);
  bufferevent_free(filter);
  bufferevent_free(plain);
  event_base_free(base);
}

static void flush_of_a_socket(void) {
  struct bufferevent* bev = setup(0);
  SEE(bufferevent_write(bev, "abc", 3));
  SEE(bufferevent_flush(bev, EV_WRITE, BEV_NORMAL) >= 0);
  SEE(bufferevent_flush(bev, EV_READ, BEV_FLUSH) >= 0);
  SEE(bufferevent_flush(bev, EV_READ | EV_WRITE, BEV_FINISHED) >= 0);
  SEE(run_until(base, &writes, 1));
  teardown(bev);
}

const struct conf_case conf_cases[] = {
    CASE(fresh_bufferevent),
    CASE(options_table),
    CASE(close_on_free),
    CASE(no_close_without_the_option),
    CASE(enable_and_disable),
    CASE(bytes_arrive),
    CASE(nothing_is_read_while_disabled),
    CASE(bytes_leave),
    CASE(nothing_leaves_while_write_is_disabled),
    CASE(adding_to_output_directly_sends),
    CASE(write_and_read_buffer),
    CASE(write_of_nothing),
    CASE(frozen_ends_of_both_buffers),
    CASE(end_of_file),
    CASE(end_of_file_is_not_seen_while_disabled),
    CASE(end_of_file_again_when_enabled_again),
    CASE(reset_by_peer),
    CASE(writing_to_a_closed_peer),
    EXCEPTION(writing_to_a_closed_peer_raises_no_signal, "better: pain 38, stock dies of SIGPIPE",
              "bev: event callback ERROR|WRITING, enabled 0\n"
              "run_until(base, &events, 1) = 1"),
    CASE(large_transfer),
    CASE(file_segment_through_bufferevent),
    CASE(pending_output_is_lost_on_free),
    CASE(public_fields),
    CASE(callbacks_written_into_the_struct),
    CASE(event_fields_know_the_descriptor),
    CASE(old_constructor),
    CASE(base_set_moves_an_idle_one),
    CASE(priority_of_a_bufferevent),
    CASE(descriptor_can_be_changed),
    CASE(without_descriptor),
    CASE(threadsafe_before_threads),
    CASE(flush_of_a_socket),
    CASES_END};

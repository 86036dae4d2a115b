/* Filtering bufferevents: what the filters are asked, when, and what their answers do. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static evutil_socket_t sv[2];
static struct bufferevent *under, *filter;
static int reads, writes, events, freed;

static void on_read(struct bufferevent* bev, void* arg) {
  log_read(bev, arg);
  ++reads;
}

static void on_write(struct bufferevent* bev, void* arg) {
  (void)bev, (void)arg;
  ++writes;
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  log_event(bev, what, arg);
  ++events;
}

static void note_event(struct bufferevent* bev, short what, void* arg) {
  (void)bev;
  obs("%s: %s", (const char*)arg, bev_names(what));
  ++events;
}

static void free_context(void* context) {
  ++freed;
  obs("context \"%s\" freed", (const char*)context);
}

static enum bufferevent_filter_result upper(struct evbuffer* source, struct evbuffer* destination,
                                            ev_ssize_t limit, enum bufferevent_flush_mode mode,
                                            void* context) {
  char c;
  (void)limit, (void)mode, (void)context;
  if (!evbuffer_get_length(source)) return BEV_NEED_MORE;
  while (evbuffer_remove(source, &c, 1) == 1) {
    if (c >= 'a' && c <= 'z') c = (char)(c - 'a' + 'A');
    evbuffer_add(destination, &c, 1);
  }
  return BEV_OK;
}

static enum bufferevent_filter_result rot1(struct evbuffer* source, struct evbuffer* destination,
                                           ev_ssize_t limit, enum bufferevent_flush_mode mode,
                                           void* context) {
  char c;
  (void)limit, (void)mode, (void)context;
  if (!evbuffer_get_length(source)) return BEV_NEED_MORE;
  while (evbuffer_remove(source, &c, 1) == 1) {
    ++c;
    evbuffer_add(destination, &c, 1);
  }
  return BEV_OK;
}

static void setup(bufferevent_filter_cb input, bufferevent_filter_cb output, int options) {
  base = event_base_new();
  unix_pair(sv);
  under = bufferevent_socket_new(base, sv[0], BEV_OPT_CLOSE_ON_FREE);
  filter = bufferevent_filter_new(under, input, output, options | BEV_OPT_CLOSE_ON_FREE,
                                  free_context, (void*)"ctx");
  if (!filter) {
    obs("no filter");
    return;
  }
  bufferevent_setcb(filter, on_read, on_write, on_event, (void*)"filter");
}

static void teardown(void) {
  bufferevent_free(filter);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
}

static void see_peer(void) {
  char out[64];
  ssize_t n = read(sv[1], out, sizeof(out));
  see_bytes("peer got", out, n > 0 ? (size_t)n : 0);
}

static void fresh_filter(void) {
  setup(upper, rot1, 0);
  SEE(bufferevent_get_underlying(filter) == under);
  SEE_NULL(bufferevent_pair_get_partner(filter));
  SEE_STR(ev_names(bufferevent_get_enabled(filter)));
  SEE_STR(ev_names(bufferevent_get_enabled(under)));
  SEE(bufferevent_getfd(filter) == sv[0]);
  SEE(bufferevent_get_base(filter) == base);
  SEE(bufferevent_priority_set(filter, 0));
  SEE(freed);
  teardown();
  SEE(freed);
}

static void null_underlying(void) {
  SEE_NULL(bufferevent_filter_new(NULL, upper, rot1, 0, free_context, (void*)"ctx"));
  SEE(freed);
}

static void input_is_transformed(void) {
  setup(upper, rot1, 0);
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "hello", 5));
  SEE(run_until(base, &reads, 1));
  see_content("filter input", bufferevent_get_input(filter));
  SEE(evbuffer_get_length(bufferevent_get_input(under)));
  teardown();
}

static void output_is_transformed(void) {
  setup(upper, rot1, 0);
  SEE(bufferevent_write(filter, "HAL", 3));
  SEE(run_until(base, &writes, 1));
  run_for(base, 20);
  see_peer();
  SEE(evbuffer_get_length(bufferevent_get_output(filter)));
  teardown();
}

static void null_filters_pass_through(void) {
  setup(NULL, NULL, 0);
  bufferevent_enable(filter, EV_READ);
  SEE(bufferevent_write(filter, "out", 3));
  SEE(write(sv[1], "in", 2));
  SEE(run_until(base, &reads, 1));
  run_for(base, 20);
  see_content("filter input", bufferevent_get_input(filter));
  see_peer();
  teardown();
}

static void reading_waits_for_enable(void) {
  setup(NULL, NULL, 0);
  SEE(write(sv[1], "early", 5));
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_input(under)));
  SEE(evbuffer_get_length(bufferevent_get_input(filter)));
  bufferevent_enable(filter, EV_READ);
  SEE(run_until(base, &reads, 1));
  teardown();
}

static void writing_waits_for_enable(void) {
  setup(NULL, rot1, 0);
  bufferevent_disable(filter, EV_WRITE);
  SEE(bufferevent_write(filter, "HAL", 3));
  run_for(base, 20);
  see_peer();
  bufferevent_enable(filter, EV_WRITE);
  run_for(base, 20);
  see_peer();
  teardown();
}

static ev_ssize_t last_limit;
static int last_mode, calls;
static enum bufferevent_filter_result recorder(struct evbuffer* source, struct evbuffer* dst,
                                               ev_ssize_t limit, enum bufferevent_flush_mode mode,
                                               void* context) {
  (void)context;
  ++calls;
  last_limit = limit;
  last_mode = (int)mode;
  if (!evbuffer_get_length(source)) return BEV_NEED_MORE;
  evbuffer_remove_buffer(source, dst, limit < 0 ? EV_SSIZE_MAX : (size_t)limit);
  return BEV_OK;
}

static void limit_of_the_input_filter(void) {
  setup(recorder, NULL, 0);
  bufferevent_setcb(filter, NULL, NULL, NULL, NULL);
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "abc", 3));
  SEE(run_until_length(base, bufferevent_get_input(filter), 3));
  SEE(last_limit);
  SEE(last_mode);
  bufferevent_setwatermark(filter, EV_READ, 0, 10);
  SEE(write(sv[1], "defg", 4));
  SEE(run_until_length(base, bufferevent_get_input(filter), 7));
  SEE(last_limit);
  SEE(write(sv[1], "0123456789", 10));
  SEE(run_until_length(base, bufferevent_get_input(filter), 10));
  SEE(last_limit);
  see_content("filter input", bufferevent_get_input(filter));
  teardown();
}

static void limit_of_the_output_filter(void) {
  setup(NULL, recorder, 0);
  bufferevent_disable(under, EV_WRITE);
  bufferevent_setwatermark(under, EV_WRITE, 0, 10);
  SEE(bufferevent_write(filter, "abc", 3));
  SEE(last_limit);
  SEE(bufferevent_write(filter, "0123456789", 10));
  SEE(last_limit);
  SEE(evbuffer_get_length(bufferevent_get_output(under)));
  SEE(evbuffer_get_length(bufferevent_get_output(filter)));
  teardown();
}

static void draining_resumes_without_new_data(void) {
  setup(NULL, NULL, 0);
  bufferevent_setcb(filter, NULL, NULL, NULL, NULL);
  bufferevent_setwatermark(filter, EV_READ, 0, 4);
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "0123456789", 10));
  SEE(run_until_length(base, bufferevent_get_input(filter), 4));
  SEE(evbuffer_drain(bufferevent_get_input(filter), 4));
  SEE(run_until_length(base, bufferevent_get_input(filter), 4));
  see_content("filter input", bufferevent_get_input(filter));
  SEE(evbuffer_drain(bufferevent_get_input(filter), 4));
  SEE(run_until_length(base, bufferevent_get_input(filter), 2));
  see_content("filter input", bufferevent_get_input(filter));
  teardown();
}

/* Collects pairs of bytes and swaps them; a single byte has to wait. */
static enum bufferevent_filter_result swap_pairs(struct evbuffer* source, struct evbuffer* dst,
                                                 ev_ssize_t limit, enum bufferevent_flush_mode mode,
                                                 void* context) {
  char two[2];
  int done = 0;
  (void)limit, (void)context;
  while (evbuffer_get_length(source) >= 2) {
    char swapped[2];
    evbuffer_remove(source, two, 2);
    swapped[0] = two[1], swapped[1] = two[0];
    evbuffer_add(dst, swapped, 2);
    ++done;
  }
  if (mode != BEV_NORMAL && evbuffer_get_length(source)) {
    evbuffer_add(dst, "<", 1);
    evbuffer_add_buffer(dst, source);
    ++done;
  }
  return done ? BEV_OK : BEV_NEED_MORE;
}

static void filter_that_needs_more(void) {
  setup(swap_pairs, NULL, 0);
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "a", 1));
  run_for(base, 20);
  SEE(reads);
  SEE(write(sv[1], "bc", 2));
  SEE(run_until(base, &reads, 1));
  see_content("filter input", bufferevent_get_input(filter));
  teardown();
}

static void flushing_a_filter(void) {
  setup(NULL, swap_pairs, 0);
  SEE(bufferevent_write(filter, "abc", 3));
  run_for(base, 20);
  see_peer();
  SEE(bufferevent_flush(filter, EV_WRITE, BEV_NORMAL));
  SEE(bufferevent_flush(filter, EV_WRITE, BEV_FLUSH));
  run_for(base, 20);
  see_peer();
  SEE(bufferevent_flush(filter, EV_WRITE, BEV_FINISHED));
  teardown();
}

/* The read callback asks for what the filter keeps back, and takes it: it is neither called in the
 * middle of that nor once more for it. */
static void read_with_flush(struct bufferevent* bev, void* arg) {
  char out[16];
  size_t n;
  log_read(bev, arg);
  SEE(bufferevent_flush(bev, EV_READ, BEV_FLUSH));
  n = bufferevent_read(bev, out, sizeof(out));
  see_bytes("took", out, n);
  ++reads;
}

static void flushing_in_the_read_callback(void) {
  setup(swap_pairs, NULL, 0);
  bufferevent_setcb(filter, read_with_flush, NULL, on_event, (void*)"filter");
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "abcde", 5));
  SEE(run_until(base, &reads, 1));
  run_for(base, 20);
  SEE(reads);
  SEE(write(sv[1], "fg", 2));
  SEE(run_until(base, &reads, 2));
  run_for(base, 20);
  SEE(reads);
  teardown();
}

static void modes_reach_the_filters(void) {
  setup(recorder, recorder, 0);
  bufferevent_enable(filter, EV_READ);
  calls = 0;
  SEE(bufferevent_flush(filter, EV_READ, BEV_FLUSH));
  obs("calls %d, mode %d", calls, last_mode);
  calls = 0;
  SEE(bufferevent_flush(filter, EV_READ | EV_WRITE, BEV_FINISHED));
  obs("calls %d, mode %d", calls, last_mode);
  teardown();
}

static void end_of_file_is_passed_on(void) {
  setup(upper, NULL, 0);
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "last", 4));
  shutdown(sv[1], SHUT_WR);
  SEE(run_until(base, &events, 1));
  see_content("filter input", bufferevent_get_input(filter));
  teardown();
}

static void finished_is_given_at_end_of_file(void) {
  setup(swap_pairs, NULL, 0);
  bufferevent_setcb(filter, NULL, NULL, on_event, (void*)"filter");
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "abc", 3));
  shutdown(sv[1], SHUT_WR);
  SEE(run_until(base, &events, 1));
  see_content("filter input", bufferevent_get_input(filter));
  teardown();
}

static void connected_event_is_passed_on(void) {
  struct sockaddr_storage address;
  int length;
  listening_socket(&address, &length);
  base = event_base_new();
  under = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  filter = bufferevent_filter_new(under, NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  bufferevent_setcb(filter, on_read, on_write, on_event, (void*)"filter");
  SEE(bufferevent_socket_connect(under, (struct sockaddr*)&address, length));
  SEE(run_until(base, &events, 1));
  teardown();
}

/* Stock libevent does not tell of the connection then, so nothing is asked but that it is made. */
static void connecting_connects_below(void) {
  struct sockaddr_storage address;
  char got[8] = "";
  int length, fd;
  evutil_socket_t listener = listening_socket(&address, &length);
  base = event_base_new();
  under = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  filter = bufferevent_filter_new(under, NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  bufferevent_write(filter, "early", 5);
  SEE(bufferevent_socket_connect(filter, (struct sockaddr*)&address, length));
  SEE(bufferevent_getfd(under) >= 0);
  fd = accept(listener, NULL, NULL);
  while (evbuffer_get_length(bufferevent_get_output(under))) event_base_loop(base, EVLOOP_ONCE);
  SEE(read(fd, got, sizeof(got) - 1));
  SEE_STR(got);
  close(fd);
  close(listener);
  teardown();
}

static enum bufferevent_filter_result broken(struct evbuffer* source, struct evbuffer* dst,
                                             ev_ssize_t limit, enum bufferevent_flush_mode mode,
                                             void* context) {
  (void)source, (void)dst, (void)limit, (void)mode, (void)context;
  ++calls;
  return BEV_ERROR;
}

static void input_error_is_reported(void) {
  setup(broken, NULL, 0);
  bufferevent_setcb(filter, on_read, on_write, note_event, (void*)"filter");
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "abc", 3));
  run_for(base, 30);
  SEE(events);
  teardown();
}

static void output_error_is_reported(void) {
  setup(NULL, broken, 0);
  bufferevent_setcb(filter, on_read, on_write, note_event, (void*)"filter");
  SEE(bufferevent_write(filter, "abc", 3));
  run_for(base, 30);
  SEE(events);
  teardown();
}

static enum bufferevent_filter_result liar(struct evbuffer* source, struct evbuffer* dst,
                                           ev_ssize_t limit, enum bufferevent_flush_mode mode,
                                           void* context) {
  (void)source, (void)dst, (void)limit, (void)mode, (void)context;
  ++calls;
  return BEV_OK;
}

static void ok_without_progress_does_not_spin(void) {
  setup(NULL, liar, 0);
  SEE(bufferevent_write(filter, "abc", 3));
  run_for(base, 20);
  SEE(calls > 0 && calls < 10);
  SEE(events);
  teardown();
}

static void underlying_stays_without_close_on_free(void) {
  char out[8];
  ssize_t n;
  base = event_base_new();
  unix_pair(sv);
  under = bufferevent_socket_new(base, sv[0], 0);
  filter = bufferevent_filter_new(under, upper, rot1, 0, free_context, (void*)"ctx");
  bufferevent_free(filter);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(freed);
  bufferevent_setcb(under, on_read, on_write, on_event, (void*)"underlying");
  bufferevent_enable(under, EV_READ);
  SEE(write(sv[1], "plain", 5));
  SEE(run_until(base, &reads, 1));
  see_content("input", bufferevent_get_input(under));
  SEE(bufferevent_write(under, "HAL", 3));
  SEE(run_until(base, &writes, 1));
  n = read(sv[1], out, sizeof(out));
  see_bytes("peer got", out, n > 0 ? (size_t)n : 0);
  bufferevent_free(under);
  event_base_free(base);
}

static void close_on_free_frees_the_stack(void) {
  setup(NULL, NULL, 0);
  bufferevent_free(filter);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(freed);
  SEE(fcntl(sv[0], F_GETFD) < 0);
  event_base_free(base);
}

static void freed_when_the_base_goes(void) {
  setup(NULL, NULL, 0);
  bufferevent_free(filter);
  event_base_free(base);
  SEE(freed);
}

static void filter_on_filter(void) {
  struct bufferevent* top;
  setup(rot1, rot1, 0);
  top = bufferevent_filter_new(filter, rot1, rot1, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  bufferevent_setcb(top, on_read, on_write, on_event, (void*)"top");
  bufferevent_enable(top, EV_READ);
  SEE(bufferevent_get_underlying(top) == filter);
  SEE(bufferevent_getfd(top) == sv[0]);
  SEE(write(sv[1], "ABC", 3));
  SEE(run_until(base, &reads, 1));
  see_content("top input", bufferevent_get_input(top));
  SEE(bufferevent_write(top, "ABC", 3));
  run_for(base, 20);
  see_peer();
  bufferevent_free(top);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(freed);
  event_base_free(base);
}

static void filter_on_a_pair(void) {
  struct bufferevent* pair[2];
  base = event_base_new();
  bufferevent_pair_new(base, 0, pair);
  filter = bufferevent_filter_new(pair[0], upper, rot1, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  bufferevent_setcb(filter, on_read, on_write, on_event, (void*)"filter");
  bufferevent_enable(filter, EV_READ);
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[1], "hello", 5);
  bufferevent_write(filter, "HAL", 3);
  SEE(run_until(base, &reads, 1));
  run_for(base, 10);
  see_content("filter input", bufferevent_get_input(filter));
  see_content("pair input", bufferevent_get_input(pair[1]));
  bufferevent_free(pair[1]);
  teardown();
}

static void free_in_read(struct bufferevent* bev, void* arg) {
  on_read(bev, arg);
  bufferevent_free(bev);
}

static void freed_in_its_read_callback(void) {
  setup(NULL, NULL, 0);
  bufferevent_setcb(filter, free_in_read, on_write, on_event, (void*)"filter");
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "abc", 3));
  SEE(run_until(base, &reads, 1));
  SEE(event_base_loop(base, 0));
  SEE(freed);
  event_base_free(base);
}

static void large_transfer_through_filters(void) {
  struct evbuffer* data = patterned_buffer(200000);
  struct bufferevent* peer;
  setup(rot1, rot1, 0);
  peer = bufferevent_socket_new(base, sv[1], 0);
  bufferevent_enable(peer, EV_READ);
  SEE(bufferevent_write_buffer(filter, data));
  SEE(run_until_length(base, bufferevent_get_input(peer), 200000));
  see_content("peer input", bufferevent_get_input(peer));
  evbuffer_free(data);
  bufferevent_free(peer);
  teardown();
}

static void threadsafe_filter(void) {
  evthread_use_pthreads();
  setup(upper, rot1, BEV_OPT_THREADSAFE);
  bufferevent_lock(filter);
  SEE(bufferevent_write(filter, "HAL", 3));
  bufferevent_unlock(filter);
  SEE(run_until(base, &writes, 1));
  run_for(base, 20);
  see_peer();
  teardown();
}

static void set_descriptor_through_filter(void) {
  base = event_base_new();
  unix_pair(sv);
  under = bufferevent_socket_new(base, -1, 0);
  filter = bufferevent_filter_new(under, NULL, NULL, 0, NULL, NULL);
  SEE(bufferevent_setfd(filter, sv[0]));
  SEE(bufferevent_getfd(under) == sv[0]);
  bufferevent_free(filter);
  bufferevent_free(under);
  event_base_free(base);
}

const struct conf_case conf_cases[] = {
    CASE(fresh_filter),
    CASE(null_underlying),
    CASE(input_is_transformed),
    CASE(output_is_transformed),
    CASE(null_filters_pass_through),
    CASE(reading_waits_for_enable),
    EXCEPTION(writing_waits_for_enable, "better: pain 17, stock leaves it lying after enable",
              "bufferevent_write(filter, \"HAL\", 3) = 0\n"
              "peer got = \"\"\n"
              "peer got = \"IBM\"\n"
              "context \"ctx\" freed"),
    CASE(limit_of_the_input_filter),
    CASE(limit_of_the_output_filter),
    CASE(draining_resumes_without_new_data),
    CASE(filter_that_needs_more),
    CASE(flushing_a_filter),
    CASE(flushing_in_the_read_callback),
    CASE(modes_reach_the_filters),
    CASE(end_of_file_is_passed_on),
    EXCEPTION(finished_is_given_at_end_of_file, "Z14: stock never tells the input filter",
              "write(sv[1], \"abc\", 3) = 3\n"
              "filter: event callback EOF|READING, enabled READ|WRITE\n"
              "run_until(base, &events, 1) = 1\n"
              "filter input = \"ba<c\"\n"
              "context \"ctx\" freed"),
    CASE(connected_event_is_passed_on),
    CASE(connecting_connects_below),
    EXCEPTION(input_error_is_reported, "Z15: stock drops the error",
              "write(sv[1], \"abc\", 3) = 3\n"
              "filter: ERROR|READING\n"
              "events = 1\n"
              "context \"ctx\" freed"),
    EXCEPTION(output_error_is_reported, "Z15: stock drops the error",
              "bufferevent_write(filter, \"abc\", 3) = 0\n"
              "filter: ERROR|WRITING\n"
              "events = 1\n"
              "context \"ctx\" freed"),
    EXCEPTION(ok_without_progress_does_not_spin, "Z16: stock never comes back",
              "bufferevent_write(filter, \"abc\", 3) = 0\n"
              "calls > 0 && calls < 10 = 1\n"
              "events = 0\n"
              "context \"ctx\" freed"),
    CASE(underlying_stays_without_close_on_free),
    CASE(close_on_free_frees_the_stack),
    CASE(freed_when_the_base_goes),
    CASE(filter_on_filter),
    CASE(filter_on_a_pair),
    CASE(freed_in_its_read_callback),
    CASE(large_transfer_through_filters),
    CASE(threadsafe_filter),
    CASE(set_descriptor_through_filter),
    CASES_END};

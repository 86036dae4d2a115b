/* Rate limits: configurations, getters, groups, errors. How much passes is only compared where time
 * cannot blur it: one tick of an hour. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static evutil_socket_t sv[2];
static int events;
static const struct timeval hour = {3600, 0};

static void on_event(struct bufferevent* bev, short what, void* arg) {
  (void)bev;
  obs("%s: %s", (const char*)arg, bev_names(what));
  ++events;
}

static struct bufferevent* setup(void) {
  struct bufferevent* bev;
  base = event_base_new();
  unix_pair(sv);
  bev = bufferevent_socket_new(base, sv[0], 0);
  bufferevent_setcb(bev, NULL, NULL, on_event, (void*)"bev");
  return bev;
}

static void teardown(struct bufferevent* bev) {
  bufferevent_free(bev);
  event_base_free(base);
}

static struct ev_token_bucket_cfg* per_hour(size_t read_rate, size_t write_rate) {
  return ev_token_bucket_cfg_new(read_rate, read_rate, write_rate, write_rate, &hour);
}

static void see_cfg(const char* label, size_t rr, size_t rb, size_t wr, size_t wb,
                    const struct timeval* tick) {
  struct ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(rr, rb, wr, wb, tick);
  obs("%s: %s", label, cfg ? "made" : "NULL");
  if (cfg) ev_token_bucket_cfg_free(cfg);
}

static void configurations(void) {
  const size_t max = (size_t)EV_RATE_LIMIT_MAX;
  struct timeval milli = {0, 1000}, odd = {0, 1999};
  see_cfg("usual", 10, 20, 30, 40, NULL);
  see_cfg("burst equals rate", 10, 10, 10, 10, NULL);
  see_cfg("read burst below rate", 10, 9, 10, 10, NULL);
  see_cfg("write burst below rate", 10, 10, 10, 9, NULL);
  see_cfg("no read rate", 0, 10, 10, 10, NULL);
  see_cfg("no write rate", 10, 10, 0, 10, NULL);
  see_cfg("all at the maximum", max, max, max, max, NULL);
  see_cfg("above the maximum", 1, max + 1, 1, 1, NULL);
  see_cfg("write above the maximum", 1, 1, 1, SIZE_MAX, NULL);
  see_cfg("a millisecond", 1, 1, 1, 1, &milli);
  see_cfg("nearly two", 1, 1, 1, 1, &odd);
  see_cfg("an hour", 1, 1, 1, 1, &hour);
}

static void extreme_ticks_are_refused(void) {
  struct timeval negative = {-1, 0}, huge = {(time_t)INT_MAX, 0};
  struct timeval half_milli = {0, 500}, zero = {0, 0};
  see_cfg("negative", 1, 1, 1, 1, &negative);
  see_cfg("huge", 1, 1, 1, 1, &huge);
  see_cfg("half a millisecond", 1, 1, 1, 1, &half_milli);
  see_cfg("zero", 1, 1, 1, 1, &zero);
}

static void getters_without_limit(void) {
  struct bufferevent* bev = setup();
  SEE(bufferevent_get_read_limit(bev));
  SEE(bufferevent_get_write_limit(bev));
  SEE_NULL(bufferevent_get_token_bucket_cfg(bev));
  SEE(bufferevent_get_max_to_read(bev) == bufferevent_get_max_single_read(bev));
  SEE(bufferevent_get_max_to_write(bev) == bufferevent_get_max_single_write(bev));
  teardown(bev);
}

static void default_single_sizes(void) {
  struct bufferevent* bev = setup();
  SEE(bufferevent_get_max_single_read(bev));
  SEE(bufferevent_get_max_single_write(bev));
  SEE(bufferevent_get_max_to_read(bev));
  teardown(bev);
}

static void single_sizes_set_and_reset(void) {
  struct bufferevent* bev = setup();
  ev_ssize_t standard_read = bufferevent_get_max_single_read(bev);
  ev_ssize_t standard_write = bufferevent_get_max_single_write(bev);
  SEE(bufferevent_set_max_single_read(bev, 100));
  SEE(bufferevent_set_max_single_write(bev, 200));
  SEE(bufferevent_get_max_single_read(bev));
  SEE(bufferevent_get_max_single_write(bev));
  SEE(bufferevent_get_max_to_read(bev));
  SEE(bufferevent_get_max_to_write(bev));
  SEE(bufferevent_set_max_single_read(bev, 0));
  SEE(bufferevent_set_max_single_write(bev, 0));
  SEE(bufferevent_get_max_single_read(bev) == standard_read);
  SEE(bufferevent_get_max_single_write(bev) == standard_write);
  SEE(bufferevent_set_max_single_read(bev, (size_t)EV_SSIZE_MAX));
  SEE(bufferevent_get_max_single_read(bev));
  SEE(bufferevent_set_max_single_read(bev, (size_t)EV_SSIZE_MAX + 1));
  SEE(bufferevent_get_max_single_read(bev) == standard_read);
  teardown(bev);
}

static void single_write_bounds_one_turn(void) {
  struct bufferevent* bev = setup();
  struct evbuffer* data = patterned_buffer(1000);
  char out[2000];
  SEE(bufferevent_set_max_single_write(bev, 300));
  bufferevent_write_buffer(bev, data);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(read(sv[1], out, sizeof(out)) <= 300);
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  evbuffer_free(data);
  teardown(bev);
}

static void limit_set_and_removed(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(1000, 2000, 3000, 4000, &hour);
  SEE(bufferevent_set_rate_limit(bev, cfg));
  SEE(bufferevent_get_token_bucket_cfg(bev) == cfg);
  SEE(bufferevent_get_read_limit(bev));
  SEE(bufferevent_get_write_limit(bev));
  SEE(bufferevent_get_max_to_read(bev));
  SEE(bufferevent_get_max_to_write(bev));
  SEE(bufferevent_set_rate_limit(bev, cfg));
  SEE(bufferevent_get_read_limit(bev));
  SEE(bufferevent_set_rate_limit(bev, NULL));
  SEE(bufferevent_get_read_limit(bev));
  SEE_NULL(bufferevent_get_token_bucket_cfg(bev));
  SEE(bufferevent_set_rate_limit(bev, NULL));
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void replacing_clips_but_does_not_fill(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg *big = per_hour(5000, 5000), *small = per_hour(100, 100),
                             *large = per_hour(9000, 9000);
  bufferevent_set_rate_limit(bev, big);
  SEE(bufferevent_get_read_limit(bev));
  bufferevent_set_rate_limit(bev, small);
  SEE(bufferevent_get_read_limit(bev));
  bufferevent_set_rate_limit(bev, large);
  SEE(bufferevent_get_read_limit(bev));
  bufferevent_set_rate_limit(bev, NULL);
  ev_token_bucket_cfg_free(big), ev_token_bucket_cfg_free(small), ev_token_bucket_cfg_free(large);
  teardown(bev);
}

static void max_to_read_respects_single_size(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(1000000, 1000000);
  bufferevent_set_max_single_read(bev, 100);
  bufferevent_set_max_single_write(bev, 200);
  bufferevent_set_rate_limit(bev, cfg);
  SEE(bufferevent_get_max_to_read(bev));
  SEE(bufferevent_get_max_to_write(bev));
  bufferevent_set_rate_limit(bev, NULL);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void decrementing_own_buckets(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(1000, 1000);
  bufferevent_set_rate_limit(bev, cfg);
  SEE(bufferevent_decrement_read_limit(bev, 400));
  SEE(bufferevent_get_read_limit(bev));
  SEE(bufferevent_get_write_limit(bev));
  SEE(bufferevent_decrement_write_limit(bev, 1500));
  SEE(bufferevent_get_write_limit(bev));
  SEE(bufferevent_get_max_to_write(bev));
  SEE(bufferevent_decrement_write_limit(bev, -700));
  SEE(bufferevent_get_write_limit(bev));
  bufferevent_set_rate_limit(bev, NULL);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void decrementing_without_limit(void) {
  struct bufferevent* bev = setup();
  SEE(bufferevent_decrement_read_limit(bev, 1));
  SEE(bufferevent_decrement_write_limit(bev, 1));
  teardown(bev);
}

static void reading_stops_when_the_bucket_is_empty(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(5, 1000);
  bufferevent_set_rate_limit(bev, cfg);
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "0123456789", 10));
  run_for(base, 20);
  see_content("input", bufferevent_get_input(bev));
  SEE(bufferevent_get_read_limit(bev));
  SEE(bufferevent_get_max_to_read(bev));
  SEE(bufferevent_decrement_read_limit(bev, -3));
  run_for(base, 20);
  see_content("input", bufferevent_get_input(bev));
  SEE(bufferevent_set_rate_limit(bev, NULL));
  run_for(base, 20);
  see_content("input", bufferevent_get_input(bev));
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void writing_stops_when_the_bucket_is_empty(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(1000, 5);
  bufferevent_set_rate_limit(bev, cfg);
  SEE(bufferevent_write(bev, "0123456789", 10));
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  SEE(bufferevent_get_write_limit(bev));
  SEE(bufferevent_get_max_to_write(bev));
  SEE(bufferevent_set_rate_limit(bev, NULL));
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void bucket_is_refilled(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(5, 5, 5, 5, msec(20));
  bufferevent_set_rate_limit(bev, cfg);
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "0123456789abcdef", 16));
  SEE(run_until_length(base, bufferevent_get_input(bev), 16));
  see_content("input", bufferevent_get_input(bev));
  SEE(events);
  bufferevent_set_rate_limit(bev, NULL);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void no_timeout_while_out_of_tokens(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(5, 5);
  bufferevent_set_timeouts(bev, msec(20), msec(20));
  bufferevent_set_rate_limit(bev, cfg);
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "0123456789", 10));
  bufferevent_write(bev, "0123456789", 10);
  run_for(base, 100);
  SEE(events);
  bufferevent_set_rate_limit(bev, NULL);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void no_timeout_in_debt(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(5, 5);
  bufferevent_set_timeouts(bev, msec(20), NULL);
  bufferevent_set_rate_limit(bev, cfg);
  bufferevent_enable(bev, EV_READ);
  SEE(bufferevent_decrement_read_limit(bev, 10));
  run_for(base, 100);
  SEE(events);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void pairs_are_limited(void) {
  struct ev_token_bucket_cfg* cfg = per_hour(1000, 5);
  struct bufferevent* pair[2];
  base = event_base_new();
  bufferevent_pair_new(base, 0, pair);
  SEE(bufferevent_set_rate_limit(pair[0], cfg));
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "0123456789", 10);
  run_for(base, 20);
  see_content("arrived", bufferevent_get_input(pair[1]));
  bufferevent_set_rate_limit(pair[0], NULL);
  run_for(base, 20);
  see_content("arrived", bufferevent_get_input(pair[1]));
  ev_token_bucket_cfg_free(cfg);
}

static void filters_are_limited(void) {
  struct ev_token_bucket_cfg* cfg = per_hour(5, 1000);
  struct bufferevent* filter =
      bufferevent_filter_new(setup(), NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  SEE(bufferevent_set_rate_limit(filter, cfg));
  bufferevent_enable(filter, EV_READ);
  SEE(write(sv[1], "0123456789", 10));
  run_for(base, 20);
  see_content("arrived", bufferevent_get_input(filter));
  bufferevent_set_rate_limit(filter, NULL);
  run_for(base, 20);
  see_content("arrived", bufferevent_get_input(filter));
  ev_token_bucket_cfg_free(cfg);
}

static void idle_group_lets_the_loop_end(void) {
  struct ev_token_bucket_cfg* cfg = per_hour(5, 5);
  struct bufferevent_rate_limit_group* group;
  base = event_base_new();
  group = bufferevent_rate_limit_group_new(base, cfg);
  SEE(event_base_loop(base, 0));
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
}

static void file_segments_are_limited(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(1000, 1000);
  char name[] = "/tmp/conformanceXXXXXX", *bytes = calloc(1, 50000);
  int fd = mkstemp(name);
  unlink(name);
  SEE(write(fd, bytes, 50000));
  bufferevent_set_rate_limit(bev, cfg);
  SEE(evbuffer_add_file(bufferevent_get_output(bev), fd, 0, 50000));
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  SEE(bufferevent_get_write_limit(bev));
  free(bytes);
  bufferevent_set_rate_limit(bev, NULL);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void group_getters(void) {
  struct ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(1000, 2000, 3000, 4000, &hour);
  struct bufferevent_rate_limit_group* group;
  ev_uint64_t r = 7, w = 7;
  base = event_base_new();
  group = bufferevent_rate_limit_group_new(base, cfg);
  SEE_NULL(group);
  ev_token_bucket_cfg_free(cfg);
  SEE(bufferevent_rate_limit_group_get_read_limit(group));
  SEE(bufferevent_rate_limit_group_get_write_limit(group));
  bufferevent_rate_limit_group_get_totals(group, &r, &w);
  obs("totals %d %d", (int)r, (int)w);
  bufferevent_rate_limit_group_get_totals(group, NULL, NULL);
  SEE(bufferevent_rate_limit_group_decrement_read(group, 1500));
  SEE(bufferevent_rate_limit_group_get_read_limit(group));
  SEE(bufferevent_rate_limit_group_decrement_write(group, -500));
  SEE(bufferevent_rate_limit_group_get_write_limit(group));
  bufferevent_rate_limit_group_get_totals(group, &r, &w);
  obs("totals %d %d", (int)r, (int)w);
  bufferevent_rate_limit_group_reset_totals(group);
  SEE(bufferevent_rate_limit_group_set_min_share(group, 0));
  SEE(bufferevent_rate_limit_group_set_min_share(group, 64));
  SEE(bufferevent_rate_limit_group_set_min_share(group, (size_t)EV_SSIZE_MAX + 1));
  bufferevent_rate_limit_group_free(group);
  event_base_free(base);
}

static void group_configuration_can_change(void) {
  struct ev_token_bucket_cfg *cfg = per_hour(5000, 5000), *small = per_hour(100, 200);
  struct bufferevent_rate_limit_group* group;
  base = event_base_new();
  group = bufferevent_rate_limit_group_new(base, cfg);
  SEE(bufferevent_rate_limit_group_set_cfg(group, small));
  SEE(bufferevent_rate_limit_group_get_read_limit(group));
  SEE(bufferevent_rate_limit_group_get_write_limit(group));
  SEE(bufferevent_rate_limit_group_set_cfg(group, cfg));
  SEE(bufferevent_rate_limit_group_get_read_limit(group));
  SEE(bufferevent_rate_limit_group_set_cfg(group, NULL));
  SEE(bufferevent_rate_limit_group_set_cfg(NULL, cfg));
  ev_token_bucket_cfg_free(cfg), ev_token_bucket_cfg_free(small);
  bufferevent_rate_limit_group_free(group);
  event_base_free(base);
}

static void group_counts_what_members_move(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(1000, 1000);
  struct bufferevent_rate_limit_group* group = bufferevent_rate_limit_group_new(base, cfg);
  ev_uint64_t r = 0, w = 0;
  SEE(bufferevent_add_to_rate_limit_group(bev, group));
  SEE(bufferevent_add_to_rate_limit_group(bev, group));
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "0123456789", 10));
  bufferevent_write(bev, "abcd", 4);
  SEE(run_until_length(base, bufferevent_get_input(bev), 10));
  run_for(base, 10);
  bufferevent_rate_limit_group_get_totals(group, &r, &w);
  obs("totals %d %d", (int)r, (int)w);
  SEE(bufferevent_rate_limit_group_get_read_limit(group));
  SEE(bufferevent_rate_limit_group_get_write_limit(group));
  SEE(bufferevent_get_read_limit(bev));
  SEE(bufferevent_remove_from_rate_limit_group(bev));
  SEE(bufferevent_remove_from_rate_limit_group(bev));
  bufferevent_rate_limit_group_get_totals(group, &r, &w);
  obs("totals %d %d", (int)r, (int)w);
  bufferevent_rate_limit_group_reset_totals(group);
  bufferevent_rate_limit_group_get_totals(group, &r, &w);
  obs("totals %d %d", (int)r, (int)w);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void lower_of_own_and_group_limit(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg *own = per_hour(300, 900), *shared = per_hour(600, 600);
  struct bufferevent_rate_limit_group* group = bufferevent_rate_limit_group_new(base, shared);
  bufferevent_set_rate_limit(bev, own);
  SEE(bufferevent_add_to_rate_limit_group(bev, group));
  SEE(bufferevent_get_max_to_read(bev));
  SEE(bufferevent_get_max_to_write(bev));
  SEE(bufferevent_remove_from_rate_limit_group(bev));
  SEE(bufferevent_get_max_to_write(bev));
  bufferevent_set_rate_limit(bev, NULL);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(own), ev_token_bucket_cfg_free(shared);
  teardown(bev);
}

static void second_group_replaces_the_first(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg *a = per_hour(300, 300), *b = per_hour(600, 600);
  struct bufferevent_rate_limit_group* first = bufferevent_rate_limit_group_new(base, a);
  struct bufferevent_rate_limit_group* second = bufferevent_rate_limit_group_new(base, b);
  SEE(bufferevent_add_to_rate_limit_group(bev, first));
  SEE(bufferevent_get_max_to_read(bev));
  SEE(bufferevent_add_to_rate_limit_group(bev, second));
  SEE(bufferevent_get_max_to_read(bev));
  bufferevent_rate_limit_group_free(first);
  SEE(bufferevent_remove_from_rate_limit_group(bev));
  bufferevent_rate_limit_group_free(second);
  ev_token_bucket_cfg_free(a), ev_token_bucket_cfg_free(b);
  teardown(bev);
}

static void empty_group_bucket_stops_members(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(100, 100);
  struct bufferevent_rate_limit_group* group = bufferevent_rate_limit_group_new(base, cfg);
  bufferevent_add_to_rate_limit_group(bev, group);
  SEE(bufferevent_rate_limit_group_decrement_read(group, 200));
  SEE(bufferevent_get_max_to_read(bev));
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "0123456789", 10));
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  SEE(bufferevent_rate_limit_group_decrement_read(group, -300));
  SEE(run_until_length(base, bufferevent_get_input(bev), 10));
  bufferevent_remove_from_rate_limit_group(bev);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void freed_member_leaves_its_group(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(100, 100);
  struct bufferevent_rate_limit_group* group = bufferevent_rate_limit_group_new(base, cfg);
  SEE(bufferevent_add_to_rate_limit_group(bev, group));
  bufferevent_free(bev);
  event_base_loop(base, EVLOOP_NONBLOCK);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  event_base_free(base);
  obs("survived");
}

static void null_group_means_remove(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(100, 100);
  struct bufferevent_rate_limit_group* group = bufferevent_rate_limit_group_new(base, cfg);
  SEE(bufferevent_add_to_rate_limit_group(bev, group));
  SEE(bufferevent_get_max_to_read(bev));
  SEE(bufferevent_add_to_rate_limit_group(bev, NULL));
  SEE(bufferevent_get_max_to_read(bev) > 100);
  bufferevent_rate_limit_group_free(group);
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void freed_group_lets_its_members_go(void) {
  struct bufferevent* bev = setup();
  struct ev_token_bucket_cfg* cfg = per_hour(5, 5);
  struct bufferevent_rate_limit_group* group = bufferevent_rate_limit_group_new(base, cfg);
  bufferevent_rate_limit_group_set_min_share(group, 1);
  SEE(bufferevent_add_to_rate_limit_group(bev, group));
  bufferevent_enable(bev, EV_READ);
  SEE(write(sv[1], "0123456789", 10));
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  bufferevent_rate_limit_group_free(group);
  SEE(run_until_length(base, bufferevent_get_input(bev), 10));
  ev_token_bucket_cfg_free(cfg);
  teardown(bev);
}

static void no_share_is_not_end_of_file(void) {
  enum { members = 8 };
  struct ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(3, 3, 3, 3, msec(10));
  struct bufferevent_rate_limit_group* group;
  struct bufferevent* bev[members];
  evutil_socket_t pairs[members][2];
  size_t total = 0;
  int i;
  base = event_base_new();
  group = bufferevent_rate_limit_group_new(base, cfg);
  SEE(bufferevent_rate_limit_group_set_min_share(group, 0));
  for (i = 0; i < members; ++i) {
    unix_pair(pairs[i]);
    bev[i] = bufferevent_socket_new(base, pairs[i][0], 0);
    bufferevent_setcb(bev[i], NULL, NULL, on_event, (void*)"member");
    bufferevent_add_to_rate_limit_group(bev[i], group);
    bufferevent_enable(bev[i], EV_READ);
    if (write(pairs[i][1], "0123", 4) != 4) obs("write failed");
  }
  for (i = 0; i < 100 && total < 4 * members; ++i) {
    int j;
    run_for(base, 20);
    for (total = 0, j = 0; j < members; ++j) {
      total += evbuffer_get_length(bufferevent_get_input(bev[j]));
    }
  }
  SEE(events);
  SEE(total);
}

const struct conf_case conf_cases[] = {
    CASE(configurations),
    EXCEPTION(extreme_ticks_are_refused, "better: D45, stock overflows or divides by zero",
              "negative: NULL\n"
              "huge: NULL\n"
              "half a millisecond: NULL\n"
              "zero: NULL"),
    CASE(getters_without_limit),
    EXCEPTION(default_single_sizes, "Z18: larger by default, and honestly reported",
              "bufferevent_get_max_single_read(bev) = 262144\n"
              "bufferevent_get_max_single_write(bev) = 262144\n"
              "bufferevent_get_max_to_read(bev) = 262144"),
    CASE(single_sizes_set_and_reset),
    CASE(single_write_bounds_one_turn),
    CASE(limit_set_and_removed),
    CASE(replacing_clips_but_does_not_fill),
    EXCEPTION(max_to_read_respects_single_size, "Z5: stock lets an own limit override it",
              "bufferevent_get_max_to_read(bev) = 100\n"
              "bufferevent_get_max_to_write(bev) = 200"),
    CASE(decrementing_own_buckets),
    EXCEPTION(decrementing_without_limit, "Z10: stock dereferences NULL",
              "bufferevent_decrement_read_limit(bev, 1) = -1\n"
              "bufferevent_decrement_write_limit(bev, 1) = -1"),
    CASE(reading_stops_when_the_bucket_is_empty),
    CASE(writing_stops_when_the_bucket_is_empty),
    CASE(bucket_is_refilled),
    CASE(no_timeout_while_out_of_tokens),
    CASE(no_timeout_in_debt),
    EXCEPTION(pairs_are_limited, "better: pain 18, stock ignores the limit",
              "bufferevent_set_rate_limit(pair[0], cfg) = 0\n"
              "arrived = \"01234\"\n"
              "arrived = \"0123456789\""),
    EXCEPTION(filters_are_limited, "better: pain 18, stock ignores the limit",
              "bufferevent_set_rate_limit(filter, cfg) = 0\n"
              "write(sv[1], \"0123456789\", 10) = 10\n"
              "arrived = \"01234\"\n"
              "arrived = \"0123456789\""),
    EXCEPTION(idle_group_lets_the_loop_end, "better: pain 30, stock ticks for ever",
              "event_base_loop(base, 0) = 1"),
    EXCEPTION(file_segments_are_limited, "Z6: stock sends the whole segment",
              "write(fd, bytes, 50000) = 50000\n"
              "evbuffer_add_file(bufferevent_get_output(bev), fd, 0, 50000) = 0\n"
              "evbuffer_get_length(bufferevent_get_output(bev)) = 49000\n"
              "bufferevent_get_write_limit(bev) = 0"),
    CASE(group_getters),
    CASE(group_configuration_can_change),
    CASE(group_counts_what_members_move),
    CASE(lower_of_own_and_group_limit),
    CASE(second_group_replaces_the_first),
    CASE(empty_group_bucket_stops_members),
    CASE(freed_member_leaves_its_group),
    EXCEPTION(null_group_means_remove, "Z7: stock crashes",
              "bufferevent_add_to_rate_limit_group(bev, group) = 0\n"
              "bufferevent_get_max_to_read(bev) = 100\n"
              "bufferevent_add_to_rate_limit_group(bev, NULL) = 0\n"
              "bufferevent_get_max_to_read(bev) > 100 = 1"),
    EXCEPTION(freed_group_lets_its_members_go, "Z8: stock leaves dangling pointers",
              "bufferevent_add_to_rate_limit_group(bev, group) = 0\n"
              "write(sv[1], \"0123456789\", 10) = 10\n"
              "evbuffer_get_length(bufferevent_get_input(bev)) = 5\n"
              "run_until_length(base, bufferevent_get_input(bev), 10) = 1"),
    EXCEPTION(no_share_is_not_end_of_file, "Z17: stock takes its own empty read for the end",
              "bufferevent_rate_limit_group_set_min_share(group, 0) = 0\n"
              "events = 0\n"
              "total = 32"),
    CASES_END};

/* Paired bufferevents: moving bytes both ways, flushing, watermarks, unlinking. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/thread.h>
#include <stdlib.h>
#include <string.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static struct bufferevent* pair[2];
static int reads, writes, events;

static void on_read(struct bufferevent* bev, void* arg) {
  log_read(bev, arg);
  ++reads;
}

static void on_write(struct bufferevent* bev, void* arg) {
  log_write(bev, arg);
  ++writes;
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  log_event(bev, what, arg);
  ++events;
}

static void setup(int options) {
  base = event_base_new();
  SEE(bufferevent_pair_new(base, options, pair));
  bufferevent_setcb(pair[0], on_read, on_write, on_event, (void*)"left");
  bufferevent_setcb(pair[1], on_read, on_write, on_event, (void*)"right");
}

static void teardown(void) {
  bufferevent_free(pair[0]);
  bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
}

static struct evbuffer* in(int i) { return bufferevent_get_input(pair[i]); }
static struct evbuffer* out(int i) { return bufferevent_get_output(pair[i]); }

static void fresh_pair(void) {
  setup(0);
  SEE(bufferevent_pair_get_partner(pair[0]) == pair[1]);
  SEE(bufferevent_pair_get_partner(pair[1]) == pair[0]);
  SEE_STR(ev_names(bufferevent_get_enabled(pair[0])));
  SEE_STR(ev_names(bufferevent_get_enabled(pair[1])));
  SEE(bufferevent_get_base(pair[0]) == base && bufferevent_get_base(pair[1]) == base);
  SEE_NULL(bufferevent_get_underlying(pair[0]));
  SEE(bufferevent_getfd(pair[0]));
  SEE(bufferevent_setfd(pair[0], 5));
  SEE(bufferevent_priority_set(pair[0], 0));
  SEE(bufferevent_base_set(base, pair[0]));
  teardown();
}

static void options_table(void) {
  static const int options[] = {BEV_OPT_CLOSE_ON_FREE, BEV_OPT_DEFER_CALLBACKS,
                                BEV_OPT_UNLOCK_CALLBACKS,
                                BEV_OPT_UNLOCK_CALLBACKS | BEV_OPT_DEFER_CALLBACKS};
  size_t i;
  base = event_base_new();
  for (i = 0; i < sizeof(options) / sizeof(options[0]); ++i) {
    int result = bufferevent_pair_new(base, options[i], pair);
    obs("0x%x: %d", (unsigned)options[i], result);
    if (result == 0) bufferevent_free(pair[0]), bufferevent_free(pair[1]);
  }
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
}

static void partner_of_other_types(void) {
  struct bufferevent* socket;
  base = event_base_new();
  socket = bufferevent_socket_new(base, -1, 0);
  SEE_NULL(bufferevent_pair_get_partner(socket));
  bufferevent_free(socket);
  event_base_free(base);
}

static void bytes_both_ways(void) {
  setup(0);
  bufferevent_enable(pair[0], EV_READ), bufferevent_enable(pair[1], EV_READ);
  SEE(bufferevent_write(pair[0], "to the right", 12));
  obs("before the loop");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(bufferevent_write(pair[1], "to the left", 11));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  see_content("left input", in(0));
  see_content("right input", in(1));
  SEE(evbuffer_get_length(out(0)) + evbuffer_get_length(out(1)));
  teardown();
}

static void waits_until_the_reader_is_enabled(void) {
  setup(0);
  SEE(bufferevent_write(pair[0], "early", 5));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(evbuffer_get_length(out(0)));
  SEE(evbuffer_get_length(in(1)));
  SEE(bufferevent_enable(pair[1], EV_READ));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  see_content("right input", in(1));
  teardown();
}

static void waits_until_the_writer_is_enabled(void) {
  setup(0);
  bufferevent_disable(pair[0], EV_WRITE);
  bufferevent_enable(pair[1], EV_READ);
  SEE(bufferevent_write(pair[0], "early", 5));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(evbuffer_get_length(in(1)));
  SEE(bufferevent_enable(pair[0], EV_WRITE));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  see_content("right input", in(1));
  teardown();
}

static void high_mark_of_the_reader_holds_back(void) {
  setup(0);
  bufferevent_setcb(pair[1], NULL, NULL, NULL, NULL);
  bufferevent_setwatermark(pair[1], EV_READ, 0, 4);
  bufferevent_enable(pair[1], EV_READ);
  SEE(bufferevent_write(pair[0], "0123456789", 10));
  event_base_loop(base, EVLOOP_NONBLOCK);
  see_content("right input", in(1));
  SEE(evbuffer_get_length(out(0)));
  SEE(evbuffer_drain(in(1), 4));
  event_base_loop(base, EVLOOP_NONBLOCK);
  see_content("right input", in(1));
  SEE(evbuffer_drain(in(1), 1));
  event_base_loop(base, EVLOOP_NONBLOCK);
  see_content("right input", in(1));
  teardown();
}

static void reading_stopped_by_the_high_mark_is_quiet(void) {
  setup(0);
  bufferevent_setwatermark(pair[1], EV_READ, 0, 4);
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "0123456789", 10);
  run_for(base, 20);
  SEE(reads);
  teardown();
}

static void low_mark_of_the_reader_delays_the_callback(void) {
  setup(0);
  bufferevent_setwatermark(pair[1], EV_READ, 5, 0);
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "abc", 3);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(reads);
  bufferevent_write(pair[0], "def", 3);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(reads);
  teardown();
}

static void flush_as_end_of_stream(short what) {
  setup(0);
  /* Callbacks that only say that nothing changed are not compared. */
  bufferevent_setcb(pair[0], NULL, NULL, on_event, (void*)"left");
  bufferevent_setcb(pair[1], on_read, NULL, on_event, (void*)"right");
  bufferevent_enable(pair[0], EV_READ), bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "last", 4);
  SEE(bufferevent_flush(pair[0], what, BEV_FINISHED) >= 0);
  obs("before the loop");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  see_content("right input", in(1));
  teardown();
}

static void finished_writing(void) { flush_as_end_of_stream(EV_WRITE); }
static void finished_reading(void) { flush_as_end_of_stream(EV_READ); }
static void finished_both(void) { flush_as_end_of_stream(EV_READ | EV_WRITE); }

static void flush_moves_what_is_blocked(enum bufferevent_flush_mode mode) {
  setup(0);
  bufferevent_setwatermark(pair[1], EV_READ, 0, 10);
  bufferevent_enable(pair[1], EV_READ);
  evbuffer_add_reference(out(0), "0123456789abcdefghijklmnopqrstuvwxyz", 36, NULL, NULL);
  SEE(evbuffer_get_length(in(1)));
  SEE(bufferevent_flush(pair[0], EV_WRITE, mode) >= 0);
  SEE(evbuffer_get_length(in(1)));
  SEE(evbuffer_get_length(out(0)));
  teardown();
}

static void flush_ignores_the_high_mark(void) { flush_moves_what_is_blocked(BEV_FLUSH); }
static void normal_flush_transfers(void) { flush_moves_what_is_blocked(BEV_NORMAL); }

static void flush_pulls_for_reading(void) {
  setup(0);
  bufferevent_write(pair[0], "abc", 3);
  SEE(bufferevent_flush(pair[1], EV_READ, BEV_FLUSH) >= 0);
  SEE(evbuffer_get_length(in(1)));
  teardown();
}

static void flush_without_partner(void) {
  setup(0);
  bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
  SEE(bufferevent_flush(pair[0], EV_WRITE, BEV_FLUSH));
  SEE(bufferevent_flush(pair[0], EV_WRITE, BEV_FINISHED));
  bufferevent_free(pair[0]);
  event_base_free(base);
}

static void survivor_is_unlinked(void) {
  setup(0);
  bufferevent_enable(pair[0], EV_READ);
  bufferevent_free(pair[1]);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(events);
  SEE_NULL(bufferevent_pair_get_partner(pair[0]));
  SEE(bufferevent_write(pair[0], "into the void", 13));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(evbuffer_get_length(out(0)));
  SEE(reads + writes + events);
  bufferevent_free(pair[0]);
  event_base_free(base);
}

static void bytes_that_arrived_stay_after_the_partner_is_freed(void) {
  setup(0);
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "arrived", 7);
  bufferevent_free(pair[0]);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  see_content("right input", in(1));
  bufferevent_free(pair[1]);
  event_base_free(base);
}

static void read_timeout(void) {
  setup(0);
  bufferevent_set_timeouts(pair[0], msec(20), msec(20));
  bufferevent_enable(pair[0], EV_READ);
  run_for(base, 100);
  SEE(events);
  teardown();
}

static void write_timeout_set_while_output_waits(void) {
  setup(0);
  bufferevent_write(pair[0], "stuck", 5);
  bufferevent_set_timeouts(pair[0], NULL, msec(20));
  run_for(base, 100);
  SEE(events);
  teardown();
}

static void write_timeout_of_later_output(void) {
  setup(0);
  bufferevent_set_timeouts(pair[0], NULL, msec(20));
  run_for(base, 60);
  SEE(events);
  bufferevent_write(pair[0], "stuck", 5);
  run_for(base, 100);
  SEE(events);
  teardown();
}

static void large_content(void) {
  struct evbuffer* data = patterned_buffer(300000);
  setup(0);
  bufferevent_setcb(pair[1], NULL, NULL, NULL, NULL);
  bufferevent_enable(pair[1], EV_READ);
  SEE(bufferevent_write_buffer(pair[0], data));
  SEE(run_until_length(base, in(1), 300000));
  see_content("right input", in(1));
  evbuffer_free(data);
  teardown();
}

static int volleys;
static void return_ball(struct bufferevent* bev, void* arg) {
  (void)arg;
  if (++volleys < 1000) bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void ping_pong(void) {
  setup(0);
  bufferevent_setcb(pair[0], return_ball, NULL, on_event, NULL);
  bufferevent_setcb(pair[1], return_ball, NULL, on_event, NULL);
  bufferevent_enable(pair[0], EV_READ), bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "o", 1);
  SEE(volleys);
  SEE(run_until(base, &volleys, 1000));
  SEE(evbuffer_get_length(in(0)) + evbuffer_get_length(in(1)));
  teardown();
}

static void free_both_in_read(struct bufferevent* bev, void* arg) {
  log_read(bev, arg);
  bufferevent_free(pair[0]);
  bufferevent_free(pair[1]);
}

static void both_freed_in_a_callback(void) {
  setup(0);
  bufferevent_setcb(pair[1], free_both_in_read, on_write, on_event, (void*)"right");
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "abc", 3);
  bufferevent_flush(pair[0], EV_WRITE, BEV_FINISHED);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(events);
  event_base_free(base);
}

static void freed_with_base_first(void) {
  setup(0);
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "abc", 3);
  bufferevent_free(pair[0]);
  bufferevent_free(pair[1]);
  event_base_free(base);
  SEE(reads + writes + events);
}

static void threadsafe_pair(void) {
  evthread_use_pthreads();
  setup(BEV_OPT_THREADSAFE);
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_lock(pair[0]);
  bufferevent_write(pair[0], "abc", 3);
  bufferevent_unlock(pair[0]);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  bufferevent_free(pair[0]);
  SEE_NULL(bufferevent_pair_get_partner(pair[1]));
  bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
}

static void rate_limit_is_accepted(void) {
  struct ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(1000, 1000, 1000, 1000, NULL);
  setup(0);
  SEE(bufferevent_set_rate_limit(pair[0], cfg));
  SEE(bufferevent_get_token_bucket_cfg(pair[0]) == cfg);
  SEE(bufferevent_set_rate_limit(pair[0], NULL));
  ev_token_bucket_cfg_free(cfg);
  teardown();
}

const struct conf_case conf_cases[] = {
    CASE(fresh_pair),
    CASE(options_table),
    CASE(partner_of_other_types),
    CASE(bytes_both_ways),
    CASE(waits_until_the_reader_is_enabled),
    CASE(waits_until_the_writer_is_enabled),
    CASE(high_mark_of_the_reader_holds_back),
    EXCEPTION(reading_stopped_by_the_high_mark_is_quiet, "better: pain 35, stock calls without end",
              "bufferevent_pair_new(base, options, pair) = 0\n"
              "right: read callback, input 4\n"
              "reads = 1"),
    CASE(low_mark_of_the_reader_delays_the_callback),
    CASE(finished_writing),
    CASE(finished_reading),
    CASE(finished_both),
    CASE(flush_ignores_the_high_mark),
    EXCEPTION(normal_flush_transfers, "Z2: stock does nothing for BEV_NORMAL",
              "bufferevent_pair_new(base, options, pair) = 0\n"
              "evbuffer_get_length(in(1)) = 10\n"
              "bufferevent_flush(pair[0], EV_WRITE, mode) >= 0 = 1\n"
              "evbuffer_get_length(in(1)) = 36\n"
              "evbuffer_get_length(out(0)) = 0"),
    CASE(flush_pulls_for_reading),
    CASE(flush_without_partner),
    CASE(survivor_is_unlinked),
    CASE(bytes_that_arrived_stay_after_the_partner_is_freed),
    CASE(read_timeout),
    CASE(write_timeout_set_while_output_waits),
    EXCEPTION(write_timeout_of_later_output, "better: A14, stock never starts this timer",
              "bufferevent_pair_new(base, options, pair) = 0\n"
              "events = 0\n"
              "left: event callback TIMEOUT|WRITING, enabled 0\n"
              "events = 1"),
    CASE(large_content),
    CASE(ping_pong),
    CASE(both_freed_in_a_callback),
    CASE(freed_with_base_first),
    CASE(threadsafe_pair),
    CASE(rate_limit_is_accepted),
    CASES_END};

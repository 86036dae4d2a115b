/* Bufferevents on sockets: watermarks, timeouts, triggers, when callbacks run, life and death. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/thread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static evutil_socket_t sv[2];
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

static void count_write(struct bufferevent* bev, void* arg) {
  (void)bev, (void)arg;
  ++writes;
}

static struct bufferevent* setup(int options) {
  struct bufferevent* bev;
  base = event_base_new();
  unix_pair(sv);
  bev = bufferevent_socket_new(base, sv[0], options);
  bufferevent_setcb(bev, on_read, on_write, on_event, (void*)"bev");
  return bev;
}

static void teardown(struct bufferevent* bev) {
  bufferevent_free(bev);
  event_base_free(base);
}

static void send_peer(const char* text) {
  if (write(sv[1], text, strlen(text)) != (ssize_t)strlen(text)) obs("peer could not write");
}

static void watermark_getters(void) {
  struct bufferevent* bev = setup(0);
  size_t low = 77, high = 77;
  SEE(bufferevent_getwatermark(bev, EV_READ, &low, &high));
  obs("%zu %zu", low, high);
  bufferevent_setwatermark(bev, EV_READ, 10, 20);
  bufferevent_setwatermark(bev, EV_WRITE, 30, 40);
  SEE(bufferevent_getwatermark(bev, EV_READ, &low, &high));
  obs("%zu %zu", low, high);
  SEE(bufferevent_getwatermark(bev, EV_WRITE, &low, &high));
  obs("%zu %zu", low, high);
  SEE(bufferevent_getwatermark(bev, EV_WRITE, NULL, NULL));
  SEE(bufferevent_getwatermark(bev, EV_READ | EV_WRITE, &low, &high));
  SEE(bufferevent_getwatermark(bev, 0, &low, &high));
  SEE(bufferevent_getwatermark(bev, EV_TIMEOUT, &low, &high));
  bufferevent_setwatermark(bev, EV_READ | EV_WRITE, 5, 0);
  SEE(bufferevent_getwatermark(bev, EV_READ, &low, &high));
  obs("%zu %zu", low, high);
  teardown(bev);
}

static void low_read_mark_holds_the_callback_back(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setwatermark(bev, EV_READ, 5, 0);
  bufferevent_enable(bev, EV_READ);
  send_peer("abc");
  SEE(run_until_length(base, bufferevent_get_input(bev), 3));
  SEE(reads);
  send_peer("de");
  SEE(run_until(base, &reads, 1));
  send_peer("f");
  SEE(run_until(base, &reads, 2));
  SEE(evbuffer_drain(bufferevent_get_input(bev), 4));
  send_peer("g");
  SEE(run_until_length(base, bufferevent_get_input(bev), 3));
  SEE(reads);
  teardown(bev);
}

static void high_read_mark_stops_reading(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setcb(bev, NULL, NULL, on_event, (void*)"bev");
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  bufferevent_enable(bev, EV_READ);
  send_peer("0123456789");
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  SEE(evbuffer_drain(bufferevent_get_input(bev), 3));
  run_for(base, 20);
  see_content("input", bufferevent_get_input(bev));
  SEE(evbuffer_drain(bufferevent_get_input(bev), 4));
  run_for(base, 20);
  see_content("input", bufferevent_get_input(bev));
  teardown(bev);
}

static void reader_that_does_not_drain_is_called_once(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  bufferevent_enable(bev, EV_READ);
  send_peer("0123456789");
  run_for(base, 20);
  SEE(reads);
  teardown(bev);
}

static void high_read_mark_removed(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setcb(bev, NULL, NULL, on_event, (void*)"bev");
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  bufferevent_enable(bev, EV_READ);
  send_peer("0123456789");
  SEE(run_until_length(base, bufferevent_get_input(bev), 4));
  bufferevent_setwatermark(bev, EV_READ, 0, 0);
  SEE(run_until_length(base, bufferevent_get_input(bev), 10));
  teardown(bev);
}

static void high_read_mark_set_below_content(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setcb(bev, NULL, NULL, on_event, (void*)"bev");
  bufferevent_enable(bev, EV_READ);
  send_peer("0123456789");
  SEE(run_until_length(base, bufferevent_get_input(bev), 10));
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  send_peer("ab");
  run_for(base, 20);
  SEE(evbuffer_get_length(bufferevent_get_input(bev)));
  SEE(evbuffer_drain(bufferevent_get_input(bev), 9));
  run_for(base, 20);
  see_content("input", bufferevent_get_input(bev));
  teardown(bev);
}

static void low_write_mark_tells_when(void) {
  struct bufferevent* bev = setup(0);
  struct evbuffer* data = patterned_buffer(1000000);
  char out[65536];
  int rounds = 0;
  bufferevent_setcb(bev, NULL, NULL, on_event, (void*)"bev");
  bufferevent_setwatermark(bev, EV_WRITE, 100000, 0);
  bufferevent_write_buffer(bev, data);
  run_for(base, 10);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)) > 100000);
  bufferevent_setcb(bev, NULL, count_write, on_event, (void*)"bev");
  while (!writes && rounds++ < 5000) {
    while (read(sv[1], out, sizeof(out)) > 0) continue;
    event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE);
    if (writes) break;
  }
  SEE(evbuffer_get_length(bufferevent_get_output(bev)) <= 100000);
  SEE(writes >= 1);
  evbuffer_free(data);
  teardown(bev);
}

static void write_callback_on_each_drain(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_write(bev, "abc", 3);
  SEE(run_until(base, &writes, 1));
  run_for(base, 10);
  SEE(writes);
  bufferevent_write(bev, "abc", 3);
  SEE(run_until(base, &writes, 2));
  teardown(bev);
}

static void enabling_write_with_nothing_to_write(void) {
  struct bufferevent* bev = setup(0);
  run_for(base, 10);
  SEE(writes);
  bufferevent_enable(bev, EV_WRITE);
  run_for(base, 10);
  SEE(writes);
  bufferevent_disable(bev, EV_WRITE);
  bufferevent_enable(bev, EV_WRITE);
  run_for(base, 10);
  SEE(writes);
  teardown(bev);
}

static void high_write_mark_does_not_bind_the_user(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setwatermark(bev, EV_WRITE, 0, 4);
  bufferevent_disable(bev, EV_WRITE);
  SEE(bufferevent_write(bev, "0123456789", 10));
  SEE(evbuffer_get_length(bufferevent_get_output(bev)));
  teardown(bev);
}

static void read_timeout_once_and_disables(void) {
  struct bufferevent* bev = setup(0);
  SEE(bufferevent_set_timeouts(bev, msec(20), NULL));
  bufferevent_enable(bev, EV_READ);
  SEE(run_until(base, &events, 1));
  run_for(base, 60);
  SEE(events);
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  bufferevent_enable(bev, EV_READ);
  SEE(run_until(base, &events, 2));
  teardown(bev);
}

static void read_timeout_restarts_with_data(void) {
  struct bufferevent* bev = setup(0);
  int i;
  bufferevent_set_timeouts(bev, msec(200), NULL);
  bufferevent_enable(bev, EV_READ);
  for (i = 0; i < 6; ++i) {
    send_peer("x");
    run_for(base, 50);
  }
  SEE(events);
  SEE(reads);
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void no_read_timeout_while_disabled(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_set_timeouts(bev, msec(10), msec(10));
  run_for(base, 50);
  SEE(events);
  teardown(bev);
}

static void write_timeout_when_peer_is_full(void) {
  struct bufferevent* bev = setup(0);
  struct evbuffer* data = patterned_buffer(3000000);
  bufferevent_setcb(bev, NULL, NULL, on_event, (void*)"bev");
  bufferevent_set_timeouts(bev, NULL, msec(30));
  bufferevent_write_buffer(bev, data);
  SEE(run_until(base, &events, 1));
  run_for(base, 100);
  SEE(events);
  SEE(evbuffer_get_length(bufferevent_get_output(bev)) > 0);
  evbuffer_free(data);
  teardown(bev);
}

static void no_write_timeout_without_output(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_set_timeouts(bev, NULL, msec(10));
  bufferevent_enable(bev, EV_WRITE);
  run_for(base, 50);
  SEE(events);
  bufferevent_write(bev, "abc", 3);
  SEE(run_until(base, &writes, 2));
  run_for(base, 50);
  SEE(events);
  teardown(bev);
}

static void timeouts_can_be_removed(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_set_timeouts(bev, msec(20), NULL);
  bufferevent_enable(bev, EV_READ);
  SEE(bufferevent_set_timeouts(bev, NULL, NULL));
  run_for(base, 60);
  SEE(events);
  SEE_STR(ev_names(bufferevent_get_enabled(bev)));
  teardown(bev);
}

static void no_read_timeout_while_suspended_by_watermark(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setcb(bev, NULL, NULL, on_event, (void*)"bev");
  bufferevent_set_timeouts(bev, msec(40), NULL);
  bufferevent_setwatermark(bev, EV_READ, 0, 4);
  bufferevent_enable(bev, EV_READ);
  send_peer("0123456789");
  run_for(base, 120);
  SEE(events);
  SEE(evbuffer_drain(bufferevent_get_input(bev), 4));
  run_for(base, 10);
  SEE(evbuffer_drain(bufferevent_get_input(bev), 4));
  run_for(base, 10);
  SEE(evbuffer_drain(bufferevent_get_input(bev), 4));
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void trigger_honours_watermarks(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setwatermark(bev, EV_READ, 5, 0);
  bufferevent_enable(bev, EV_READ);
  send_peer("abc");
  SEE(run_until_length(base, bufferevent_get_input(bev), 3));
  obs("trigger read");
  bufferevent_trigger(bev, EV_READ, 0);
  obs("trigger read, ignoring the mark");
  bufferevent_trigger(bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
  obs("trigger write");
  bufferevent_trigger(bev, EV_WRITE, 0);
  obs("trigger both");
  bufferevent_trigger(bev, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
  obs("trigger nothing");
  bufferevent_trigger(bev, 0, 0);
  teardown(bev);
}

static void trigger_write_above_low_mark(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_disable(bev, EV_WRITE);
  bufferevent_write(bev, "abc", 3);
  bufferevent_trigger(bev, EV_WRITE, 0);
  SEE(writes);
  bufferevent_setwatermark(bev, EV_WRITE, 3, 0);
  bufferevent_trigger(bev, EV_WRITE, 0);
  SEE(writes);
  teardown(bev);
}

static void trigger_can_be_deferred(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_trigger(bev, EV_READ, BEV_TRIG_DEFER_CALLBACKS | BEV_TRIG_IGNORE_WATERMARKS);
  bufferevent_trigger_event(bev, BEV_EVENT_EOF, BEV_TRIG_DEFER_CALLBACKS);
  bufferevent_trigger_event(bev, BEV_EVENT_TIMEOUT | BEV_EVENT_READING, BEV_TRIG_DEFER_CALLBACKS);
  obs("before the loop");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  teardown(bev);
}

static void trigger_event_at_once(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_trigger_event(bev, BEV_EVENT_CONNECTED, 0);
  bufferevent_trigger_event(bev, BEV_EVENT_ERROR | BEV_EVENT_WRITING, 0);
  SEE(events);
  bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
  bufferevent_trigger_event(bev, BEV_EVENT_EOF, 0);
  bufferevent_trigger(bev, EV_READ | EV_WRITE, 0);
  SEE(events);
  teardown(bev);
}

static void deferred_callbacks_run_in_order(void) {
  struct bufferevent* bev = setup(BEV_OPT_DEFER_CALLBACKS);
  bufferevent_trigger_event(bev, BEV_EVENT_EOF | BEV_EVENT_READING, 0);
  bufferevent_trigger(bev, EV_WRITE, 0);
  bufferevent_trigger(bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
  bufferevent_trigger_event(bev, BEV_EVENT_CONNECTED, 0);
  obs("before the loop");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(events);
  teardown(bev);
}

static void deferred_bytes_and_eof(void) {
  struct bufferevent* bev = setup(BEV_OPT_DEFER_CALLBACKS);
  bufferevent_enable(bev, EV_READ);
  send_peer("abc");
  shutdown(sv[1], SHUT_WR);
  SEE(run_until(base, &events, 1));
  SEE(reads);
  teardown(bev);
}

static void free_in_callback_deferred(struct bufferevent* bev, void* arg) {
  log_read(bev, arg);
  bufferevent_free(bev);
}

static void freed_with_callbacks_pending(void) {
  struct bufferevent* bev = setup(BEV_OPT_DEFER_CALLBACKS);
  bufferevent_trigger(bev, EV_READ, BEV_TRIG_IGNORE_WATERMARKS);
  bufferevent_trigger_event(bev, BEV_EVENT_EOF, 0);
  bufferevent_free(bev);
  obs("freed");
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(reads);
  SEE(events);
  event_base_free(base);
}

static void freed_in_deferred_read_skips_the_rest(void) {
  struct bufferevent* bev = setup(BEV_OPT_DEFER_CALLBACKS | BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, free_in_callback_deferred, on_write, on_event, (void*)"bev");
  bufferevent_trigger_event(bev, BEV_EVENT_EOF, 0);
  bufferevent_trigger(bev, EV_READ | EV_WRITE, BEV_TRIG_IGNORE_WATERMARKS);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(writes);
  SEE(events);
  event_base_free(base);
}

static void free_in_read(struct bufferevent* bev, void* arg) {
  on_read(bev, arg);
  bufferevent_free(bev);
}

static void free_in_write(struct bufferevent* bev, void* arg) {
  on_write(bev, arg);
  bufferevent_free(bev);
}

static void free_in_event(struct bufferevent* bev, short what, void* arg) {
  on_event(bev, what, arg);
  bufferevent_free(bev);
}

static void freed_in_read_callback(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, free_in_read, on_write, on_event, (void*)"bev");
  bufferevent_enable(bev, EV_READ);
  send_peer("abc");
  SEE(run_until(base, &reads, 1));
  SEE(event_base_loop(base, 0));
  SEE(events);
  event_base_free(base);
}

static void freed_in_write_callback(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, free_in_write, on_event, (void*)"bev");
  bufferevent_write(bev, "abc", 3);
  SEE(run_until(base, &writes, 1));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void freed_in_event_callback(void) {
  struct bufferevent* bev = setup(BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(bev, on_read, on_write, free_in_event, (void*)"bev");
  bufferevent_enable(bev, EV_READ);
  close(sv[1]);
  SEE(run_until(base, &events, 1));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void reference_counting(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_incref(bev);
  SEE(bufferevent_decref(bev));
  bufferevent_incref(bev);
  bufferevent_free(bev);
  obs("still readable: %zu", evbuffer_get_length(bufferevent_get_input(bev)));
  SEE(bufferevent_decref(bev));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_base_free(base);
}

static void disable_in_read(struct bufferevent* bev, void* arg) {
  on_read(bev, arg);
  bufferevent_disable(bev, EV_READ);
}

static void disabled_in_its_own_callback(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_setcb(bev, disable_in_read, on_write, on_event, (void*)"bev");
  bufferevent_enable(bev, EV_READ);
  send_peer("abc");
  SEE(run_until(base, &reads, 1));
  send_peer("def");
  run_for(base, 20);
  SEE(reads);
  bufferevent_enable(bev, EV_READ);
  SEE(run_until(base, &reads, 2));
  teardown(bev);
}

static void echo(struct bufferevent* bev, void* arg) {
  (void)arg;
  ++reads;
  bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void echo_round_trip(void) {
  struct bufferevent *bev = setup(0), *client;
  struct evbuffer* data = patterned_buffer(200000);
  bufferevent_setcb(bev, echo, NULL, on_event, NULL);
  bufferevent_enable(bev, EV_READ);
  client = bufferevent_socket_new(base, sv[1], 0);
  bufferevent_enable(client, EV_READ);
  bufferevent_write_buffer(client, data);
  SEE(run_until_length(base, bufferevent_get_input(client), 200000));
  see_content("came back", bufferevent_get_input(client));
  evbuffer_free(data);
  bufferevent_free(client);
  teardown(bev);
}

static void unlocked_deferred_callbacks(void) {
  struct bufferevent* bev;
  evthread_use_pthreads();
  bev = setup(BEV_OPT_THREADSAFE | BEV_OPT_DEFER_CALLBACKS | BEV_OPT_UNLOCK_CALLBACKS);
  bufferevent_enable(bev, EV_READ);
  bufferevent_lock(bev);
  send_peer("abc");
  bufferevent_unlock(bev);
  SEE(run_until(base, &reads, 1));
  shutdown(sv[1], SHUT_WR);
  SEE(run_until(base, &events, 1));
  teardown(bev);
}

static void lock_functions_without_threads(void) {
  struct bufferevent* bev = setup(0);
  bufferevent_lock(bev);
  bufferevent_lock(bev);
  bufferevent_unlock(bev);
  bufferevent_unlock(bev);
  SEE(bufferevent_write(bev, "x", 1));
  teardown(bev);
}

const struct conf_case conf_cases[] = {
    CASE(watermark_getters),
    CASE(low_read_mark_holds_the_callback_back),
    CASE(high_read_mark_stops_reading),
    EXCEPTION(reader_that_does_not_drain_is_called_once, "better: pain 35, stock calls without end",
              "bev: read callback, input 4\n"
              "reads = 1"),
    CASE(high_read_mark_removed),
    CASE(high_read_mark_set_below_content),
    CASE(low_write_mark_tells_when),
    CASE(write_callback_on_each_drain),
    CASE(enabling_write_with_nothing_to_write),
    CASE(high_write_mark_does_not_bind_the_user),
    CASE(read_timeout_once_and_disables),
    CASE(read_timeout_restarts_with_data),
    CASE(no_read_timeout_while_disabled),
    CASE(write_timeout_when_peer_is_full),
    CASE(no_write_timeout_without_output),
    CASE(timeouts_can_be_removed),
    CASE(no_read_timeout_while_suspended_by_watermark),
    CASE(trigger_honours_watermarks),
    CASE(trigger_write_above_low_mark),
    CASE(trigger_can_be_deferred),
    CASE(trigger_event_at_once),
    CASE(deferred_callbacks_run_in_order),
    CASE(deferred_bytes_and_eof),
    CASE(freed_with_callbacks_pending),
    CASE(freed_in_deferred_read_skips_the_rest),
    CASE(freed_in_read_callback),
    CASE(freed_in_write_callback),
    CASE(freed_in_event_callback),
    CASE(reference_counting),
    CASE(disabled_in_its_own_callback),
    CASE(echo_round_trip),
    CASE(unlocked_deferred_callbacks),
    CASE(lock_functions_without_threads),
    CASES_END};

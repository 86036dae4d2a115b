/* Flushing filters that hold bytes back by themselves: nothing of theirs waits in a buffer. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static evutil_socket_t sv[2];
static struct bufferevent* top;
static struct evbuffer* held;
static int calls;

/* Takes what there is, and gives it when called with nothing. */
static enum bufferevent_filter_result hoard(struct evbuffer* source, struct evbuffer* destination,
                                            ev_ssize_t limit, enum bufferevent_flush_mode mode,
                                            void* arg) {
  (void)limit, (void)mode, (void)arg;
  ++calls;
  if (evbuffer_get_length(source) > 0) {
    evbuffer_add_buffer(held, source);
    return BEV_NEED_MORE;
  }
  if (evbuffer_get_length(held) == 0) return BEV_NEED_MORE;
  evbuffer_add_buffer(destination, held);
  return BEV_OK;
}

static void setup(void) {
  base = event_base_new();
  unix_pair(sv);
  held = evbuffer_new();
  calls = 0;
  top = bufferevent_filter_new(bufferevent_socket_new(base, sv[0], BEV_OPT_CLOSE_ON_FREE), hoard,
                               NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  bufferevent_setcb(top, log_read, NULL, log_event, (void*)"filter");
  bufferevent_enable(top, EV_READ | EV_WRITE);
  SEE(write(sv[1], "abcd", 4));
  SEE(run_until_length(base, held, 4));
}

static void teardown(void) {
  bufferevent_free(top);
  evutil_closesocket(sv[1]);
  event_base_free(base);
  evbuffer_free(held);
}

static void flush(enum bufferevent_flush_mode mode) {
  calls = 0;
  SEE(bufferevent_flush(top, EV_READ, mode));
  SEE(calls > 0);
  SEE(evbuffer_get_length(bufferevent_get_input(top)));
}

static void held_input_comes_with_a_normal_flush(void) {
  setup();
  flush(BEV_NORMAL);
  teardown();
}

static void held_input_comes_with_a_flush(void) {
  setup();
  flush(BEV_FLUSH);
  teardown();
}

static void held_input_comes_with_the_last_flush(void) {
  setup();
  flush(BEV_FINISHED);
  teardown();
}

static void no_normal_flush_while_reading_is_disabled(void) {
  setup();
  bufferevent_disable(top, EV_READ);
  flush(BEV_NORMAL);
  teardown();
}

const struct conf_case conf_cases[] = {CASE(held_input_comes_with_a_normal_flush),
                                       CASE(held_input_comes_with_a_flush),
                                       CASE(held_input_comes_with_the_last_flush),
                                       CASE(no_normal_flush_while_reading_is_disabled), CASES_END};

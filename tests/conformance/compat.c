/* The old interface: one current base for the whole program. */
#include <event.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static int runs;

static void log_what(evutil_socket_t fd, short what, void* arg) {
  obs("%s: fd %s, %s", (const char*)arg, fd < 0 ? "-1" : "valid", ev_names(what));
}

static void count(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  ++runs;
}

static void init_set_add_dispatch(void) {
  struct event_base* base = event_init();
  struct event ev;
  SEE_NULL(base);
  event_set(&ev, -1, 0, log_what, (void*)"timer");
  SEE(event_get_base(&ev) == base);
  SEE(event_add(&ev, msec(1)));
  SEE(event_dispatch());
  event_base_free(base);
}

static void method_and_version(void) {
  event_init();
  SEE_STR(event_get_method());
  SEE_STR(event_get_version());
}

static void timeout_macros(void) {
  struct event ev;
  event_init();
  timeout_set(&ev, log_what, (void*)"timeout");
  SEE(timeout_initialized(&ev));
  SEE(timeout_pending(&ev, NULL));
  SEE(timeout_add(&ev, msec(1)));
  SEE(timeout_pending(&ev, NULL));
  SEE(timeout_del(&ev));
  SEE(timeout_pending(&ev, NULL));
  SEE(timeout_add(&ev, msec(1)));
  SEE(event_dispatch());
}

static void evtimer_macros(void) {
  struct event ev;
  event_init();
  evtimer_set(&ev, log_what, (void*)"evtimer");
  SEE(evtimer_add(&ev, msec(1)));
  SEE(evtimer_pending(&ev, NULL));
  SEE(event_dispatch());
}

static void signal_macros(void) {
  struct event ev;
  event_init();
  signal_set(&ev, SIGUSR1, log_what, (void*)"signal");
  SEE_STR(ev_names(ev.ev_events));
  SEE(signal_add(&ev, NULL));
  SEE_STR(ev_names((short)signal_pending(&ev, NULL)));
  raise(SIGUSR1);
  SEE(event_loop(EVLOOP_ONCE));
  SEE(signal_del(&ev));
  SEE(event_loop(EVLOOP_NONBLOCK));
  evsignal_set(&ev, SIGUSR2, log_what, (void*)"evsignal");
  SEE(evsignal_add(&ev, NULL));
  raise(SIGUSR2);
  SEE(event_loop(EVLOOP_ONCE));
  SEE(evsignal_del(&ev));
}

static void once_on_the_current_base(void) {
  event_init();
  SEE(event_once(-1, EV_TIMEOUT, log_what, (void*)"once", msec(1)));
  SEE(event_once(-1, EV_TIMEOUT, log_what, (void*)"at once", NULL));
  SEE(event_once(SIGUSR1, EV_SIGNAL, count, NULL, NULL));
  SEE(event_dispatch());
}

static void loopexit_of_current_base(void) {
  struct event ev;
  event_init();
  evtimer_set(&ev, count, NULL);
  evtimer_add(&ev, msec(60000));
  SEE(event_loopexit(msec(5)));
  SEE(event_loop(0));
  SEE(runs);
}

static void break_now(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  SEE(event_loopbreak());
}

static void loopbreak_of_current_base(void) {
  struct event a, b;
  event_init();
  evtimer_set(&a, break_now, NULL);
  evtimer_set(&b, log_what, (void*)"later");
  event_active(&a, EV_TIMEOUT, 1), event_active(&b, EV_TIMEOUT, 1);
  SEE(event_dispatch());
  SEE(event_dispatch());
}

static void priorities_of_current_base(void) {
  struct event low, high;
  event_init();
  SEE(event_priority_init(2));
  SEE(event_priority_init(0));
  event_set(&low, -1, 0, log_what, (void*)"low");
  event_set(&high, -1, 0, log_what, (void*)"high");
  SEE(event_priority_set(&low, 1));
  SEE(event_priority_set(&high, 0));
  event_active(&low, EV_TIMEOUT, 1), event_active(&high, EV_TIMEOUT, 1);
  SEE(event_dispatch());
}

static void io_with_event_set(void) {
  evutil_socket_t sv[2];
  struct event ev;
  unix_pair(sv);
  event_init();
  event_set(&ev, sv[0], EV_READ | EV_PERSIST, log_what, (void*)"reader");
  SEE(event_add(&ev, NULL));
  SEE(write(sv[1], "x", 1));
  SEE(event_loop(EVLOOP_ONCE));
  SEE(event_pending(&ev, EV_READ, NULL) != 0);
  SEE(event_del(&ev));
  SEE(event_loop(EVLOOP_ONCE));
}

static void last_init_is_the_current_base(void) {
  struct event_base *first = event_init(), *second = event_init();
  struct event ev;
  SEE(first != second);
  event_set(&ev, -1, 0, count, NULL);
  SEE(ev.ev_base == second);
  SEE(event_base_set(first, &ev));
  event_add(&ev, msec(1));
  SEE(event_dispatch());
  SEE(runs);
  SEE(event_base_dispatch(first));
  SEE(runs);
}

static void freeing_null_frees_the_current_base(void) {
  event_init();
  event_base_free(NULL);
  obs("freed");
  event_init();
  SEE(event_dispatch());
}

static void loop_once_nonblock(void) {
  struct event ev;
  event_init();
  evtimer_set(&ev, count, NULL);
  evtimer_add(&ev, msec(60000));
  SEE(event_loop(EVLOOP_NONBLOCK));
  SEE(event_loop(EVLOOP_ONCE | EVLOOP_NONBLOCK));
  SEE(event_del(&ev));
  SEE(event_loop(EVLOOP_ONCE));
}

static void set_does_not_need_init(void) {
  struct event ev;
  struct event_base* base;
  memset(&ev, 0xff, sizeof(ev));
  event_set(&ev, -1, 0, log_what, (void*)"timer");
  SEE_NULL(ev.ev_base);
  base = event_base_new();
  SEE(event_base_set(base, &ev));
  SEE(event_add(&ev, msec(1)));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void reinit_of_current_base(void) {
  struct event_base* base = event_init();
  SEE(event_reinit(base));
  SEE(event_dispatch());
}

/* Names of the old header that are only macros. */
static void old_names(void) {
  struct event ev;
  struct evbuffer* buffer = evbuffer_new();
  event_init();
  event_set(&ev, 3, EV_READ, count, NULL);
  SEE(EVENT_FD(&ev));
  evbuffer_add(buffer, "abc", 3);
  SEE(EVBUFFER_LENGTH(buffer));
  see_bytes("EVBUFFER_DATA", EVBUFFER_DATA(buffer), 3);
  SEE(EVLIST_TIMEOUT);
  SEE(EVLIST_INSERTED);
  SEE(EVLIST_SIGNAL);
  SEE(EVLIST_ACTIVE);
  SEE(EVLIST_INTERNAL);
  SEE(EVLIST_INIT);
  evbuffer_free(buffer);
}

const struct conf_case conf_cases[] = {CASE(init_set_add_dispatch),
                                       CASE(method_and_version),
                                       CASE(timeout_macros),
                                       CASE(evtimer_macros),
                                       CASE(signal_macros),
                                       CASE(once_on_the_current_base),
                                       CASE(loopexit_of_current_base),
                                       CASE(loopbreak_of_current_base),
                                       CASE(priorities_of_current_base),
                                       CASE(io_with_event_set),
                                       CASE(last_init_is_the_current_base),
                                       CASE(freeing_null_frees_the_current_base),
                                       CASE(loop_once_nonblock),
                                       CASE(set_does_not_need_init),
                                       CASE(reinit_of_current_base),
                                       CASE(old_names),
                                       CASES_END};

/*
 * Timers and signals: ticks ten times a second until it is interrupted (Ctrl-C), or for as many
 * ticks as it is told.
 *
 *   cc timer_signal.c -levent_core && ./a.out 20
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct clockwork {
  struct event_base* base;
  struct timeval begin;
  long ticks, last; /* 0: without end */
};

static void on_tick(evutil_socket_t fd, short what, void* arg) {
  struct clockwork* clockwork = arg;
  struct timeval now, passed;
  (void)fd;
  (void)what;

  event_base_gettimeofday_cached(clockwork->base, &now);
  evutil_timersub(&now, &clockwork->begin, &passed);
  printf("tick %ld after %ld.%03ld s\n", ++clockwork->ticks, (long)passed.tv_sec,
         (long)passed.tv_usec / 1000);
  fflush(stdout);
  if (clockwork->ticks == clockwork->last) event_base_loopbreak(clockwork->base);
}

static void on_alarm(evutil_socket_t fd, short what, void* arg) {
  (void)fd;
  (void)what;
  (void)arg;
  puts("half a second has passed: this timer is not persistent and rings once");
}

static void on_signal(evutil_socket_t number, short what, void* arg) {
  (void)what;
  printf("signal %d: stopping\n", (int)number);
  event_base_loopexit(arg, NULL); /* after what is due now; loopbreak would not wait for it */
}

static const char usage[] =
    "usage: timer_signal [TICKS]\n"
    "Ticks ten times a second, until SIGINT or SIGTERM.\n"
    "  TICKS   how often at most; default 0, which is without end\n";

static int refuse(const char* what) {
  fprintf(stderr, "timer_signal: %s\nTry timer_signal --help.\n", what);
  return 2;
}

int main(int argc, char** argv) {
  const char* text = argc > 1 ? argv[1] : "0";
  char* rest;
  const struct timeval tenth = {0, 100000}, half = {0, 500000};
  struct clockwork clockwork = {NULL, {0, 0}, 0, 0};
  struct event *tick, *alarm, *interrupt, *terminate;

  clockwork.last = strtol(text, &rest, 10);
  if (strcmp(text, "--help") == 0) return fputs(usage, stdout), 0;
  if (argc > 2) return refuse("one number of ticks is enough");
  if (*text == '\0' || *rest != '\0' || clockwork.last < 0 || clockwork.last > 1000000)
    return refuse("the ticks are a number from 0 to 1000000");

  clockwork.base = event_base_new();
  if (clockwork.base == NULL) return 1;
  evutil_gettimeofday(&clockwork.begin, NULL);

  tick = event_new(clockwork.base, -1, EV_PERSIST, on_tick, &clockwork);
  alarm = evtimer_new(clockwork.base, on_alarm, NULL);
  interrupt = evsignal_new(clockwork.base, SIGINT, on_signal, clockwork.base);
  terminate = evsignal_new(clockwork.base, SIGTERM, on_signal, clockwork.base);
  event_add(tick, &tenth);
  event_add(alarm, &half);
  event_add(interrupt, NULL);
  event_add(terminate, NULL);

  event_base_dispatch(clockwork.base);

  event_free(terminate);
  event_free(interrupt);
  event_free(alarm);
  event_free(tick);
  event_base_free(clockwork.base);
  return 0;
}

/* event_base_once, finalizers, dumps, debug of forgotten things: the less used doors of event.h. */
#define _GNU_SOURCE /* strcasestr */

#include <event2/event.h>
#include <event2/event_struct.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void once_with_timeout(void) {
  base = event_base_new();
  SEE(event_base_once(base, -1, EV_TIMEOUT, log_what, (void*)"timer", msec(5)));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_loop(base, 0));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  event_base_free(base);
}

static void once_at_once(void) {
  base = event_base_new();
  SEE(event_base_once(base, -1, EV_TIMEOUT, log_what, (void*)"null timeout", NULL));
  SEE(event_base_once(base, -1, EV_TIMEOUT, log_what, (void*)"zero timeout", msec(0)));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void once_with_io(void) {
  evutil_socket_t sv[2];
  unix_pair(sv);
  base = event_base_new();
  SEE(event_base_once(base, sv[0], EV_WRITE, log_what, (void*)"w", NULL));
  SEE(event_base_loop(base, 0));
  SEE(event_base_once(base, sv[0], EV_READ, log_what, (void*)"r", msec(10)));
  SEE(event_base_loop(base, 0));
  SEE(event_base_once(base, sv[1], EV_READ | EV_WRITE, log_what, (void*)"rw", NULL));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void once_refuses_signals_and_persistence(void) {
  base = event_base_new();
  SEE(event_base_once(base, SIGUSR1, EV_SIGNAL, count, NULL, NULL));
  SEE(event_base_once(base, -1, EV_TIMEOUT | EV_PERSIST, count, NULL, msec(1)));
  SEE(event_base_once(base, -1, 0, count, NULL, msec(1)));
  SEE(event_base_once(base, 1, EV_TIMEOUT | EV_SIGNAL, count, NULL, msec(1)));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  event_base_free(base);
}

static void once_pending_when_base_is_freed(void) {
  base = event_base_new();
  SEE(event_base_once(base, -1, EV_TIMEOUT, count, NULL, msec(60000)));
  event_base_free(base);
  SEE(runs);
}

static void log_finalize(struct event* ev, void* arg) {
  (void)ev;
  obs("finalizer of %s", (const char*)arg);
}

static void finalize_runs_in_the_loop(void) {
  struct event ev;
  base = event_base_new();
  event_assign(&ev, base, -1, EV_PERSIST, log_what, (void*)"ev");
  event_add(&ev, msec(1));
  SEE(event_finalize(0, &ev, log_finalize));
  SEE(event_pending(&ev, EV_TIMEOUT, NULL));
  SEE(event_add(&ev, msec(1)));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

/* Out of use also when the finalizer has run, until it is assigned again. */
static void add_inside_finalizer(struct event* ev, void* arg) {
  (void)arg;
  SEE(event_initialized(ev));
  SEE(event_add(ev, msec(1)));
}

static void finalized_event_is_out_of_use(void) {
  struct event ev;
  base = event_base_new();
  event_assign(&ev, base, -1, EV_PERSIST, log_what, (void*)"ev");
  SEE(event_finalize(0, &ev, add_inside_finalizer));
  SEE(event_base_loop(base, 0));
  SEE(event_add(&ev, msec(1)));
  event_active(&ev, EV_READ, 1);
  SEE(event_pending(&ev, EV_TIMEOUT | EV_READ, NULL));
  SEE(event_finalize(0, &ev, log_finalize));
  SEE(event_del(&ev));
  SEE(event_remove_timer(&ev));
  SEE(event_priority_set(&ev, 0));
  SEE(event_base_loop(base, 0));
  event_assign(&ev, base, -1, 0, log_what, (void*)"assigned again");
  SEE(event_add(&ev, msec(1)));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void assign_inside_finalizer(struct event* ev, void* arg) {
  (void)arg;
  event_assign(ev, base, -1, 0, log_what, (void*)"second life");
  SEE(event_add(ev, msec(1)));
}

static void finalizer_may_assign_the_event_again(void) {
  struct event ev;
  base = event_base_new();
  event_assign(&ev, base, -1, EV_PERSIST, log_what, (void*)"first life");
  event_add(&ev, msec(1));
  SEE(event_finalize(0, &ev, assign_inside_finalizer));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void log_other_finalize(struct event* ev, void* arg) {
  (void)ev;
  obs("other finalizer of %s", (const char*)arg);
}

static void finalized_twice_calls_the_last_finalizer(void) {
  struct event ev;
  struct event* made;
  base = event_base_new();
  event_assign(&ev, base, -1, EV_PERSIST, log_what, (void*)"ev");
  SEE(event_finalize(0, &ev, log_finalize));
  SEE(event_finalize(0, &ev, log_other_finalize));
  made = event_new(base, -1, 0, log_what, (void*)"made");
  SEE(event_finalize(0, made, log_finalize));
  SEE(event_free_finalize(0, made, log_other_finalize));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void free_finalize_frees_after(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, EV_PERSIST, log_what, (void*)"ev");
  event_add(ev, msec(1));
  SEE(event_free_finalize(0, ev, log_finalize));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

static void finalizer_runs_at_base_free(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_what, (void*)"ev");
  event_free_finalize(0, ev, log_finalize);
  event_base_free(base);
  obs("base is gone");
}

static void base_free_nofinalize_skips_it(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, 0, log_what, (void*)"ev");
  event_finalize(0, ev, log_finalize);
  event_base_free_nofinalize(base);
  obs("base is gone");
}

static void log_finalize_self(struct event* ev, void* arg) { obs("same pointer %d", ev == arg); }

static void finalize_self(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  obs("callback");
  SEE(event_free_finalize(0, arg, log_finalize_self));
}

static void finalize_inside_own_callback(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, -1, EV_PERSIST, finalize_self, event_self_cbarg());
  event_add(ev, msec(1));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
}

/* Without what differs from run to run, and without the library's own events. */
static void see_dump_line(char* line) {
  const char* address = strstr(line, "0x");
  char* timeout = strstr(line, "Timeout=");
  int fd;
  if (strstr(line, "Internal")) return;
  if (!address) {
    obs("%s", line);
    return;
  }
  if (timeout) strcpy(timeout, "Timeout=...");
  address += strcspn(address, " ");
  if (sscanf(address, " [fd %d", &fd) == 1 && fd >= 0) {
    obs("  ...%.5s...%s", address, strpbrk(address + 6, ",]"));
  } else {
    obs("  ...%s", address);
  }
}

static void dump_names_what_is_there(void) {
  char text[1000];
  evutil_socket_t sv[2];
  struct event *io, *timer, *sig, *active;
  FILE* file = tmpfile();
  unix_pair(sv);
  base = event_base_new();
  event_base_priority_init(base, 3);
  io = event_new(base, sv[0], EV_READ | EV_WRITE | EV_CLOSED | EV_ET | EV_PERSIST, count, NULL);
  timer = event_new(base, -1, EV_PERSIST, count, NULL);
  sig = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, count, NULL);
  active = event_new(base, -1, 0, count, NULL);
  event_priority_set(active, 2);
  event_add(io, NULL), event_add(timer, msec(60000)), event_add(sig, msec(60000));
  event_active(active, EV_WRITE | EV_TIMEOUT | EV_PERSIST, 1);
  event_active(io, EV_READ | EV_CLOSED | EV_ET, 1);
  event_active(sig, EV_SIGNAL, 1);
  event_base_dump_events(base, file);
  rewind(file);
  while (fgets(text, sizeof(text), file)) {
    text[strcspn(text, "\n")] = '\0';
    see_dump_line(text);
  }
  fclose(file);
  event_free(io), event_free(timer), event_free(sig), event_free(active);
  event_base_free(base);
}

static void dump_of_empty_base(void) {
  FILE* file = tmpfile();
  base = event_base_new();
  event_base_dump_events(base, file);
  SEE(fseek(file, 0, SEEK_END));
  obs("mentions no event: %d", ftell(file) < 100);
  fclose(file);
  event_base_free(base);
}

static void evtimer_macros(void) {
  struct event* ev;
  struct timeval tv;
  base = event_base_new();
  ev = evtimer_new(base, log_what, (void*)"timer");
  SEE(evtimer_initialized(ev));
  SEE(evtimer_add(ev, msec(5)));
  SEE(evtimer_pending(ev, &tv));
  SEE(evtimer_del(ev));
  SEE(evtimer_pending(ev, NULL));
  SEE(evtimer_add(ev, msec(1)));
  SEE(event_base_loop(base, 0));
  SEE(evtimer_assign(ev, base, log_what, (void*)"again"));
  SEE(evtimer_add(ev, msec(1)));
  SEE(event_base_loop(base, 0));
  event_free(ev);
  event_base_free(base);
}

static void struct_fields_are_live(void) {
  struct event ev;
  evutil_socket_t sv[2];
  unix_pair(sv);
  base = event_base_new();
  event_assign(&ev, base, sv[0], EV_READ | EV_PERSIST, count, &runs);
  SEE(ev.ev_fd == sv[0]);
  SEE(ev.ev_base == base);
  SEE_STR(ev_names(ev.ev_events));
  SEE(ev.ev_evcallback.evcb_arg == &runs);
  SEE(ev.ev_evcallback.evcb_cb_union.evcb_callback == count);
  SEE(event_initialized(&ev));
  SEE(ev.ev_evcallback.evcb_flags & EVLIST_INSERTED);
  event_add(&ev, msec(60000));
  obs("inserted %d, timeout %d, active %d", !!(ev.ev_evcallback.evcb_flags & EVLIST_INSERTED),
      !!(ev.ev_evcallback.evcb_flags & EVLIST_TIMEOUT),
      !!(ev.ev_evcallback.evcb_flags & EVLIST_ACTIVE));
  event_active(&ev, EV_READ, 1);
  obs("active %d, result %s", !!(ev.ev_evcallback.evcb_flags & EVLIST_ACTIVE), ev_names(ev.ev_res));
  event_del(&ev);
  obs("flags without init: %d", ev.ev_evcallback.evcb_flags & ~EVLIST_INIT);
  event_base_free(base);
}

static void assign_again_after_del(void) {
  struct event ev;
  base = event_base_new();
  event_assign(&ev, base, -1, 0, log_what, (void*)"before");
  event_add(&ev, msec(5));
  event_del(&ev);
  SEE(event_assign(&ev, base, -1, 0, log_what, (void*)"after"));
  event_add(&ev, msec(1));
  SEE(event_base_loop(base, 0));
  event_debug_unassign(&ev);
  event_base_free(base);
}

static void many_descriptors(void) {
  enum { pairs = 100 };
  evutil_socket_t sv[pairs][2];
  struct event* ev[pairs];
  int i;
  base = event_base_new();
  for (i = 0; i < pairs; ++i) {
    unix_pair(sv[i]);
    ev[i] = event_new(base, sv[i][0], EV_READ, count, NULL);
    event_add(ev[i], NULL);
  }
  for (i = 0; i < pairs; i += 2) {
    if (write(sv[i][1], "x", 1) != 1) obs("write failed");
  }
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(runs);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  for (i = 1; i < pairs; i += 2) evutil_closesocket(sv[i][1]);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(runs);
  for (i = 0; i < pairs; ++i) event_free(ev[i]);
  event_base_free(base);
}

static void fd_reused_after_del_and_close(void) {
  evutil_socket_t first[2], second[2];
  struct event *a, *b;
  int same;
  base = event_base_new();
  unix_pair(first);
  a = event_new(base, first[0], EV_READ, log_what, (void*)"old");
  event_add(a, NULL);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_del(a);
  same = first[0];
  evutil_closesocket(first[0]), evutil_closesocket(first[1]);
  unix_pair(second);
  SEE(second[0] == same);
  b = event_new(base, second[0], EV_READ, log_what, (void*)"new");
  SEE(event_add(b, NULL));
  SEE(write(second[1], "x", 1));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(a), event_free(b);
  event_base_free(base);
}

static void fd_closed_while_added(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  unix_pair(sv);
  base = event_base_new();
  ev = event_new(base, sv[0], EV_READ, log_what, (void*)"gone");
  event_add(ev, NULL);
  event_base_loop(base, EVLOOP_NONBLOCK);
  evutil_closesocket(sv[0]);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_del(ev));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  event_free(ev);
  event_base_free(base);
}

const struct conf_case conf_cases[] = {CASE(once_with_timeout),
                                       CASE(once_at_once),
                                       CASE(once_with_io),
                                       CASE(once_refuses_signals_and_persistence),
                                       CASE(once_pending_when_base_is_freed),
                                       CASE(finalize_runs_in_the_loop),
                                       CASE(finalized_event_is_out_of_use),
                                       CASE(finalizer_may_assign_the_event_again),
                                       CASE(finalized_twice_calls_the_last_finalizer),
                                       CASE(free_finalize_frees_after),
                                       CASE(finalizer_runs_at_base_free),
                                       CASE(base_free_nofinalize_skips_it),
                                       CASE(finalize_inside_own_callback),
                                       CASE(dump_names_what_is_there),
                                       CASE(dump_of_empty_base),
                                       CASE(evtimer_macros),
                                       CASE(struct_fields_are_live),
                                       CASE(assign_again_after_del),
                                       CASE(many_descriptors),
                                       CASE(fd_reused_after_del_and_close),
                                       CASE(fd_closed_while_added),
                                       CASES_END};

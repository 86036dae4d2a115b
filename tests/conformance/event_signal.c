/* Signal events: delivery, counts, several per signal, life across bases and forks. */
#include <event2/event.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static int runs;

static void log_signal(evutil_socket_t fd, short what, void* arg) {
  ++runs;
  obs("%s: signal %s, %s", (const char*)arg,
      fd == SIGUSR1   ? "USR1"
      : fd == SIGUSR2 ? "USR2"
                      : "other",
      ev_names(what));
}

static struct event* signal_event(int number, short extra, const char* name) {
  return event_new(base, number, (short)(EV_SIGNAL | extra), log_signal, (void*)name);
}

static void plain_signal_fires_once(void) {
  struct event* ev;
  base = event_base_new();
  ev = signal_event(SIGUSR1, 0, "plain");
  SEE(event_add(ev, NULL));
  SEE(event_get_signal(ev) == SIGUSR1);
  raise(SIGUSR1);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_pending(ev, EV_SIGNAL, NULL));
  event_free(ev);
  event_base_free(base);
}

static void log_signal_and_add_again(evutil_socket_t fd, short what, void* ev) {
  log_signal(fd, what, (void*)"again");
  if (runs < 3) SEE(event_add(ev, NULL));
}

/* What was delivered before its callback ran is for the event that this adds again. */
static void delivered_while_active_comes_after_adding_again(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, SIGUSR1, EV_SIGNAL, log_signal_and_add_again, event_self_cbarg());
  SEE(event_add(ev, NULL));
  event_active(ev, EV_SIGNAL, 1);
  raise(SIGUSR1);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void delivered_before_it_was_added_again(void) {
  struct event* ev;
  base = event_base_new();
  ev = signal_event(SIGUSR1, 0, "plain");
  SEE(event_add(ev, NULL));
  raise(SIGUSR1);
  SEE(event_del(ev));
  SEE(event_add(ev, NULL));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void persistent_signal_repeats(void) {
  struct event* ev;
  int i;
  base = event_base_new();
  ev = signal_event(SIGUSR1, EV_PERSIST, "persistent");
  event_add(ev, NULL);
  for (i = 0; i < 3; ++i) {
    raise(SIGUSR1);
    SEE(event_base_loop(base, EVLOOP_ONCE));
  }
  SEE_STR(ev_names((short)event_pending(ev, EV_SIGNAL, NULL)));
  event_free(ev);
  event_base_free(base);
}

static void raised_three_times_is_called_three_times(void) {
  struct event* ev;
  base = event_base_new();
  ev = signal_event(SIGUSR1, EV_PERSIST, "counted");
  event_add(ev, NULL);
  raise(SIGUSR1), raise(SIGUSR1), raise(SIGUSR1);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void two_events_for_one_signal(void) {
  struct event *a, *b;
  base = event_base_new();
  a = signal_event(SIGUSR1, EV_PERSIST, "a");
  b = signal_event(SIGUSR1, EV_PERSIST, "b");
  event_add(a, NULL), event_add(b, NULL);
  raise(SIGUSR1);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(runs);
  event_del(a);
  raise(SIGUSR1);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(runs);
  event_free(a), event_free(b);
  event_base_free(base);
}

static void two_different_signals(void) {
  struct event *a, *b;
  base = event_base_new();
  event_base_priority_init(base, 2);
  a = signal_event(SIGUSR1, EV_PERSIST, "first");
  b = signal_event(SIGUSR2, EV_PERSIST, "second");
  event_priority_set(a, 0), event_priority_set(b, 1);
  event_add(a, NULL), event_add(b, NULL);
  raise(SIGUSR2), raise(SIGUSR1);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  event_free(a), event_free(b);
  event_base_free(base);
}

static int own_handler_calls;
static void own_handler(int number) {
  (void)number;
  ++own_handler_calls;
}

static void previous_handler_comes_back(void) {
  struct event* ev;
  struct sigaction now;
  signal(SIGUSR1, own_handler);
  base = event_base_new();
  ev = signal_event(SIGUSR1, EV_PERSIST, "event");
  event_add(ev, NULL);
  raise(SIGUSR1);
  SEE(own_handler_calls);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_del(ev);
  sigaction(SIGUSR1, NULL, &now);
  SEE(now.sa_handler == own_handler);
  raise(SIGUSR1);
  SEE(own_handler_calls);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void base_free_restores_the_handler(void) {
  struct event* ev;
  struct sigaction now;
  base = event_base_new();
  ev = signal_event(SIGUSR1, EV_PERSIST, "event");
  event_add(ev, NULL);
  sigaction(SIGUSR1, NULL, &now);
  SEE(now.sa_handler == SIG_DFL);
  event_base_free(base);
  sigaction(SIGUSR1, NULL, &now);
  SEE(now.sa_handler == SIG_DFL);
}

static void signal_with_timeout(void) {
  struct event* ev;
  base = event_base_new();
  ev = signal_event(SIGUSR1, 0, "impatient");
  event_add(ev, msec(10));
  SEE(event_base_loop(base, 0));
  SEE(event_pending(ev, EV_SIGNAL | EV_TIMEOUT, NULL));
  event_free(ev);
  event_base_free(base);
}

static void signal_keeps_the_loop_alive(void) {
  struct event* ev;
  base = event_base_new();
  ev = signal_event(SIGUSR1, EV_PERSIST, "event");
  event_add(ev, NULL);
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_VIRTUAL));
  event_del(ev);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_free(ev);
  event_base_free(base);
}

static void impossible_signal_numbers(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, SIGKILL, EV_SIGNAL, log_signal, (void*)"kill");
  SEE(event_add(ev, NULL));
  SEE(event_pending(ev, EV_SIGNAL, NULL));
  event_free(ev);
  event_base_free(base);
}

static void raise_inside(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  obs("timer raises");
  raise(SIGUSR1);
}

static void signal_raised_in_a_callback(void) {
  struct event *ev, *timer;
  base = event_base_new();
  ev = signal_event(SIGUSR1, 0, "event");
  timer = event_new(base, -1, 0, raise_inside, NULL);
  event_add(ev, NULL), event_add(timer, msec(1));
  SEE(event_base_loop(base, 0));
  event_free(ev), event_free(timer);
  event_base_free(base);
}

static void delete_self(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  ++runs;
  event_del(arg);
}

static void deleted_in_callback_drops_further_calls(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, delete_self, event_self_cbarg());
  event_add(ev, NULL);
  raise(SIGUSR1), raise(SIGUSR1), raise(SIGUSR1);
  SEE(event_base_loop(base, 0));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void free_self(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  ++runs;
  event_free(arg);
}

static void freed_in_callback_drops_further_calls(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, SIGUSR1, EV_SIGNAL, free_self, event_self_cbarg());
  event_add(ev, NULL);
  raise(SIGUSR1), raise(SIGUSR1), raise(SIGUSR1);
  SEE(event_base_loop(base, 0));
  SEE(runs);
  ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, free_self, event_self_cbarg());
  event_active(ev, EV_SIGNAL, 3);
  SEE(event_base_loop(base, 0));
  SEE(runs);
  event_base_free(base);
}

static struct event* deleted_before;

static void delete_the_other(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  ++runs;
  SEE(event_del(deleted_before));
}

static void deletion_drops_the_calls_of_its_event_only(void) {
  struct event* ev;
  base = event_base_new();
  deleted_before = event_new(base, SIGUSR1, EV_SIGNAL, delete_self, event_self_cbarg());
  ev = event_new(base, SIGUSR2, EV_SIGNAL, delete_the_other, NULL);
  event_active(deleted_before, EV_SIGNAL, 2);
  event_active(ev, EV_SIGNAL, 2);
  SEE(event_base_loop(base, 0));
  SEE(runs);
  event_free(deleted_before);
  event_free(ev);
  event_base_free(base);
}

static void log_name(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what;
  obs("%s", (const char*)arg);
}

static void deletion_of_an_event_that_was_never_called_drops_nothing(void) {
  struct event* ev;
  base = event_base_new();
  deleted_before =
      event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, delete_self, event_self_cbarg());
  ev = event_new(base, SIGUSR2, EV_SIGNAL | EV_PERSIST, delete_the_other, NULL);
  event_active(deleted_before, EV_SIGNAL, 0);
  event_active(ev, EV_SIGNAL, 2);
  SEE(event_base_loop(base, 0));
  SEE(runs);
  event_free(deleted_before);
  event_free(ev);
  event_base_free(base);
}

static void runs_behind_descriptors_and_timers(void) {
  struct event *sig, *timer, *reader;
  int p[2];
  SEE(pipe(p));
  SEE(write(p[1], "x", 1));
  base = event_base_new();
  sig = signal_event(SIGUSR1, 0, "signal");
  timer = event_new(base, -1, 0, log_name, (void*)"timer");
  reader = event_new(base, p[0], EV_READ, log_name, (void*)"reader");
  event_add(sig, NULL);
  raise(SIGUSR1);
  event_add(timer, msec(1)), event_add(reader, NULL);
  usleep(20000);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(sig), event_free(timer), event_free(reader);
  event_base_free(base);
}

static void active_with_several_calls(void) {
  struct event* ev;
  base = event_base_new();
  ev = signal_event(SIGUSR1, EV_PERSIST, "event");
  event_add(ev, NULL);
  event_active(ev, EV_SIGNAL, 3);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(runs);
  event_active(ev, EV_SIGNAL, 0);
  SEE(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NONBLOCK));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void break_loop(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  ++runs;
  event_base_loopbreak(base);
}

static void loopbreak_ends_repeated_calls(void) {
  struct event* ev;
  base = event_base_new();
  ev = event_new(base, SIGUSR1, EV_SIGNAL | EV_PERSIST, break_loop, NULL);
  event_add(ev, NULL);
  event_active(ev, EV_SIGNAL, 5);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void active_by_signal(void) {
  struct event* ev;
  base = event_base_new();
  ev = signal_event(SIGUSR1, EV_PERSIST, "event");
  event_add(ev, NULL);
  event_base_active_by_signal(base, SIGUSR1);
  event_base_active_by_signal(base, SIGUSR2);
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ACTIVE));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(ev);
  event_base_free(base);
}

static void signal_from_another_process(void) {
  struct event* ev;
  pid_t pid;
  base = event_base_new();
  ev = signal_event(SIGUSR1, 0, "event");
  event_add(ev, NULL);
  pid = fork();
  if (pid == 0) {
    kill(getppid(), SIGUSR1);
    _exit(0);
  }
  SEE(event_base_loop(base, 0));
  SEE(waitpid(pid, NULL, 0) == pid);
  event_free(ev);
  event_base_free(base);
}

static void child_signal_event(void) {
  struct event* ev;
  pid_t pid;
  int status = 0;
  base = event_base_new();
  ev = event_new(base, SIGCHLD, EV_SIGNAL, log_signal, (void*)"child");
  event_add(ev, NULL);
  pid = fork();
  if (pid == 0) _exit(7);
  SEE(event_base_loop(base, 0));
  SEE(waitpid(pid, &status, 0) == pid);
  SEE(WEXITSTATUS(status));
  event_free(ev);
  event_base_free(base);
}

static void second_base_takes_over_signals(void) {
  struct event *first, *second;
  struct event_base* other = event_base_new();
  base = event_base_new();
  first = signal_event(SIGUSR1, EV_PERSIST, "first base");
  second = event_new(other, SIGUSR1, EV_SIGNAL | EV_PERSIST, log_signal, (void*)"second base");
  event_add(first, NULL);
  event_add(second, NULL);
  raise(SIGUSR1);
  SEE(event_base_loop(other, EVLOOP_NONBLOCK | EVLOOP_ONCE));
  event_free(second);
  event_base_free(other);
  event_free(first);
  event_base_free(base);
}

static void evsignal_macros(void) {
  struct event* ev;
  base = event_base_new();
  ev = evsignal_new(base, SIGUSR2, log_signal, (void*)"macro");
  SEE_STR(ev_names(event_get_events(ev)));
  SEE(evsignal_add(ev, NULL));
  SEE_STR(ev_names((short)evsignal_pending(ev, NULL)));
  SEE(evsignal_initialized(ev));
  SEE(evsignal_del(ev));
  SEE_STR(ev_names((short)evsignal_pending(ev, NULL)));
  event_free(ev);
  event_base_free(base);
}

static void works_after_reinit_in_child(void) {
  struct event* ev;
  pid_t pid;
  int status = 0;
  base = event_base_new();
  ev = signal_event(SIGUSR1, EV_PERSIST, "event");
  event_add(ev, NULL);
  pid = fork();
  if (pid == 0) {
    if (event_reinit(base) != 0) _exit(1);
    raise(SIGUSR1);
    event_base_loop(base, EVLOOP_ONCE);
    _exit(runs == 1 ? 42 : 2);
  }
  SEE(waitpid(pid, &status, 0) == pid);
  SEE(WEXITSTATUS(status));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK | EVLOOP_ONCE));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

const struct conf_case conf_cases[] = {
    CASE(plain_signal_fires_once),
    CASE(delivered_while_active_comes_after_adding_again),
    CASE(delivered_before_it_was_added_again),
    CASE(persistent_signal_repeats),
    CASE(raised_three_times_is_called_three_times),
    CASE(two_events_for_one_signal),
    CASE(two_different_signals),
    CASE(previous_handler_comes_back),
    CASE(base_free_restores_the_handler),
    CASE(signal_with_timeout),
    CASE(signal_keeps_the_loop_alive),
    CASE(impossible_signal_numbers),
    CASE(signal_raised_in_a_callback),
    CASE(deleted_in_callback_drops_further_calls),
    CASE(freed_in_callback_drops_further_calls),
    EXCEPTION(deletion_drops_the_calls_of_its_event_only, "better: stock follows a stale pointer",
              "event_del(deleted_before) = 0\n"
              "event_del(deleted_before) = 0\n"
              "event_base_loop(base, 0) = 1\n"
              "runs = 3"),
    CASE(deletion_of_an_event_that_was_never_called_drops_nothing),
    CASE(runs_behind_descriptors_and_timers),
    CASE(active_with_several_calls),
    CASE(loopbreak_ends_repeated_calls),
    CASE(active_by_signal),
    CASE(signal_from_another_process),
    CASE(child_signal_event),
    CASE(second_base_takes_over_signals),
    CASE(evsignal_macros),
    CASE(works_after_reinit_in_child),
    CASES_END};

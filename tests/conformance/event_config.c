/* Making a base: methods, features, flags, limits per turn, environment, version, fork. */
#include <event2/event.h>
#include <event2/thread.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static int runs;

static void count(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  ++runs;
}

static void version_strings(void) {
  SEE_STR(event_get_version());
  obs("number 0x%08x", event_get_version_number());
  obs("header 0x%08x %s", (unsigned)LIBEVENT_VERSION_NUMBER, LIBEVENT_VERSION);
  SEE(event_get_struct_event_size());
}

static void supported_methods(void) {
  const char** methods = event_get_supported_methods();
  for (; *methods; ++methods) obs("%s", *methods);
}

/* What may follow the name tells of an implementation: "(with changelist)". */
static const char* method_of(struct event_base* b) {
  static char first_word[16];
  if (!b) return "(no base)";
  sscanf(event_base_get_method(b), "%15s", first_word);
  return first_word;
}

static void default_base(void) {
  base = event_base_new();
  SEE_STR(method_of(base));
  SEE(event_base_get_features(base));
  SEE(event_base_get_npriorities(base));
  event_base_free(base);
}

static void avoiding_methods_one_by_one(void) {
  struct event_config* cfg = event_config_new();
  static const char* avoid[] = {"epoll", "poll", "select"};
  int i;
  for (i = 0; i < 3; ++i) {
    obs("avoid %s: %d", avoid[i], event_config_avoid_method(cfg, avoid[i]));
    base = event_base_new_with_config(cfg);
    obs("leaves %s with features %d", method_of(base), base ? event_base_get_features(base) : -1);
    if (base) event_base_free(base);
  }
  event_config_free(cfg);
}

static void avoiding_unknown_method_is_harmless(void) {
  struct event_config* cfg = event_config_new();
  SEE(event_config_avoid_method(cfg, "kqueue"));
  SEE(event_config_avoid_method(cfg, ""));
  base = event_base_new_with_config(cfg);
  SEE_STR(method_of(base));
  event_base_free(base);
  event_config_free(cfg);
}

static void features_choose_the_method(void) {
  static const int features[] = {EV_FEATURE_ET,
                                 EV_FEATURE_O1,
                                 EV_FEATURE_FDS,
                                 EV_FEATURE_EARLY_CLOSE,
                                 EV_FEATURE_ET | EV_FEATURE_FDS,
                                 0};
  size_t i;
  for (i = 0; i < sizeof(features) / sizeof(features[0]); ++i) {
    struct event_config* cfg = event_config_new();
    int set = event_config_require_features(cfg, features[i]);
    base = event_base_new_with_config(cfg);
    obs("0x%x: %d, %s", (unsigned)features[i], set, method_of(base));
    if (base) event_base_free(base);
    event_config_free(cfg);
  }
}

static void null_config_means_default(void) {
  SEE(event_config_require_features(NULL, 0));
  base = event_base_new_with_config(NULL);
  SEE_STR(method_of(base));
  event_base_free(base);
}

static void flags_are_accepted(void) {
  static const int flags[] = {EVENT_BASE_FLAG_NOLOCK,
                              EVENT_BASE_FLAG_IGNORE_ENV,
                              EVENT_BASE_FLAG_STARTUP_IOCP,
                              EVENT_BASE_FLAG_NO_CACHE_TIME,
                              EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST,
                              EVENT_BASE_FLAG_PRECISE_TIMER};
  size_t i;
  for (i = 0; i < sizeof(flags) / sizeof(flags[0]); ++i) {
    struct event_config* cfg = event_config_new();
    struct event* ev;
    int set = event_config_set_flag(cfg, flags[i]);
    base = event_base_new_with_config(cfg);
    ev = event_new(base, -1, 0, count, NULL);
    event_add(ev, msec(1));
    event_base_loop(base, 0);
    obs("0x%x: %d, %s, runs %d", (unsigned)flags[i], set, method_of(base), runs);
    event_free(ev);
    event_base_free(base);
    event_config_free(cfg);
  }
}

static void environment_switches_methods_off(void) {
  setenv("EVENT_NOEPOLL", "1", 1);
  base = event_base_new();
  SEE_STR(method_of(base));
  event_base_free(base);
  setenv("EVENT_NOPOLL", "", 1);
  base = event_base_new();
  SEE_STR(method_of(base));
  event_base_free(base);
  setenv("EVENT_NOSELECT", "1", 1);
  base = event_base_new();
  SEE_STR(method_of(base));
}

static void environment_can_be_ignored(void) {
  struct event_config* cfg = event_config_new();
  setenv("EVENT_NOEPOLL", "1", 1);
  event_config_set_flag(cfg, EVENT_BASE_FLAG_IGNORE_ENV);
  base = event_base_new_with_config(cfg);
  SEE_STR(method_of(base));
  event_base_free(base);
  event_config_free(cfg);
}

static void environment_and_avoidance_add_up(void) {
  struct event_config* cfg = event_config_new();
  setenv("EVENT_NOEPOLL", "1", 1);
  event_config_avoid_method(cfg, "poll");
  base = event_base_new_with_config(cfg);
  SEE_STR(method_of(base));
  event_base_free(base);
  event_config_free(cfg);
}

static void environment_changelist(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  setenv("EVENT_EPOLL_USE_CHANGELIST", "1", 1);
  unix_pair(sv);
  base = event_base_new();
  SEE_STR(method_of(base));
  ev = event_new(base, sv[0], EV_WRITE, count, NULL);
  SEE(event_add(ev, NULL));
  SEE(event_del(ev));
  SEE(event_add(ev, NULL));
  SEE(event_base_loop(base, 0));
  SEE(runs);
  event_free(ev);
  event_base_free(base);
}

static void log_ready(evutil_socket_t fd, short what, void* arg) {
  char c;
  (void)arg;
  obs("%s", ev_names(what));
  if (what & EV_READ) obs("read %d", (int)read(fd, &c, 1));
}

/* The same conversation on whatever method is left. */
static void conversation(const char* env1, const char* env2) {
  evutil_socket_t sv[2];
  struct event *reader, *writer, *both;
  if (env1) setenv(env1, "1", 1);
  if (env2) setenv(env2, "1", 1);
  unix_pair(sv);
  base = event_base_new();
  SEE_STR(method_of(base));
  reader = event_new(base, sv[0], EV_READ | EV_PERSIST, log_ready, NULL);
  writer = event_new(base, sv[1], EV_WRITE, log_ready, NULL);
  both = event_new(base, sv[1], EV_READ | EV_WRITE, log_ready, NULL);
  SEE(event_add(reader, NULL));
  SEE(event_add(writer, NULL));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(write(sv[1], "x", 1));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_del(reader));
  SEE(event_add(both, NULL));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_add(both, NULL));
  SEE(write(sv[0], "y", 1));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(event_add(reader, msec(5)));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  evutil_closesocket(sv[1]);
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(reader), event_free(writer), event_free(both);
  event_base_free(base);
}

static void conversation_with_epoll(void) { conversation(NULL, NULL); }
static void conversation_with_changelist(void) { conversation("EVENT_EPOLL_USE_CHANGELIST", NULL); }
static void conversation_with_poll(void) { conversation("EVENT_NOEPOLL", NULL); }
static void conversation_with_select(void) { conversation("EVENT_NOEPOLL", "EVENT_NOPOLL"); }

static void regular_file(const char* env1, const char* env2) {
  char name[] = "/tmp/conformanceXXXXXX";
  int fd = mkstemp(name);
  struct event* ev;
  if (env1) setenv(env1, "1", 1);
  if (env2) setenv(env2, "1", 1);
  unlink(name);
  base = event_base_new();
  ev = event_new(base, fd, EV_READ, log_ready, NULL);
  SEE(event_add(ev, NULL));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  event_free(ev);
  event_base_free(base);
}

static void regular_file_with_poll(void) { regular_file("EVENT_NOEPOLL", NULL); }
static void regular_file_with_select(void) { regular_file("EVENT_NOEPOLL", "EVENT_NOPOLL"); }

static void high_descriptor_with_poll(void) {
  evutil_socket_t sv[2];
  struct event* ev;
  int high;
  setenv("EVENT_NOEPOLL", "1", 1);
  unix_pair(sv);
  high = fcntl(sv[0], F_DUPFD, 900);
  base = event_base_new();
  ev = event_new(base, high, EV_WRITE, log_ready, NULL);
  SEE(event_add(ev, NULL));
  SEE(event_base_loop(base, 0));
  event_free(ev);
  event_base_free(base);
}

/* Level-triggered work that never ends: the limit decides how often the urgent event is looked for.
 */
static struct event* urgent;
static void lazy_work(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  if (++runs == 1) {
    evutil_socket_t* sv = arg;
    obs("first piece makes the urgent event ready");
    if (write(sv[1], "x", 1) != 1) obs("write failed");
  }
}

static void log_urgent(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  obs("urgent after %d pieces", runs);
}

static void dispatch_limit(int max_callbacks, int min_priority) {
  struct event_config* cfg = event_config_new();
  evutil_socket_t sv[2];
  struct event* work[10];
  int i;
  unix_pair(sv);
  SEE(event_config_set_max_dispatch_interval(cfg, NULL, max_callbacks, min_priority));
  base = event_base_new_with_config(cfg);
  event_base_priority_init(base, 3);
  urgent = event_new(base, sv[0], EV_READ, log_urgent, NULL);
  event_priority_set(urgent, 0);
  event_add(urgent, NULL);
  for (i = 0; i < 10; ++i) {
    work[i] = event_new(base, -1, 0, lazy_work, sv);
    event_priority_set(work[i], 1);
    event_active(work[i], EV_TIMEOUT, 1);
  }
  SEE(event_base_loop(base, 0));
  SEE(runs);
  for (i = 0; i < 10; ++i) event_free(work[i]);
  event_free(urgent);
  event_base_free(base);
  event_config_free(cfg);
}

static void dispatch_limit_of_three(void) { dispatch_limit(3, 0); }
static void dispatch_limit_spares_urgent_priorities(void) { dispatch_limit(3, 2); }
static void dispatch_limit_negative_is_none(void) { dispatch_limit(-1, 0); }

static void dispatch_interval_of_time(void) {
  struct event_config* cfg = event_config_new();
  SEE(event_config_set_max_dispatch_interval(cfg, msec(100), -1, 0));
  SEE(event_config_set_max_dispatch_interval(cfg, msec(100), 5, -1));
  SEE(event_config_set_num_cpus_hint(cfg, 4));
  base = event_base_new_with_config(cfg);
  SEE_STR(method_of(base));
  event_base_free(base);
  event_config_free(cfg);
}

static void no_cache_time_flag(void) {
  struct event_config* cfg = event_config_new();
  struct timeval a, b;
  event_config_set_flag(cfg, EVENT_BASE_FLAG_NO_CACHE_TIME);
  base = event_base_new_with_config(cfg);
  SEE(event_base_gettimeofday_cached(base, &a));
  usleep(20000);
  SEE(event_base_gettimeofday_cached(base, &b));
  SEE(evutil_timercmp(&a, &b, <));
  SEE(event_base_update_cache_time(base));
  event_base_free(base);
  event_config_free(cfg);
}

static void reinit_keeps_all_events(void) {
  evutil_socket_t sv[2];
  struct event *reader, *timer;
  int status = 0;
  pid_t pid;
  unix_pair(sv);
  base = event_base_new();
  reader = event_new(base, sv[0], EV_READ | EV_PERSIST, count, NULL);
  timer = event_new(base, -1, 0, count, NULL);
  event_add(reader, NULL), event_add(timer, msec(300));
  pid = fork();
  if (pid == 0) {
    SEE(event_reinit(base));
    SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
    SEE(write(sv[1], "x", 1));
    SEE(event_base_loop(base, EVLOOP_ONCE));
    SEE(runs);
    event_del(reader);
    SEE(event_base_loop(base, 0));
    SEE(runs);
    event_base_free(base);
    _exit(5);
  }
  waitpid(pid, &status, 0);
  SEE(WEXITSTATUS(status));
  SEE(event_base_get_num_events(base, EVENT_BASE_COUNT_ADDED));
  SEE(event_base_loop(base, EVLOOP_ONCE));
  SEE(runs > 0);
  event_free(reader), event_free(timer);
  event_base_free(base);
}

static void reinit_with_poll(void) {
  struct event_config* cfg = event_config_new();
  event_config_avoid_method(cfg, "epoll");
  base = event_base_new_with_config(cfg);
  SEE(event_reinit(base));
  SEE(event_base_loop(base, 0));
  event_base_free(base);
  event_config_free(cfg);
}

static void global_shutdown_and_again(void) {
  base = event_base_new();
  event_base_free(base);
  libevent_global_shutdown();
  obs("first shutdown");
  base = event_base_new();
  SEE_STR(method_of(base));
  event_base_free(base);
  libevent_global_shutdown();
  obs("second shutdown");
}

const struct conf_case conf_cases[] = {CASE(version_strings),
                                       CASE(supported_methods),
                                       CASE(default_base),
                                       CASE(avoiding_methods_one_by_one),
                                       CASE(avoiding_unknown_method_is_harmless),
                                       CASE(features_choose_the_method),
                                       CASE(null_config_means_default),
                                       CASE(flags_are_accepted),
                                       CASE(environment_switches_methods_off),
                                       CASE(environment_can_be_ignored),
                                       CASE(environment_and_avoidance_add_up),
                                       CASE(environment_changelist),
                                       CASE(conversation_with_epoll),
                                       CASE(conversation_with_changelist),
                                       CASE(conversation_with_poll),
                                       CASE(conversation_with_select),
                                       CASE(regular_file_with_poll),
                                       CASE(regular_file_with_select),
                                       CASE(high_descriptor_with_poll),
                                       CASE(dispatch_limit_of_three),
                                       CASE(dispatch_limit_spares_urgent_priorities),
                                       CASE(dispatch_limit_negative_is_none),
                                       CASE(dispatch_interval_of_time),
                                       CASE(no_cache_time_flag),
                                       CASE(reinit_keeps_all_events),
                                       CASE(reinit_with_poll),
                                       CASE(global_shutdown_and_again),
                                       CASES_END};

/* Logging, fatal errors, debug mode, own memory functions, the end of the library. */
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static int lines[4];

static void log_line(int severity, const char* message) {
  if (severity < 0 || severity > 3 || !message || !*message) {
    obs("a strange log line");
    return;
  }
  ++lines[severity];
}

static void see_log(const char* label) {
  obs("%s: %s, %s, %s", label, lines[EVENT_LOG_MSG] ? "messages" : "no message",
      lines[EVENT_LOG_WARN] ? "warnings" : "no warning",
      lines[EVENT_LOG_ERR] ? "errors" : "no error");
  memset(lines, 0, sizeof(lines));
}

static void nothing(evutil_socket_t fd, short what, void* arg) { (void)fd, (void)what, (void)arg; }

static void severities_have_their_values(void) {
  SEE(EVENT_LOG_DEBUG);
  SEE(EVENT_LOG_MSG);
  SEE(EVENT_LOG_WARN);
  SEE(EVENT_LOG_ERR);
  obs("0x%x 0x%x", (unsigned)EVENT_DBG_NONE, (unsigned)EVENT_DBG_ALL);
}

static void quiet_when_used_well(void) {
  struct event* ev;
  event_set_log_callback(log_line);
  base = event_base_new();
  ev = event_new(base, -1, 0, nothing, NULL);
  event_add(ev, msec(1));
  event_base_loop(base, 0);
  event_free(ev);
  event_base_free(base);
  see_log("well used");
}

static void warns_about_misuse(void) {
  event_set_log_callback(log_line);
  base = event_base_new();
  SEE_NULL(event_new(base, 1, EV_SIGNAL | EV_READ, nothing, NULL));
  see_log("signal and read together");
  event_base_free(base);
}

static void warns_about_bad_descriptor(void) {
  struct event* ev;
  event_set_log_callback(log_line);
  base = event_base_new();
  ev = event_new(base, 9999, EV_READ, nothing, NULL);
  SEE(event_add(ev, NULL));
  see_log("descriptor that is not open");
  event_free(ev);
  event_base_free(base);
}

static void loop_inside(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  SEE(event_base_loop(base, 0));
}

static void warns_about_nested_loop(void) {
  struct event* ev;
  event_set_log_callback(log_line);
  base = event_base_new();
  ev = event_new(base, -1, 0, loop_inside, NULL);
  event_active(ev, EV_READ, 1);
  event_base_loop(base, 0);
  see_log("nested loop");
  event_free(ev);
  event_base_free(base);
}

static void warns_when_no_method_is_left(void) {
  event_set_log_callback(log_line);
  setenv("EVENT_NOEPOLL", "1", 1);
  setenv("EVENT_NOPOLL", "1", 1);
  setenv("EVENT_NOSELECT", "1", 1);
  SEE_NULL(event_base_new());
  see_log("no method");
}

static void warns_about_unlocked_callbacks(void) {
  event_set_log_callback(log_line);
  base = event_base_new();
  SEE_NULL(bufferevent_socket_new(base, -1, BEV_OPT_UNLOCK_CALLBACKS));
  see_log("unlocked but not deferred");
  event_base_free(base);
}

static void free_context(void* context) { obs("context \"%s\" freed", (const char*)context); }

static struct bufferevent* filter_on(struct bufferevent* below, char* name) {
  return bufferevent_filter_new(below, NULL, NULL, 0, free_context, name);
}

static void second_filter_on_one_stream(void) {
  struct bufferevent *pair[2], *first, *next;
  base = event_base_new();
  SEE(bufferevent_pair_new(base, 0, pair));
  first = filter_on(pair[0], "first");
  errno = 0;
  SEE_NULL(filter_on(pair[0], "second"));
  SEE_STR(errno_name(errno));
  bufferevent_enable(first, EV_READ);
  bufferevent_write(pair[1], "abc", 3);
  event_base_loop(base, EVLOOP_NONBLOCK);
  SEE_BUF(bufferevent_get_input(first));
  bufferevent_free(first);
  next = filter_on(pair[0], "next");
  SEE_NULL(next);
  bufferevent_free(next);
  bufferevent_free(pair[0]);
  bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
}

static void callback_can_be_taken_away(void) {
  event_set_log_callback(log_line);
  event_set_log_callback(NULL);
  base = event_base_new();
  SEE_NULL(event_new(base, 1, EV_SIGNAL | EV_READ, nothing, NULL));
  see_log("no callback");
  event_base_free(base);
}

static void debug_logging_is_off_or_on(void) {
  event_set_log_callback(log_line);
  event_enable_debug_logging(EVENT_DBG_NONE);
  base = event_base_new();
  event_base_free(base);
  SEE(lines[EVENT_LOG_DEBUG]);
}

static void on_fatal(int code) {
  obs("fatal, code 0x%x", (unsigned)code);
  _exit(7);
}

/* Debug mode sees what would otherwise corrupt memory. */
static void debug_mode_add_twice_initialized(void) {
  struct event ev;
  event_set_fatal_callback(on_fatal);
  event_enable_debug_mode();
  base = event_base_new();
  memset(&ev, 0, sizeof(ev));
  event_assign(&ev, base, -1, 0, nothing, NULL);
  event_add(&ev, msec(60000));
  obs("assigning an added event");
  event_assign(&ev, base, -1, 0, nothing, NULL);
  obs("not noticed");
}

static void debug_mode_uninitialized_event(void) {
  struct event ev;
  event_set_fatal_callback(on_fatal);
  event_enable_debug_mode();
  base = event_base_new();
  memset(&ev, 0, sizeof(ev));
  ev.ev_base = base;
  obs("adding an event that was never assigned");
  event_add(&ev, msec(1));
  obs("not noticed");
}

static void debug_mode_accepts_good_use(void) {
  struct event ev, *other;
  event_set_fatal_callback(on_fatal);
  event_enable_debug_mode();
  base = event_base_new();
  memset(&ev, 0, sizeof(ev));
  event_assign(&ev, base, -1, 0, nothing, NULL);
  SEE(event_add(&ev, msec(1)));
  SEE(event_base_loop(base, 0));
  SEE(event_del(&ev));
  event_debug_unassign(&ev);
  other = event_new(base, -1, EV_PERSIST, nothing, NULL);
  SEE(event_add(other, msec(60000)));
  SEE(event_pending(other, EV_TIMEOUT, NULL));
  event_free(other);
  event_base_free(base);
  libevent_global_shutdown();
}

static void debug_mode_twice_is_fatal(void) {
  event_set_fatal_callback(on_fatal);
  event_enable_debug_mode();
  obs("enabling it again");
  event_enable_debug_mode();
  obs("not noticed");
}

static void debug_mode_after_the_first_event_is_fatal(void) {
  event_set_fatal_callback(on_fatal);
  base = event_base_new();
  event_new(base, -1, 0, nothing, NULL);
  obs("enabling it late");
  event_enable_debug_mode();
  obs("not noticed");
}

static void debug_mode_blocking_socket(void) {
  int sv[2];
  struct event* ev;
  event_set_fatal_callback(on_fatal);
  event_enable_debug_mode();
  base = event_base_new();
  socketpair(AF_UNIX, SOCK_STREAM, 0, sv);
  ev = event_new(base, sv[0], EV_ET | EV_READ, nothing, NULL);
  SEE(event_add(ev, NULL));
  event_free(ev);
  event_base_free(base);
}

static void no_fatal_callback_means_death(void) {
  event_enable_debug_mode();
  event_enable_debug_mode();
  obs("not noticed");
}

/* Own memory functions: everything must come through them and go back. */
static long live, calls;

static void* counting_malloc(size_t size) {
  ++live, ++calls;
  return malloc(size);
}

static void* counting_realloc(void* old, size_t size) {
  if (!old) ++live;
  ++calls;
  return realloc(old, size);
}

static void counting_free(void* memory) {
  if (memory) --live;
  free(memory);
}

static void use_everything(void) {
  evutil_socket_t sv[2];
  struct bufferevent *pair[2], *socket, *filter;
  struct evbuffer* b = evbuffer_new();
  struct event *ev, *sig;
  struct ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(10, 10, 10, 10, NULL);
  struct event_config* config = event_config_new();
  struct timeval common = {5, 0};
  struct evutil_monotonic_timer* timer = evutil_monotonic_timer_new();
  struct sockaddr_storage address;
  int length;
  evutil_socket_t fd = listening_socket(&address, &length);
  struct evconnlistener* listener;
  char* line;
  event_config_avoid_method(config, "select");
  base = event_base_new_with_config(config);
  event_base_init_common_timeout(base, &common);
  event_base_priority_init(base, 3);
  evutil_make_socket_nonblocking(fd);
  listener = evconnlistener_new(base, NULL, NULL, LEV_OPT_CLOSE_ON_FREE, 0, fd);
  unix_pair(sv);
  ev = event_new(base, sv[0], EV_READ, nothing, NULL);
  event_add(ev, msec(1));
  sig = event_new(base, SIGUSR1, EV_SIGNAL, nothing, NULL);
  event_add(sig, NULL);
  bufferevent_pair_new(base, 0, pair);
  socket = bufferevent_socket_new(base, sv[1], BEV_OPT_CLOSE_ON_FREE);
  filter = bufferevent_filter_new(socket, NULL, NULL, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  bufferevent_set_rate_limit(socket, cfg);
  bufferevent_write(pair[0], "abc", 3);
  bufferevent_write(filter, "abc", 3);
  evbuffer_add_printf(b, "line %d\nrest", 1);
  line = evbuffer_readln(b, NULL, EVBUFFER_EOL_LF);
  event_base_loop(base, EVLOOP_NONBLOCK);
  counting_free(line);
  evbuffer_free(b);
  bufferevent_free(filter);
  bufferevent_free(pair[0]), bufferevent_free(pair[1]);
  event_free(ev), event_free(sig);
  evconnlistener_free(listener);
  event_base_loop(base, EVLOOP_NONBLOCK);
  ev_token_bucket_cfg_free(cfg);
  event_config_free(config);
  evutil_monotonic_timer_free(timer);
  event_base_free(base);
}

static void all_memory_comes_back(void) {
  event_set_mem_functions(counting_malloc, counting_realloc, counting_free);
  use_everything();
  libevent_global_shutdown();
  SEE(calls > 20);
  SEE(live);
}

static void all_memory_comes_back_with_threads(void) {
  event_set_mem_functions(counting_malloc, counting_realloc, counting_free);
  evthread_use_pthreads();
  use_everything();
  libevent_global_shutdown();
  SEE(live);
}

static void all_memory_comes_back_in_debug_mode(void) {
  event_set_mem_functions(counting_malloc, counting_realloc, counting_free);
  event_enable_debug_mode();
  use_everything();
  libevent_global_shutdown();
  SEE(live);
}

static int refuse;
static void* refusing_malloc(size_t size) { return refuse ? NULL : malloc(size); }
static void* refusing_realloc(void* old, size_t size) { return refuse ? NULL : realloc(old, size); }

static void without_memory(void) {
  struct evbuffer* b;
  struct bufferevent* pair[2];
  char* big = calloc(1, 100000);
  event_set_mem_functions(refusing_malloc, refusing_realloc, free);
  base = event_base_new();
  b = evbuffer_new();
  evbuffer_add(b, "kept", 4);
  refuse = 1;
  SEE_NULL(evbuffer_new());
  SEE(evbuffer_add(b, big, 100000));
  SEE(evbuffer_prepend(b, big, 100000));
  SEE(evbuffer_expand(b, 100000));
  SEE(evbuffer_add_reference(b, "x", 1, NULL, NULL));
  SEE_NULL(evbuffer_add_cb(b, NULL, NULL));
  SEE_NULL(event_new(base, -1, 0, nothing, NULL));
  SEE_NULL(bufferevent_socket_new(base, -1, 0));
  SEE(bufferevent_pair_new(base, 0, pair));
  SEE_NULL(ev_token_bucket_cfg_new(1, 1, 1, 1, NULL));
  SEE_NULL(event_config_new());
  SEE_NULL(evutil_monotonic_timer_new());
  SEE(event_base_once(base, -1, EV_TIMEOUT, nothing, NULL, NULL));
  SEE(event_base_loopexit(base, msec(1)));
  refuse = 0;
  SEE_BUF(b);
  evbuffer_free(b);
  event_base_free(base);
  free(big);
}

static void event_without_base(void) {
  event_set_log_callback(log_line);
  SEE_NULL(event_new(NULL, -1, 0, nothing, NULL));
}

const struct conf_case conf_cases[] = {
    CASE(severities_have_their_values),
    CASE(quiet_when_used_well),
    CASE(warns_about_misuse),
    CASE(warns_about_bad_descriptor),
    CASE(warns_about_nested_loop),
    CASE(warns_when_no_method_is_left),
    CASE(warns_about_unlocked_callbacks),
    EXCEPTION(second_filter_on_one_stream,
              "better: stock accepts it, and the first one hears nothing any more",
              "bufferevent_pair_new(base, 0, pair) = 0\n"
              "filter_on(pair[0], \"second\") = NULL\n"
              "errno_name(errno) = EINVAL\n"
              "bufferevent_get_input(first) = \"abc\"\n"
              "context \"first\" freed\n"
              "next = not NULL\n"
              "context \"next\" freed"),
    CASE(callback_can_be_taken_away),
    CASE(debug_logging_is_off_or_on),
    CASE(debug_mode_add_twice_initialized),
    CASE(debug_mode_uninitialized_event),
    CASE(debug_mode_accepts_good_use),
    CASE(debug_mode_twice_is_fatal),
    CASE(debug_mode_after_the_first_event_is_fatal),
    CASE(debug_mode_blocking_socket),
    CASE(no_fatal_callback_means_death),
    CASE(all_memory_comes_back),
    CASE(all_memory_comes_back_with_threads),
    CASE(all_memory_comes_back_in_debug_mode),
    CASE(without_memory),
    CASE(event_without_base),
    CASES_END};

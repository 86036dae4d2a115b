/* Threads: waking a loop from outside, waiting for callbacks, own lock functions. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static struct event* event;
static volatile int runs, inside, left;
static volatile short last_what;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;

/* States that threads wait for instead of sleeping. */
static void announce(volatile int* state, int value) {
  pthread_mutex_lock(&gate);
  *state = value;
  pthread_cond_broadcast(&moved);
  pthread_mutex_unlock(&gate);
}

static void await(volatile int* state, int value) {
  pthread_mutex_lock(&gate);
  while (*state < value) pthread_cond_wait(&moved, &gate);
  pthread_mutex_unlock(&gate);
}

/* Only the main thread reports: the order of lines must not depend on the scheduler. */
static void count(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)arg;
  last_what = what;
  announce(&runs, runs + 1);
}

static void see_run(int number) {
  await(&runs, number);
  obs("callback %d: %s", number, ev_names(last_what));
}

static void say_inside(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  announce(&inside, 1);
}

/* A loop that is kept alive and known to be running. */
static void* run_loop(void* arg) {
  int result;
  event_base_once(base, -1, EV_TIMEOUT, say_inside, NULL, NULL);
  result = event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
  announce(&left, 1);
  (void)arg;
  return (void*)(intptr_t)result;
}

static pthread_t start_loop(void) {
  pthread_t thread;
  pthread_create(&thread, NULL, run_loop, NULL);
  await(&inside, 1);
  usleep(10000); /* likely asleep in the kernel by now: the interesting case, not a needed one */
  return thread;
}

static void stop_loop(pthread_t thread) {
  void* result;
  event_base_loopexit(base, NULL);
  pthread_join(thread, &result);
  SEE((intptr_t)result);
  event_base_free(base);
}

static void use_pthreads_twice(void) {
  SEE(evthread_use_pthreads());
  SEE(evthread_use_pthreads());
  base = event_base_new();
  SEE(evthread_make_base_notifiable(base));
  SEE(evthread_make_base_notifiable(base));
  SEE(evthread_make_base_notifiable(NULL));
  event_base_free(base);
}

static void notifiable_without_threads(void) {
  base = event_base_new();
  SEE(evthread_make_base_notifiable(base));
  SEE(event_base_loop(base, EVLOOP_NONBLOCK));
  event_base_free(base);
}

static void add_timer_from_outside(void) {
  pthread_t thread;
  evthread_use_pthreads();
  base = event_base_new();
  event = event_new(base, -1, 0, count, NULL);
  thread = start_loop();
  SEE(event_add(event, msec(5)));
  see_run(1);
  stop_loop(thread);
}

static void add_io_from_outside(void) {
  evutil_socket_t sv[2];
  pthread_t thread;
  evthread_use_pthreads();
  unix_pair(sv);
  base = event_base_new();
  event = event_new(base, sv[0], EV_READ, count, NULL);
  thread = start_loop();
  SEE(event_add(event, NULL));
  SEE(write(sv[1], "x", 1));
  see_run(1);
  stop_loop(thread);
}

static void earlier_timer_from_outside(void) {
  pthread_t thread;
  struct event* late;
  evthread_use_pthreads();
  base = event_base_new();
  late = event_new(base, -1, 0, count, NULL);
  event_add(late, msec(60000));
  event = event_new(base, -1, 0, count, NULL);
  thread = start_loop();
  SEE(event_add(event, msec(1)));
  see_run(1);
  SEE(event_del(late));
  stop_loop(thread);
}

static void active_from_outside(void) {
  pthread_t thread;
  evthread_use_pthreads();
  base = event_base_new();
  event = event_new(base, -1, EV_PERSIST, count, NULL);
  thread = start_loop();
  event_active(event, EV_WRITE, 1);
  see_run(1);
  event_active(event, EV_READ, 1);
  see_run(2);
  stop_loop(thread);
}

static void once_from_outside(void) {
  pthread_t thread;
  evthread_use_pthreads();
  base = event_base_new();
  thread = start_loop();
  SEE(event_base_once(base, -1, EV_TIMEOUT, count, NULL, NULL));
  see_run(1);
  stop_loop(thread);
}

static void loopbreak_from_outside(void) {
  pthread_t thread;
  evthread_use_pthreads();
  base = event_base_new();
  thread = start_loop();
  SEE(event_base_loopbreak(base));
  pthread_join(thread, NULL);
  SEE(event_base_got_break(base));
  SEE(event_base_got_exit(base));
  event_base_free(base);
}

static void loopexit_from_outside(void) {
  pthread_t thread;
  evthread_use_pthreads();
  base = event_base_new();
  thread = start_loop();
  SEE(event_base_loopexit(base, msec(1)));
  pthread_join(thread, NULL);
  SEE(event_base_got_exit(base));
  event_base_free(base);
}

static volatile int in_callback, may_finish, finished;
static void slow_callback(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  announce(&in_callback, 1);
  await(&may_finish, 1);
  usleep(20000);
  announce(&finished, 1);
}

static void del_waits_for_the_running_callback(void) {
  pthread_t thread;
  evthread_use_pthreads();
  base = event_base_new();
  event = event_new(base, -1, EV_PERSIST, slow_callback, NULL);
  thread = start_loop();
  event_active(event, EV_READ, 1);
  await(&in_callback, 1);
  announce(&may_finish, 1);
  SEE(event_del(event));
  SEE(finished);
  stop_loop(thread);
}

static void del_noblock_does_not_wait(void) {
  pthread_t thread;
  evthread_use_pthreads();
  base = event_base_new();
  event = event_new(base, -1, EV_PERSIST, slow_callback, NULL);
  thread = start_loop();
  event_active(event, EV_READ, 1);
  await(&in_callback, 1);
  SEE(event_del_noblock(event));
  SEE(finished);
  announce(&may_finish, 1);
  await(&finished, 1);
  stop_loop(thread);
}

static void finalize_does_not_wait(void) {
  pthread_t thread;
  evthread_use_pthreads();
  base = event_base_new();
  event = event_new(base, -1, EV_PERSIST | EV_FINALIZE, slow_callback, NULL);
  thread = start_loop();
  event_active(event, EV_READ, 1);
  await(&in_callback, 1);
  SEE(event_del(event));
  SEE(finished);
  announce(&may_finish, 1);
  await(&finished, 1);
  stop_loop(thread);
}

static volatile int total;
static void add_one(evutil_socket_t fd, short what, void* arg) {
  (void)fd, (void)what, (void)arg;
  announce(&total, total + 1);
}

static void* post_many(void* arg) {
  int i;
  (void)arg;
  for (i = 0; i < 500; ++i) event_base_once(base, -1, EV_TIMEOUT, add_one, NULL, NULL);
  return NULL;
}

static void many_threads_post(void) {
  pthread_t loop, posters[4];
  int i;
  evthread_use_pthreads();
  base = event_base_new();
  loop = start_loop();
  for (i = 0; i < 4; ++i) pthread_create(&posters[i], NULL, post_many, NULL);
  for (i = 0; i < 4; ++i) pthread_join(posters[i], NULL);
  await(&total, 2000);
  SEE(total);
  stop_loop(loop);
}

static void got_bytes(struct bufferevent* bev, void* arg) {
  (void)arg;
  if (evbuffer_get_length(bufferevent_get_input(bev)) >= 5) announce(&runs, 1);
}

static void bufferevent_written_from_outside(void) {
  evutil_socket_t sv[2];
  struct bufferevent *left_end, *right_end;
  pthread_t thread;
  evthread_use_pthreads();
  unix_pair(sv);
  base = event_base_new();
  left_end = bufferevent_socket_new(base, sv[0], BEV_OPT_THREADSAFE);
  right_end = bufferevent_socket_new(base, sv[1], BEV_OPT_THREADSAFE);
  bufferevent_setcb(right_end, got_bytes, NULL, NULL, NULL);
  bufferevent_enable(right_end, EV_READ);
  thread = start_loop();
  SEE(bufferevent_write(left_end, "hello", 5));
  await(&runs, 1);
  bufferevent_lock(right_end);
  see_content("input", bufferevent_get_input(right_end));
  bufferevent_unlock(right_end);
  bufferevent_free(left_end);
  bufferevent_free(right_end);
  stop_loop(thread);
}

static void* append_many(void* arg) {
  int i;
  for (i = 0; i < 5000; ++i) evbuffer_add(arg, "0123456789", 10);
  return NULL;
}

static void buffer_shared_by_threads(void) {
  struct evbuffer* b = evbuffer_new();
  pthread_t threads[4];
  int i;
  evthread_use_pthreads();
  SEE(evbuffer_enable_locking(b, NULL));
  SEE(evbuffer_enable_locking(b, NULL));
  for (i = 0; i < 4; ++i) pthread_create(&threads[i], NULL, append_many, b);
  for (i = 0; i < 4; ++i) pthread_join(threads[i], NULL);
  see_content("buffer", b);
  evbuffer_lock(b);
  SEE(evbuffer_drain(b, 199990));
  evbuffer_unlock(b);
  SEE_BUF(b);
  evbuffer_free(b);
}

/* Own lock functions: counted, recursive, nothing left locked or unfreed. */
static int allocated, freed_locks, locked, unlocked;
static pthread_mutexattr_t recursive;

static void* own_alloc(unsigned type) {
  pthread_mutex_t* mutex = malloc(sizeof(*mutex));
  (void)type;
  ++allocated;
  pthread_mutex_init(mutex, &recursive);
  return mutex;
}

static void own_free(void* lock, unsigned type) {
  (void)type;
  ++freed_locks;
  pthread_mutex_destroy(lock);
  free(lock);
}

static int own_lock(unsigned mode, void* lock) {
  int result = mode & EVTHREAD_TRY ? pthread_mutex_trylock(lock) : pthread_mutex_lock(lock);
  if (result == 0) ++locked;
  return result;
}

static int own_unlock(unsigned mode, void* lock) {
  (void)mode;
  ++unlocked;
  return pthread_mutex_unlock(lock);
}

static int own_unlock_otherwise(unsigned mode, void* lock) {
  (void)mode;
  return pthread_mutex_unlock(lock);
}

static unsigned long own_id(void) { return (unsigned long)pthread_self(); }

static const struct evthread_lock_callbacks own_locks = {EVTHREAD_LOCK_API_VERSION,
                                                         EVTHREAD_LOCKTYPE_RECURSIVE,
                                                         own_alloc,
                                                         own_free,
                                                         own_lock,
                                                         own_unlock};

static void own_lock_functions(void) {
  struct bufferevent* pair[2];
  pthread_mutexattr_init(&recursive);
  pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
  SEE(evthread_set_lock_callbacks(&own_locks));
  evthread_set_id_callback(own_id);
  base = event_base_new();
  SEE(allocated > 0);
  SEE(bufferevent_pair_new(base, BEV_OPT_THREADSAFE, pair));
  bufferevent_enable(pair[1], EV_READ);
  bufferevent_write(pair[0], "abc", 3);
  event_base_loop(base, EVLOOP_NONBLOCK);
  SEE(locked > 0);
  bufferevent_free(pair[0]), bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
  SEE(locked == unlocked);
  libevent_global_shutdown();
  SEE(allocated == freed_locks);
}

static void nolock_base_takes_no_locks(void) {
  struct event_config* cfg = event_config_new();
  int before;
  pthread_mutexattr_init(&recursive);
  pthread_mutexattr_settype(&recursive, PTHREAD_MUTEX_RECURSIVE);
  evthread_set_lock_callbacks(&own_locks);
  evthread_set_id_callback(own_id);
  event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
  base = event_base_new_with_config(cfg);
  event_config_free(cfg);
  event = event_new(base, -1, 0, count, NULL);
  before = locked;
  event_add(event, msec(1));
  event_base_loop(base, 0);
  SEE(locked - before);
  event_free(event);
  event_base_free(base);
}

static void lock_functions_cannot_be_replaced(void) {
  struct evthread_lock_callbacks others = own_locks;
  others.unlock = own_unlock_otherwise;
  SEE(evthread_set_lock_callbacks(&own_locks));
  SEE(evthread_set_lock_callbacks(&own_locks));
  SEE(evthread_set_lock_callbacks(&others));
}

static void lock_functions_of_another_version(void) {
  struct evthread_lock_callbacks other_version = own_locks;
  other_version.lock_api_version = 99;
  SEE(evthread_set_lock_callbacks(&other_version));
  SEE(evthread_set_lock_callbacks(&own_locks));
}

static void lock_debugging_with_pthreads(void) {
  pthread_t thread;
  evthread_enable_lock_debugging();
  evthread_use_pthreads();
  base = event_base_new();
  event = event_new(base, -1, EV_PERSIST, count, NULL);
  thread = start_loop();
  event_active(event, EV_WRITE, 1);
  see_run(1);
  stop_loop(thread);
}

/* The name under which the function first appeared. */
static void lock_debugging_by_its_old_name(void) {
  evthread_enable_lock_debuging();
  evthread_use_pthreads();
  base = event_base_new();
  event = event_new(base, -1, 0, count, NULL);
  SEE(event_add(event, msec(1)));
  SEE(event_base_loop(base, 0));
  see_run(1);
  event_free(event);
  event_base_free(base);
}

static void* condition_alloc(unsigned type) {
  (void)type;
  return calloc(1, sizeof(pthread_cond_t));
}

static void condition_free(void* condition) { free(condition); }

static int condition_signal(void* condition, int broadcast) {
  return broadcast ? pthread_cond_broadcast(condition) : pthread_cond_signal(condition);
}

static int condition_wait(void* condition, void* lock, const struct timeval* timeout) {
  (void)timeout;
  return pthread_cond_wait(condition, lock);
}

static int condition_wait_otherwise(void* condition, void* lock, const struct timeval* timeout) {
  return condition_wait(condition, lock, timeout);
}

static const struct evthread_condition_callbacks own_conditions = {
    EVTHREAD_CONDITION_API_VERSION, condition_alloc, condition_free, condition_signal,
    condition_wait};

static void condition_functions_cannot_be_replaced(void) {
  struct evthread_condition_callbacks others = own_conditions;
  others.wait_condition = condition_wait_otherwise;
  SEE(evthread_set_condition_callbacks(&own_conditions));
  SEE(evthread_set_condition_callbacks(&own_conditions));
  SEE(evthread_set_condition_callbacks(&others));
}

/* What lies between the members is nobody's business. */
static void same_condition_functions_are_the_same(void) {
  struct evthread_condition_callbacks copies[2];
  int i;
  for (i = 0; i < 2; ++i) {
    memset(&copies[i], i == 0 ? 0 : 0x5a, sizeof copies[i]);
    copies[i].condition_api_version = own_conditions.condition_api_version;
    copies[i].alloc_condition = own_conditions.alloc_condition;
    copies[i].free_condition = own_conditions.free_condition;
    copies[i].signal_condition = own_conditions.signal_condition;
    copies[i].wait_condition = own_conditions.wait_condition;
    SEE(evthread_set_condition_callbacks(&copies[i]));
  }
}

static void condition_functions_must_be_complete(void) {
  struct evthread_condition_callbacks incomplete = own_conditions;
  incomplete.wait_condition = NULL;
  SEE(evthread_set_condition_callbacks(&incomplete));
  SEE(evthread_set_condition_callbacks(&own_conditions));
}

static volatile int accepted;
static void on_accept(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* address,
                      int length, void* arg) {
  (void)listener, (void)address, (void)length, (void)arg;
  evutil_closesocket(fd);
  announce(&accepted, 1);
}

static void listener_enabled_from_outside(void) {
  struct evconnlistener* listener;
  struct sockaddr_storage address;
  pthread_t thread;
  int length;
  evutil_socket_t fd = listening_socket(&address, &length), client;
  evthread_use_pthreads();
  evutil_make_socket_nonblocking(fd);
  base = event_base_new();
  listener = evconnlistener_new(
      base, on_accept, NULL, LEV_OPT_THREADSAFE | LEV_OPT_DISABLED | LEV_OPT_CLOSE_ON_FREE, 0, fd);
  thread = start_loop();
  client = socket(AF_INET, SOCK_STREAM, 0);
  SEE(connect(client, (struct sockaddr*)&address, (socklen_t)length));
  SEE(evconnlistener_enable(listener));
  await(&accepted, 1);
  evconnlistener_free(listener);
  stop_loop(thread);
}

const struct conf_case conf_cases[] = {
    CASE(use_pthreads_twice),
    CASE(notifiable_without_threads),
    CASE(add_timer_from_outside),
    CASE(add_io_from_outside),
    CASE(earlier_timer_from_outside),
    CASE(active_from_outside),
    CASE(once_from_outside),
    CASE(loopbreak_from_outside),
    CASE(loopexit_from_outside),
    CASE(del_waits_for_the_running_callback),
    CASE(del_noblock_does_not_wait),
    CASE(finalize_does_not_wait),
    CASE(many_threads_post),
    CASE(bufferevent_written_from_outside),
    CASE(buffer_shared_by_threads),
    CASE(own_lock_functions),
    CASE(nolock_base_takes_no_locks),
    CASE(lock_functions_cannot_be_replaced),
    CASE(lock_functions_of_another_version),
    CASE(lock_debugging_with_pthreads),
    CASE(lock_debugging_by_its_old_name),
    CASE(condition_functions_cannot_be_replaced),
    CASE(same_condition_functions_are_the_same),
    EXCEPTION(condition_functions_must_be_complete, "better: stock says it took them",
              "evthread_set_condition_callbacks(&incomplete) = -1\n"
              "evthread_set_condition_callbacks(&own_conditions) = 0"),
    CASE(listener_enabled_from_outside),
    CASES_END};

/* Question: how much memory does an idle stream cost, and how long does it take to make one?
 * Streams are made and enabled on descriptors that exist already, so only the library's own memory
 * counts. */

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { message_size = 256, warm_up_streams = 16 };

struct pair {
  int fds[2]; /* ours, the peer's */
  struct bufferevent* stream;
};

_Noreturn static void fail(const char* what) {
  perror(what);
  exit(1);
}

static long resident_bytes(void) {
  long total, resident;
  FILE* file = fopen("/proc/self/statm", "r");
  if (!file || fscanf(file, "%ld %ld", &total, &resident) != 2) fail("statm");
  fclose(file);
  return resident * sysconf(_SC_PAGESIZE);
}

static double cpu_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void echo(struct bufferevent* stream, void* arg) {
  (void)arg;
  bufferevent_write_buffer(stream, bufferevent_get_input(stream));
}

static struct pair* make_pairs(int count) {
  struct pair* pairs = calloc((size_t)count, sizeof *pairs);
  if (!pairs) fail("calloc");
  memset(pairs, 1, (size_t)count * sizeof *pairs); /* resident before anything is measured */
  for (int i = 0; i < count; ++i) {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pairs[i].fds) < 0) fail("socketpair");
  }
  return pairs;
}

static void make_streams(struct event_base* base, struct pair* pairs, int count) {
  for (int i = 0; i < count; ++i) {
    pairs[i].stream = bufferevent_socket_new(base, pairs[i].fds[0], BEV_OPT_CLOSE_ON_FREE);
    if (!pairs[i].stream) fail("bufferevent_socket_new");
    bufferevent_setcb(pairs[i].stream, echo, NULL, NULL, NULL);
    bufferevent_enable(pairs[i].stream, EV_READ | EV_WRITE);
  }
}

/* In groups, so that the streams of one group may share what the library keeps for busy ones. */
static void echo_once(struct event_base* base, struct pair* pairs, int count) {
  char message[message_size] = {0};
  for (int i = 0; i < count; ++i) {
    if (write(pairs[i].fds[1], message, sizeof message) != message_size) fail("write");
    if (i % 100 < 99 && i + 1 < count) continue;
    for (int turn = 0; turn < 4; ++turn) event_base_loop(base, EVLOOP_NONBLOCK);
  }
  for (int i = 0; i < count; ++i) {
    if (read(pairs[i].fds[1], message, sizeof message) != message_size) fail("read");
  }
}

/* A library may put the rest off until the loop turns: that is part of the price. */
static void free_streams(struct event_base* base, struct pair* pairs, int count) {
  for (int i = 0; i < count; ++i) {
    bufferevent_free(pairs[i].stream);
    close(pairs[i].fds[1]);
  }
  event_base_loop(base, EVLOOP_NONBLOCK);
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 9000;
  struct event_base* base = event_base_new();
  struct pair* warm_up = make_pairs(warm_up_streams);
  struct pair* pairs = make_pairs(count);
  long before, idle, echoed;
  double created, freed;

  make_streams(base, warm_up, warm_up_streams);
  echo_once(base, warm_up, warm_up_streams);

  before = resident_bytes();
  created = cpu_nanoseconds();
  make_streams(base, pairs, count);
  created = cpu_nanoseconds() - created;
  idle = resident_bytes() - before;
  echo_once(base, pairs, count);
  echoed = resident_bytes() - before;
  freed = cpu_nanoseconds();
  free_streams(base, pairs, count);
  freed = cpu_nanoseconds() - freed;

  printf("{\"idle_bytes\": %.1f, \"echoed_bytes\": %.1f, \"create_ns\": %.1f, \"free_ns\": %.1f}\n",
         (double)idle / count, (double)echoed / count, created / count, freed / count);
  free_streams(base, warm_up, warm_up_streams);
  event_base_free(base);
  free(warm_up);
  free(pairs);
  return 0;
}

/* A process that holds libevent and libevent_core at once, as programs that link the combined
 * library and libevent_openssl or libevent_pthreads do: both must work on the state of one. */
#define _GNU_SOURCE /* dl_iterate_phdr */

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <link.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
static long live;

static void expect(int ok, const char* what) {
  if (ok) return;
  fprintf(stderr, "failed: %s\n", what);
  ++failures;
}

static void* counting_malloc(size_t size) {
  ++live;
  return malloc(size);
}

static void* counting_realloc(void* old, size_t size) {
  if (!old) ++live;
  return realloc(old, size);
}

static void counting_free(void* memory) {
  if (memory) --live;
  free(memory);
}

static int note_library(struct dl_phdr_info* info, size_t size, void* found) {
  (void)size;
  if (strstr(info->dlpi_name, "libevent-2.1.so")) *(int*)found |= 1;
  if (strstr(info->dlpi_name, "libevent_core-2.1.so")) *(int*)found |= 2;
  return 0;
}

static void on_event(struct bufferevent* bev, short what, void* seen) {
  (void)bev;
  *(short*)seen |= what;
}

int main(void) {
  int libraries = 0;
  long before;
  short seen = 0;
  struct event_base* base;
  struct bufferevent *pair[2], *tls;
  SSL_CTX* context = SSL_CTX_new(TLS_method());

  dl_iterate_phdr(note_library, &libraries);
  expect(libraries == 3, "both libraries are loaded: otherwise nothing is tested");

  event_set_mem_functions(counting_malloc, counting_realloc, counting_free);
  expect(evthread_use_pthreads() == 0, "libevent_pthreads sets up locking");
  base = event_base_new();
  expect(evthread_make_base_notifiable(base) == 0, "which the combined library knows of");
  expect(bufferevent_pair_new(base, BEV_OPT_THREADSAFE, pair) == 0, "and uses in its streams");

  before = live;
  tls = bufferevent_openssl_filter_new(base, pair[0], SSL_new(context), BUFFEREVENT_SSL_CONNECTING,
                                       BEV_OPT_CLOSE_ON_FREE);
  expect(tls != NULL, "libevent_openssl works on a stream of the combined library");
  expect(live > before, "and allocates through the functions given to it");
  bufferevent_setcb(tls, NULL, NULL, on_event, &seen);
  bufferevent_enable(tls, EV_READ | EV_WRITE);
  bufferevent_flush(pair[1], EV_WRITE, BEV_FINISHED);
  event_base_loop(base, EVLOOP_NONBLOCK);
  expect(seen & (BEV_EVENT_ERROR | BEV_EVENT_EOF), "events of the pair reach the TLS stream");

  bufferevent_free(tls);
  bufferevent_free(pair[1]);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
  SSL_CTX_free(context);
  libevent_global_shutdown();
  expect(live == 0, "all memory comes back");
  return failures ? 1 : 0;
}

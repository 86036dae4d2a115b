/*
 * Compression: what the program writes to a filter leaves it compressed with zlib, and comes out of
 * the filter at the other end as it was written. The two ends share a pair of sockets.
 *
 *   cc compressed_log.c -lbevel_compress -levent_core && ./a.out
 */
#include <event2/bevel.h>
#include <event2/bevel_compress.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#define LINES 10000

static size_t on_the_wire; /* bytes that passed the receiver's socket */

static void on_wire(struct evbuffer* buffer, const struct evbuffer_cb_info* change, void* arg) {
  (void)buffer, (void)arg;
  on_the_wire += change->n_added;
}

static void on_read(struct bufferevent* bev, void* arg) {
  const size_t length = evbuffer_get_length(bufferevent_get_input(bev));
  evbuffer_drain(bufferevent_get_input(bev), length);
  *(size_t*)arg += length;
}

/* An end in the middle of a compressed stream would be BEV_EVENT_ERROR: somebody cut it. */
static void on_event(struct bufferevent* bev, short what, void* arg) {
  (void)bev, (void)arg;
  puts(what & BEV_EVENT_EOF ? "the receiver sees the end" : "the receiver sees an error");
}

static void on_ended(struct bufferevent* bev, enum bevel_shutdown_outcome outcome, void* arg) {
  (void)bev;
  *(int*)arg = outcome == BEVEL_SHUTDOWN_CLEAN;
}

static struct bufferevent* compressed(struct event_base* base, evutil_socket_t socket) {
  struct bevel_compress_options how;
  struct bufferevent* below = bufferevent_socket_new(base, socket, BEV_OPT_CLOSE_ON_FREE);
  memset(&how, 0, sizeof how);
  how.format = BEVEL_ZLIB_GZIP;
  how.max_output = 1 << 20; /* a small file may expand to an endless one */
  return below == NULL ? NULL : bevel_filter_zlib_new(below, &how, BEV_OPT_CLOSE_ON_FREE);
}

static const char usage[] =
    "usage: compressed_log\n"
    "Sends a log through compression filters and checks what arrives.\n";

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout), 0;
  if (argc > 1) return fputs("compressed_log: takes no arguments but --help\n", stderr), 2;

  const struct timeval patience = {10, 0};
  struct event_base* base = event_base_new();
  struct bufferevent *sender, *receiver;
  evutil_socket_t ends[2];
  size_t written = 0, read = 0;
  int i, clean = 0;

  if (base == NULL || evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) != 0) return 1;
  for (i = 0; i < 2; ++i) evutil_make_socket_nonblocking(ends[i]);
  if ((sender = compressed(base, ends[0])) == NULL) return 1;
  if ((receiver = compressed(base, ends[1])) == NULL) return 1;
  evbuffer_add_cb(bufferevent_get_input(bufferevent_get_underlying(receiver)), on_wire, NULL);
  bufferevent_setcb(receiver, on_read, NULL, on_event, &read);
  bufferevent_enable(receiver, EV_READ);

  for (i = 0; i < LINES; ++i)
    written +=
        (size_t)evbuffer_add_printf(bufferevent_get_output(sender), "line %d of the log\n", i);
  /* Pushes out what the filter holds back, writes the end of the compressed stream, then FIN. */
  bevel_shutdown(sender, EV_WRITE, &patience, on_ended, &clean);
  event_base_dispatch(base);

  printf("%zu bytes written, %zu read, fewer than a third of it on the wire: %s\n", written, read,
         on_the_wire < written / 3 ? "yes" : "no");
  bufferevent_free(sender);
  bufferevent_free(receiver);
  event_base_free(base);
  return clean && read == written ? 0 : 1;
}

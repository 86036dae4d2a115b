/*
 * A filter: the program writes and reads bytes, and hexadecimal digits go over the wire.
 *
 *   cc hex_filter.c -levent_core && ./a.out
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From the program to the wire. */
static enum bufferevent_filter_result to_hex(struct evbuffer* source, struct evbuffer* destination,
                                             ev_ssize_t limit, enum bufferevent_flush_mode mode,
                                             void* arg) {
  ev_ssize_t written = 0;
  unsigned char byte;
  (void)mode, (void)arg;
  /* A limit of -1 is none. What does not fit stays, and we are called again when there is room. */
  while ((limit < 0 || written + 2 <= limit) && evbuffer_remove(source, &byte, 1) == 1)
    written += evbuffer_add_printf(destination, "%02x", byte);
  return written != 0 ? BEV_OK : BEV_NEED_MORE;
}

/* From the wire to the program. */
static enum bufferevent_filter_result from_hex(struct evbuffer* source,
                                               struct evbuffer* destination, ev_ssize_t limit,
                                               enum bufferevent_flush_mode mode, void* arg) {
  ev_ssize_t written = 0;
  char digits[3] = "", *end;
  (void)mode, (void)arg;
  while (written != limit && evbuffer_copyout(source, digits, 2) == 2) {
    const unsigned char byte = (unsigned char)strtoul(digits, &end, 16);
    if (end != digits + 2) return BEV_ERROR; /* the reader is told BEV_EVENT_ERROR */
    evbuffer_drain(source, 2);
    evbuffer_add(destination, &byte, 1);
    ++written;
  }
  return written != 0 ? BEV_OK : BEV_NEED_MORE; /* half a byte waits for its other digit */
}

static void wire_on_read(struct bufferevent* bev, void* arg) {
  struct evbuffer* input = bufferevent_get_input(bev);
  const size_t length = evbuffer_get_length(input);
  (void)arg;
  printf("on the wire: %.*s\n", (int)length, (const char*)evbuffer_pullup(input, -1));
  bufferevent_write_buffer(bev, input); /* back to where it came from */
}

static void program_on_read(struct bufferevent* bev, void* arg) {
  char text[64];
  const size_t length = bufferevent_read(bev, text, sizeof text);
  printf("read back:   %.*s\n", (int)length, text);
  *(int*)arg = length == 5 && memcmp(text, "Bevel", 5) == 0;
}

static const char usage[] =
    "usage: hex_filter\n"
    "Sends text through a filter that makes hexadecimal digits of it, and back.\n";

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout), 0;
  if (argc > 1) return fputs("hex_filter: takes no arguments but --help\n", stderr), 2;

  struct event_base* base = event_base_new();
  struct bufferevent *wire[2], *filter;
  int good = 0;

  if (base == NULL || bufferevent_pair_new(base, 0, wire) != 0) return 1;
  /* It owns wire[0] and its callbacks from now on. */
  filter = bufferevent_filter_new(wire[0], from_hex, to_hex, BEV_OPT_CLOSE_ON_FREE, NULL, NULL);
  if (filter == NULL) return 1;
  bufferevent_setcb(filter, program_on_read, NULL, NULL, &good);
  bufferevent_setcb(wire[1], wire_on_read, NULL, NULL, NULL);
  bufferevent_enable(filter, EV_READ);
  bufferevent_enable(wire[1], EV_READ);

  bufferevent_write(filter, "Bevel", 5);
  event_base_dispatch(base);

  bufferevent_free(filter);
  bufferevent_free(wire[1]);
  event_base_free(base);
  return good ? 0 : 1;
}

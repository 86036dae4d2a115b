/*
 * A program that talks to itself: a service written for bufferevents of any kind serves one end of
 * a pair, as it would serve a socket, and the program is its client at the other end. No byte goes
 * through the kernel.
 *
 *   cc pair_tunnel.c -levent_core && ./a.out
 */
#include <ctype.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The service: answers each line with the same line in capitals ---- */

static void service_on_read(struct bufferevent* bev, void* arg) {
  struct evbuffer* input = bufferevent_get_input(bev);
  char* line;
  size_t length, i;
  (void)arg;

  while ((line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF)) != NULL) {
    for (i = 0; i < length; ++i) line[i] = (char)toupper((unsigned char)line[i]);
    evbuffer_add_printf(bufferevent_get_output(bev), "%s\n", line);
    free(line);
  }
}

static void service_on_event(struct bufferevent* bev, short what, void* arg) {
  (void)bev;
  (void)arg;
  if (what & BEV_EVENT_EOF) puts("the service sees the end");
}

/* ---- Its client ---- */

static const char* const questions[] = {"the loop turns", "chains move", "no byte is copied"};
static const size_t question_count = sizeof questions / sizeof *questions;

static void client_on_read(struct bufferevent* bev, void* arg) {
  size_t* answered = arg;
  char* line;

  while ((line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF)) != NULL) {
    printf("%s -> %s\n", questions[(*answered)++], line);
    free(line);
  }
  /* Freeing an end tells the other one nothing; this does. */
  if (*answered == question_count) bufferevent_flush(bev, EV_WRITE, BEV_FINISHED);
}

static const char usage[] =
    "usage: pair_tunnel\n"
    "Talks to itself through a pair, and prints questions and answers.\n";

int main(int argc, char** argv) {
  if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout), 0;
  if (argc > 1) return fputs("pair_tunnel: takes no arguments but --help\n", stderr), 2;

  struct event_base* base = event_base_new();
  struct bufferevent* ends[2];
  size_t answered = 0, i;

  if (base == NULL || bufferevent_pair_new(base, 0, ends) != 0) return 1;
  bufferevent_setcb(ends[0], client_on_read, NULL, NULL, &answered);
  bufferevent_setcb(ends[1], service_on_read, NULL, service_on_event, NULL);
  bufferevent_enable(ends[0], EV_READ);
  bufferevent_enable(ends[1], EV_READ);

  for (i = 0; i < question_count; ++i)
    evbuffer_add_printf(bufferevent_get_output(ends[0]), "%s\n", questions[i]);
  event_base_dispatch(base); /* until nothing is left to do */

  bufferevent_free(ends[0]);
  bufferevent_free(ends[1]);
  event_base_free(base);
  return answered == question_count ? 0 : 1;
}

/*
 * A server that sends zeros as fast as it may: 100 kB/s to each client, 250 kB/s to all of them.
 *
 *   cc rate_limited_server.c -levent_core && ./a.out 9999
 *   nc 127.0.0.1 9999 | pv > /dev/null
 */
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct limits {
  struct ev_token_bucket_cfg* each;
  struct bufferevent_rate_limit_group* all;
};

static void on_write(struct bufferevent* bev, void* arg) {
  static const char zeros[16384];
  (void)arg;
  bufferevent_write(bev, zeros, sizeof zeros); /* the last ones have left: more of them */
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  (void)what;
  (void)arg;
  bufferevent_free(bev); /* which leaves the group as well */
}

static void on_accept(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* address,
                      int length, void* arg) {
  const struct limits* limits = arg;
  struct event_base* base = evconnlistener_get_base(listener);
  struct bufferevent* bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  (void)address;
  (void)length;
  if (bev == NULL) {
    evutil_closesocket(fd);
    return;
  }
  bufferevent_setcb(bev, NULL, on_write, on_event, NULL);
  bufferevent_set_rate_limit(bev, limits->each);
  bufferevent_add_to_rate_limit_group(bev, limits->all);
  bufferevent_enable(bev, EV_READ); /* to hear of the end */
  on_write(bev, NULL);
}

static const char usage[] =
    "usage: rate_limited_server [PORT]\n"
    "Sends zeros to its clients on 127.0.0.1, 100 kB/s to each and 250 kB/s to all.\n"
    "  PORT   default 0, which takes any free port. The port is printed.\n";

static int refuse(const char* what) {
  fprintf(stderr, "rate_limited_server: %s\nTry rate_limited_server --help.\n", what);
  return 2;
}

int main(int argc, char** argv) {
  const char* text = argc > 1 ? argv[1] : "0";
  char* rest;
  const long port = strtol(text, &rest, 10);

  if (strcmp(text, "--help") == 0) return fputs(usage, stdout), 0;
  if (argc > 2) return refuse("one port is enough");
  if (*text == '\0' || *rest != '\0' || port < 0 || port > 65535)
    return refuse("a port is a number from 0 to 65535");

  const size_t no_limit = EV_RATE_LIMIT_MAX;
  const struct timeval tick = {0, 100000}; /* rates are bytes per tick of 100 ms */
  struct event_base* base = event_base_new();
  struct ev_token_bucket_cfg* total =
      ev_token_bucket_cfg_new(no_limit, no_limit, 25000, 25000, &tick);
  struct limits limits;
  struct evconnlistener* listener;
  struct sockaddr_in sin;
  socklen_t length = sizeof sin;

  limits.each = ev_token_bucket_cfg_new(no_limit, no_limit, 10000, 10000, &tick);
  limits.all = bufferevent_rate_limit_group_new(base, total);
  ev_token_bucket_cfg_free(total); /* the group has its own copy */

  memset(&sin, 0, sizeof sin);
  sin.sin_family = AF_INET;
  sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sin.sin_port = htons((unsigned short)port);
  listener = evconnlistener_new_bind(base, on_accept, &limits, LEV_OPT_REUSEABLE, -1,
                                     (struct sockaddr*)&sin, sizeof sin);
  if (listener == NULL) {
    fprintf(stderr,
            "rate_limited_server: port %ld: %s\nTry another one, or 0 for any that is free.\n",
            port, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    bufferevent_rate_limit_group_free(limits.all);
    ev_token_bucket_cfg_free(limits.each);
    event_base_free(base);
    return 2;
  }
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&sin, &length);
  printf("listening on 127.0.0.1:%d\n", ntohs(sin.sin_port));
  fflush(stdout);
  return event_base_dispatch(base);
}

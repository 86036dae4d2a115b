/*
 * An echo server: the smallest useful program with bufferevents.
 *
 *   cc echo_server.c -levent_core && ./a.out 9999
 *   nc 127.0.0.1 9999
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_read(struct bufferevent* bev, void* arg) {
  (void)arg;
  /* Moves what was received to the output, without copying it. */
  bufferevent_write_buffer(bev, bufferevent_get_input(bev));
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  (void)what; /* end of file, or an error: the conversation is over */
  (void)arg;
  bufferevent_free(bev);
}

static void on_accept(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* address,
                      int length, void* arg) {
  struct event_base* base = evconnlistener_get_base(listener);
  struct bufferevent* bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
  (void)address;
  (void)length;
  (void)arg;

  if (bev == NULL) {
    evutil_closesocket(fd);
    return;
  }
  bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
  bufferevent_enable(bev, EV_READ); /* EV_WRITE is enabled from the beginning */
}

static void on_signal(evutil_socket_t number, short what, void* base) {
  (void)number;
  (void)what;
  event_base_loopexit(base, NULL);
}

static const char usage[] =
    "usage: echo_server [PORT]\n"
    "Sends back what it receives on 127.0.0.1, until SIGINT.\n"
    "  PORT   default 0, which takes any free port. The port is printed.\n";

static int refuse(const char* what) {
  fprintf(stderr, "echo_server: %s\nTry echo_server --help.\n", what);
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

  struct event_base* base = event_base_new();
  struct event* interrupt = evsignal_new(base, SIGINT, on_signal, base);
  struct evconnlistener* listener;
  struct sockaddr_in sin;
  socklen_t length = sizeof sin;

  memset(&sin, 0, sizeof sin);
  sin.sin_family = AF_INET;
  sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  sin.sin_port = htons((unsigned short)port);
  listener =
      evconnlistener_new_bind(base, on_accept, NULL, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, -1,
                              (struct sockaddr*)&sin, sizeof sin);
  if (listener == NULL) {
    fprintf(stderr, "echo_server: port %ld: %s\nTry another one, or 0 for any that is free.\n",
            port, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
    event_free(interrupt);
    event_base_free(base);
    return 2;
  }
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&sin, &length);
  printf("listening on 127.0.0.1:%d\n", ntohs(sin.sin_port));
  fflush(stdout);

  event_add(interrupt, NULL);
  event_base_dispatch(base);

  evconnlistener_free(listener);
  event_free(interrupt);
  event_base_free(base);
  return 0;
}

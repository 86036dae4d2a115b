/* Question: what does a plain program written against the libevent API pay per message, per byte
 * and per connection? Built once against the system's libevent and once against this library. */

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <event2/util.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct server {
  struct event_base* base;
  struct timeval idle; /* both idle timeouts of every stream; zero: none */
  size_t largest_move; /* bufferevent_set_max_single_*; 0: the library's choice */
  int close_at_once;   /* accept and close, without a stream */
  unsigned long accepted;
  unsigned long open;
};

static void echo(struct bufferevent* stream, void* arg) {
  (void)arg;
  bufferevent_write_buffer(stream, bufferevent_get_input(stream));
}

static void finish(struct bufferevent* stream, short what, void* arg) {
  struct server* server = arg;
  (void)what;
  --server->open;
  bufferevent_free(stream);
}

static void start_echo(struct server* server, evutil_socket_t fd) {
  struct bufferevent* stream = bufferevent_socket_new(server->base, fd, BEV_OPT_CLOSE_ON_FREE);
  int on = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  bufferevent_setcb(stream, echo, NULL, finish, server);
  if (server->largest_move > 0) {
    bufferevent_set_max_single_read(stream, server->largest_move);
    bufferevent_set_max_single_write(stream, server->largest_move);
  }
  if (server->idle.tv_sec > 0) bufferevent_set_timeouts(stream, &server->idle, &server->idle);
  bufferevent_enable(stream, EV_READ | EV_WRITE);
  ++server->open;
}

static void accepted(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* peer,
                     int peer_size, void* arg) {
  struct server* server = arg;
  (void)listener;
  (void)peer;
  (void)peer_size;
  ++server->accepted;
  if (server->close_at_once) {
    evutil_closesocket(fd);
  } else {
    start_echo(server, fd);
  }
}

static void stop(evutil_socket_t number, short what, void* arg) {
  struct server* server = arg;
  (void)number;
  (void)what;
  event_base_loopbreak(server->base);
}

static struct evconnlistener* listen_on_free_port(struct server* server) {
  struct sockaddr_in address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return evconnlistener_new_bind(server->base, accepted, server,
                                 LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE, 4096,
                                 (struct sockaddr*)&address, sizeof address);
}

static void announce_port(struct evconnlistener* listener) {
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&address, &size);
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
}

static void read_options(struct server* server, int argc, char** argv) {
  int option;
  while ((option = getopt(argc, argv, "at:s:")) != -1) {
    if (option == 'a') {
      server->close_at_once = 1;
    } else if (option == 't') {
      server->idle.tv_sec = atol(optarg);
    } else if (option == 's') {
      server->largest_move = strtoul(optarg, NULL, 10);
    } else {
      fprintf(stderr, "usage: %s [-a] [-t idle_seconds] [-s largest_move]\n", argv[0]);
      exit(2);
    }
  }
}

int main(int argc, char** argv) {
  struct server server;
  struct evconnlistener* listener;
  struct event* on_terminate;

  memset(&server, 0, sizeof server);
  read_options(&server, argc, argv);
  signal(SIGPIPE, SIG_IGN);
  server.base = event_base_new();
  if (!server.base || !(listener = listen_on_free_port(&server))) {
    perror("listen");
    return 1;
  }
  on_terminate = evsignal_new(server.base, SIGTERM, stop, &server);
  event_add(on_terminate, NULL);
  announce_port(listener);
  event_base_dispatch(server.base);

  printf("{\"accepted\": %lu, \"open\": %lu}\n", server.accepted, server.open);
  event_free(on_terminate);
  evconnlistener_free(listener);
  event_base_free(server.base);
  return 0;
}

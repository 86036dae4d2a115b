/* Question: what does TLS 1.3 cost a plain bufferevent server per byte, per message and per
 * handshake? Built once against the system's libevent and once against this library. */

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/credentials.h"

enum { chunk_size = 16 * 1024 };

static struct event_base* base;
static SSL_CTX* context;
static bufferevent_data_cb on_read;
static bufferevent_data_cb on_write;
static bufferevent_event_cb on_event;
static char chunk[chunk_size];

static void echo(struct bufferevent* stream, void* arg) {
  (void)arg;
  bufferevent_write_buffer(stream, bufferevent_get_input(stream));
}

static void discard(struct bufferevent* stream, void* arg) {
  struct evbuffer* input = bufferevent_get_input(stream);
  (void)arg;
  evbuffer_drain(input, evbuffer_get_length(input));
}

static void write_chunk(struct bufferevent* stream, void* arg) {
  (void)arg;
  bufferevent_write(stream, chunk, chunk_size);
}

static void finish(struct bufferevent* stream, short what, void* arg) {
  (void)arg;
  if (what & BEV_EVENT_CONNECTED) return;
  bufferevent_free(stream);
}

static void start_sending(struct bufferevent* stream, short what, void* arg) {
  if (what & BEV_EVENT_CONNECTED) {
    write_chunk(stream, arg);
  } else {
    finish(stream, what, arg);
  }
}

static void finish_handshake(struct bufferevent* stream, short what, void* arg) {
  (void)what;
  (void)arg;
  bufferevent_free(stream);
}

static void accepted(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* peer,
                     int peer_size, void* arg) {
  struct bufferevent* stream;
  int on = 1;
  (void)listener;
  (void)peer;
  (void)peer_size;
  (void)arg;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  stream = bufferevent_openssl_socket_new(base, fd, SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  bufferevent_openssl_set_allow_dirty_shutdown(stream, 1);
  bufferevent_setcb(stream, on_read, on_write, on_event, NULL);
  bufferevent_enable(stream, EV_READ | EV_WRITE);
}

static void choose_mode(const char* mode) {
  on_event = finish;
  if (strcmp(mode, "echo") == 0) {
    on_read = echo;
  } else if (strcmp(mode, "sink") == 0) {
    on_read = discard;
  } else if (strcmp(mode, "source") == 0) {
    on_write = write_chunk;
    on_event = start_sending;
  } else if (strcmp(mode, "handshake") == 0) {
    on_event = finish_handshake;
  } else {
    fprintf(stderr, "modes: echo, sink, source, handshake\n");
    exit(2);
  }
}

static void stop(evutil_socket_t number, short what, void* arg) {
  (void)number;
  (void)what;
  (void)arg;
  event_base_loopbreak(base);
}

static struct evconnlistener* listen_and_announce(void) {
  struct evconnlistener* listener;
  struct sockaddr_in address;
  socklen_t size = sizeof address;
  memset(&address, 0, sizeof address);
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = evconnlistener_new_bind(base, accepted, NULL, LEV_OPT_CLOSE_ON_FREE, 4096,
                                     (struct sockaddr*)&address, sizeof address);
  if (!listener) {
    perror("listen");
    exit(1);
  }
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&address, &size);
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  return listener;
}

int main(int argc, char** argv) {
  struct evconnlistener* listener;
  struct event* on_terminate;

  choose_mode(argc > 1 ? argv[1] : "echo");
  signal(SIGPIPE, SIG_IGN);
  context = bench_server_context();
  base = event_base_new();
  on_terminate = evsignal_new(base, SIGTERM, stop, NULL);
  event_add(on_terminate, NULL);
  listener = listen_and_announce();
  event_base_dispatch(base);

  event_free(on_terminate);
  evconnlistener_free(listener);
  event_base_free(base);
  SSL_CTX_free(context);
  return 0;
}

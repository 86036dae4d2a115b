/*
 * A TLS server that ends connections properly: to each client it sends a greeting, says goodbye,
 * waits until the client has done so too, and prints how that went.
 *
 *   cc tls_goodbye_server.c -levent_openssl -levent_core -lssl -lcrypto
 *   ./a.out CERTIFICATE KEY        (PEM files; it prints its port)
 */
#include <event2/bevel.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char* const outcomes[] = {"clean", "the time was over", "the connection broke"};

static void on_ended(struct bufferevent* bev, enum bevel_shutdown_outcome outcome, void* arg) {
  (void)arg;
  printf("ended: %s\n", outcomes[outcome]);
  fflush(stdout);
  bufferevent_free(bev);
}

static void on_accept(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* address,
                      int length, void* tls) {
  const struct timeval patience = {10, 0};
  SSL* ssl = SSL_new(tls);
  struct bufferevent* bev = bufferevent_openssl_socket_new(
      evconnlistener_get_base(listener), fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  (void)address, (void)length;
  if (bev == NULL) { /* no memory; nothing was taken */
    SSL_free(ssl);
    evutil_closesocket(fd);
    return;
  }
  /* All of this waits for the handshake. Without a read callback, what the client sends is dropped. */
  evbuffer_add_printf(bufferevent_get_output(bev), "welcome, and goodbye\n");
  if (bevel_shutdown(bev, EV_READ | EV_WRITE, &patience, on_ended, NULL) != 0)
    bufferevent_free(bev);
}

static void on_signal(evutil_socket_t number, short what, void* base) {
  (void)number, (void)what;
  event_base_loopbreak(base);
}

static const char usage[] =
    "usage: tls_goodbye_server CERTIFICATE KEY\n"
    "Greets each client on 127.0.0.1 and says goodbye, until SIGTERM. Its port is printed.\n"
    "  CERTIFICATE KEY   PEM files. This makes both, for tests:\n"
    "    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \\\n"
    "      -subj /CN=localhost -keyout key.pem -out cert.pem\n";

static int refuse(const char* what) {
  fprintf(stderr, "tls_goodbye_server: %s\nTry tls_goodbye_server --help.\n", what);
  return 2;
}

int main(int argc, char** argv) {
  struct event_base* base;
  struct event* stop;
  SSL_CTX* tls;
  struct sockaddr_in sin = {.sin_family = AF_INET}; /* any port */
  socklen_t length = sizeof sin;
  struct evconnlistener* listener;

  if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout), 0;
  if (argc != 3 || *argv[1] == '-') return refuse("it takes two files, a certificate and its key");
  tls = SSL_CTX_new(TLS_server_method());
  if (SSL_CTX_use_certificate_chain_file(tls, argv[1]) != 1 ||
      SSL_CTX_use_PrivateKey_file(tls, argv[2], SSL_FILETYPE_PEM) != 1) {
    ERR_print_errors_fp(stderr);
    SSL_CTX_free(tls);
    return refuse("no usable certificate and key");
  }
  base = event_base_new();
  stop = evsignal_new(base, SIGTERM, on_signal, base);
  sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener = evconnlistener_new_bind(base, on_accept, tls, LEV_OPT_CLOSE_ON_FREE, -1,
                                     (struct sockaddr*)&sin, sizeof sin);
  if (listener == NULL || event_add(stop, NULL) != 0) return 1;
  getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&sin, &length);
  printf("listening on 127.0.0.1:%d\n", ntohs(sin.sin_port));
  fflush(stdout);
  event_base_dispatch(base);
  evconnlistener_free(listener);
  event_free(stop);
  event_base_free(base);
  SSL_CTX_free(tls);
  return 0;
}

/*
 * The client for tls_goodbye_server: sends many bytes, prints what the server says, and ends the
 * connection without losing one of them. Connects by name, trusts nobody but CERTIFICATE.
 *
 *   cc tls_goodbye_client.c -levent_openssl -levent_core -lssl -lcrypto
 *   ./a.out PORT CERTIFICATE
 */
#include <event2/bevel.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char* const outcomes[] = {"clean", "the time was over", "the connection broke"};

static void on_read(struct bufferevent* bev, void* arg) {
  char* line;
  (void)arg;
  while ((line = evbuffer_readln(bufferevent_get_input(bev), NULL, EVBUFFER_EOL_LF)) != NULL) {
    printf("the server says: %s\n", line);
    free(line);
  }
}

/* A connection that is cut is an error, so that nobody but the server can end it. */
static void on_event(struct bufferevent* bev, short what, void* arg) {
  (void)arg;
  if (what & BEV_EVENT_CONNECTED)
    printf("connected: %s\n", SSL_get_version(bufferevent_openssl_get_ssl(bev)));
  else
    puts(what & BEV_EVENT_EOF ? "the server says goodbye" : "the connection broke");
}

static void on_ended(struct bufferevent* bev, enum bevel_shutdown_outcome outcome, void* arg) {
  printf("ended: %s\n", outcomes[outcome]);
  *(int*)arg = outcome == BEVEL_SHUTDOWN_CLEAN;
  bufferevent_free(bev);
}

static const char usage[] =
    "usage: tls_goodbye_client PORT CERTIFICATE\n"
    "Sends many bytes to the server on localhost and ends the connection without losing one.\n"
    "  PORT          as printed by tls_goodbye_server\n"
    "  CERTIFICATE   the PEM file that the server was given\n";

static int refuse(const char* what) {
  fprintf(stderr, "tls_goodbye_client: %s\nTry tls_goodbye_client --help.\n", what);
  return 2;
}

int main(int argc, char** argv) {
  static const char many_bytes[200000];
  const struct timeval patience = {10, 0};
  struct event_base* base;
  SSL_CTX* tls;
  struct bufferevent* bev;
  SSL* ssl;
  char* rest;
  long port;
  int clean = 0;

  if (argc > 1 && strcmp(argv[1], "--help") == 0) return fputs(usage, stdout), 0;
  if (argc != 3) return refuse("it takes a port and a certificate");
  port = strtol(argv[1], &rest, 10);
  if (*rest != '\0' || port < 1 || port > 65535)
    return refuse("a port to connect to is a number from 1 to 65535");
  tls = SSL_CTX_new(TLS_client_method());
  if (SSL_CTX_load_verify_locations(tls, argv[2], NULL) != 1) {
    ERR_print_errors_fp(stderr);
    SSL_CTX_free(tls);
    return refuse("no usable certificate");
  }
  base = event_base_new();
  SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
  ssl = SSL_new(tls);
  SSL_set1_host(ssl, "localhost");
  bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                       BEV_OPT_CLOSE_ON_FREE);
  if (bev == NULL) return 1;
  bufferevent_setcb(bev, on_read, NULL, on_event, NULL);
  bufferevent_enable(bev, EV_READ | EV_WRITE);
  if (bufferevent_socket_connect_hostname(bev, NULL, AF_UNSPEC, "localhost", (int)port) != 0)
    return 1;

  bufferevent_write(bev, many_bytes, sizeof many_bytes);
  /* Waits for the connection, then for the bytes to leave, then for the server's goodbye. */
  bevel_shutdown(bev, EV_READ | EV_WRITE, &patience, on_ended, &clean);
  event_base_dispatch(base);

  event_base_free(base);
  SSL_CTX_free(tls);
  return clean ? 0 : 1;
}

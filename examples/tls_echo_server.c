/*
 * A TLS echo server: whatever a client sends comes back to it.
 *
 *   cc tls_echo_server.c -levent_openssl -levent_core -lssl -lcrypto
 *   ./a.out --port 9999
 *   openssl s_client -connect 127.0.0.1:9999
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/listener.h>
#include <getopt.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>

/* A client that sends without reading is not read from while this much waits to be sent back. */
#define MAX_UNSENT ((size_t)1 << 20)

struct connection {
  struct bufferevent* bev;
  struct server* server;
  LIST_ENTRY(connection) others;
};

struct server {
  SSL_CTX* tls;
  LIST_HEAD(, connection) connections;
  unsigned long accepted;
  unsigned long long bytes;
  int verbose;
};

/* ---- One connection ---- */

static void connection_end(struct connection* connection) {
  /* Freeing alone would cut the connection off. This says goodbye, without waiting for the answer:
   * as if the client's own goodbye had been received. */
  SSL* ssl = bufferevent_openssl_get_ssl(connection->bev);
  SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
  SSL_shutdown(ssl);
  ERR_clear_error(); /* of no interest any more, and the queue is shared by all connections */

  bufferevent_free(connection->bev);
  LIST_REMOVE(connection, others);
  free(connection);
}

static void on_read(struct bufferevent* bev, void* arg) {
  struct connection* connection = arg;
  struct evbuffer* input = bufferevent_get_input(bev);
  const size_t length = evbuffer_get_length(input);

  connection->server->bytes += length;
  if (connection->server->verbose) {
    printf("received %zu bytes:\n", length);
    fwrite(evbuffer_pullup(input, -1), 1, length, stdout);
    fflush(stdout);
  }
  bufferevent_write_buffer(bev, input);
  if (evbuffer_get_length(bufferevent_get_output(bev)) > MAX_UNSENT)
    bufferevent_disable(bev, EV_READ); /* until on_written() */
}

static void on_written(struct bufferevent* bev, void* arg) {
  (void)arg;
  bufferevent_enable(bev, EV_READ);
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  struct connection* connection = arg;
  unsigned long error;
  char reason[256];

  if (what & BEV_EVENT_CONNECTED) {
    if (connection->server->verbose)
      printf("handshake done: %s\n", SSL_get_version(bufferevent_openssl_get_ssl(bev)));
    return;
  }
  while (connection->server->verbose && (error = bufferevent_get_openssl_error(bev)) != 0) {
    ERR_error_string_n(error, reason, sizeof reason);
    printf("connection lost: %s\n", reason);
  }
  connection_end(connection);
}

static void on_accept(struct evconnlistener* listener, evutil_socket_t fd, struct sockaddr* address,
                      int length, void* arg) {
  struct server* server = arg;
  struct connection* connection = calloc(1, sizeof *connection);
  SSL* ssl = SSL_new(server->tls);
  struct bufferevent* bev = NULL;
  (void)address;
  (void)length;

  if (connection != NULL && ssl != NULL)
    bev = bufferevent_openssl_socket_new(evconnlistener_get_base(listener), fd, ssl,
                                         BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  if (bev == NULL) { /* No memory: this client has bad luck, the others stay. */
    SSL_free(ssl);
    free(connection);
    evutil_closesocket(fd);
    return;
  }
  connection->bev = bev;
  connection->server = server;
  LIST_INSERT_HEAD(&server->connections, connection, others);
  server->accepted++;
  bufferevent_setcb(bev, on_read, on_written, on_event, connection);
  bufferevent_enable(bev, EV_READ);
}

/* ---- Certificate and key ---- */

static int fill_in(X509* cert, EVP_PKEY* key, X509_EXTENSION* hosts) {
  X509_NAME* name = X509_get_subject_name(cert);
  const unsigned char* localhost = (const unsigned char*)"localhost";
  return X509_set_version(cert, X509_VERSION_3) &&
         ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) &&
         X509_gmtime_adj(X509_getm_notBefore(cert), -60) != NULL &&
         X509_gmtime_adj(X509_getm_notAfter(cert), 24 * 60 * 60) != NULL &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, localhost, -1, -1, 0) &&
         X509_set_issuer_name(cert, name) && X509_add_ext(cert, hosts, -1) &&
         X509_set_pubkey(cert, key) && X509_sign(cert, key, EVP_sha256());
}

/* A key on the curve P-256, and a certificate for it that is signed by itself and good for a day.
 */
static int use_made_in_memory(SSL_CTX* tls) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = X509_new();
  X509_EXTENSION* hosts =
      X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
  const int good = key != NULL && cert != NULL && hosts != NULL && fill_in(cert, key, hosts) &&
                   SSL_CTX_use_certificate(tls, cert) == 1 && SSL_CTX_use_PrivateKey(tls, key) == 1;
  X509_EXTENSION_free(hosts);
  X509_free(cert);
  EVP_PKEY_free(key);
  return good;
}

static int use_files(SSL_CTX* tls, const char* cert_file, const char* key_file) {
  return SSL_CTX_use_certificate_chain_file(tls, cert_file) == 1 &&
         SSL_CTX_use_PrivateKey_file(tls, key_file, SSL_FILETYPE_PEM) == 1;
}

/* NULL if there is no randomness, no memory, or no certificate; OpenSSL's error queue tells more.
 */
static SSL_CTX* tls_init(const char* cert_file, const char* key_file) {
  SSL_CTX* tls;

  /* Necessary before OpenSSL 1.1; since then harmless. */
  SSL_load_error_strings();
  SSL_library_init();
  if (!RAND_poll()) return NULL;

  tls = SSL_CTX_new(SSLv23_server_method()); /* the old name of TLS_server_method() */
  if (tls == NULL) return NULL;
  SSL_CTX_set_options(tls, SSL_OP_NO_SSLv2 | SSL_OP_NO_SSLv3);
  SSL_CTX_set_min_proto_version(tls, TLS1_2_VERSION);
  if (cert_file != NULL ? use_files(tls, cert_file, key_file) : use_made_in_memory(tls)) return tls;
  SSL_CTX_free(tls);
  return NULL;
}

/* ---- The program ---- */

static void on_signal(evutil_socket_t number, short what, void* arg) {
  (void)number;
  (void)what;
  event_base_loopexit(arg, NULL);
}

static int serve(struct event_base* base, struct server* server, unsigned short port) {
  struct sockaddr_in sin;
  socklen_t length = sizeof sin;
  struct evconnlistener* listener;
  struct event* interrupt = evsignal_new(base, SIGINT, on_signal, base);
  struct event* terminate = evsignal_new(base, SIGTERM, on_signal, base);

  memset(&sin, 0, sizeof sin);
  sin.sin_family = AF_INET;
  sin.sin_port = htons(port);
  sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  listener =
      evconnlistener_new_bind(base, on_accept, server, LEV_OPT_CLOSE_ON_FREE | LEV_OPT_REUSEABLE,
                              1024, (struct sockaddr*)&sin, sizeof sin);
  if (listener == NULL) {
    fprintf(stderr,
            "tls_echo_server: port %d: %s\nTry another one, or --port 0 for any that is free.\n",
            port, evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
  } else {
    event_add(interrupt, NULL);
    event_add(terminate, NULL);
    getsockname(evconnlistener_get_fd(listener), (struct sockaddr*)&sin, &length);
    printf("listening on 127.0.0.1:%d\n", ntohs(sin.sin_port));
    fflush(stdout);

    event_base_loop(base, 0);

    while (!LIST_EMPTY(&server->connections)) connection_end(LIST_FIRST(&server->connections));
    evconnlistener_free(listener);
    printf("done: %lu connections, %llu bytes\n", server->accepted, server->bytes);
  }
  event_free(interrupt);
  event_free(terminate);
  return listener != NULL ? 0 : 2;
}

static void usage(FILE* out) {
  fputs(
      "usage: tls_echo_server [--port PORT] [--verbose] [CERTIFICATE KEY]\n"
      "Sends back over TLS 1.2 or 1.3 what it receives on 127.0.0.1, until SIGINT or SIGTERM.\n"
      "  --port PORT       default 9999; 0 takes any free port. The port is printed.\n"
      "  --verbose         print what is received\n"
      "  CERTIFICATE KEY   PEM files; without them a self-signed certificate is made in memory\n",
      out);
}

static int refuse(const char* what) {
  fprintf(stderr, "tls_echo_server: %s\nTry tls_echo_server --help.\n", what);
  return 2;
}

int main(int argc, char** argv) {
  static const struct option options[] = {{"port", required_argument, NULL, 'p'},
                                          {"verbose", no_argument, NULL, 'v'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  struct server server;
  struct event_base* base;
  long port = 9999;
  char* rest;
  int option, result;

  memset(&server, 0, sizeof server);
  LIST_INIT(&server.connections);
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) switch (option) {
      case 'p':
        port = strtol(optarg, &rest, 10);
        if (*optarg == '\0' || *rest != '\0' || port < 0 || port > 65535)
          return refuse("a port is a number from 0 to 65535");
        break;
      case 'v':
        server.verbose = 1;
        break;
      case 'h':
        usage(stdout);
        return 0;
      default:
        return refuse("no such option, or its value is missing");
    }
  if (argc != optind && argc != optind + 2)
    return refuse("a certificate and a key belong together");

  signal(SIGPIPE, SIG_IGN); /* OpenSSL sends with write(): a client that is gone must not end us */
  server.tls = tls_init(argv[optind], argc != optind ? argv[optind + 1] : NULL);
  if (server.tls == NULL) {
    ERR_print_errors_fp(stderr);
    return refuse(
        "no usable certificate and key. This makes both:\n"
        "  openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "
        "/CN=localhost \\\n"
        "    -keyout key.pem -out cert.pem");
  }
  base = event_base_new();
  result = base != NULL ? serve(base, &server, (unsigned short)port) : 2;
  if (base != NULL) event_base_free(base);
  SSL_CTX_free(server.tls);
  return result;
}

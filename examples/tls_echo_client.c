/*
 * The client for tls_echo_server: sends text or random bytes over several connections at once, and
 * checks by SHA-256 that each gets back exactly what it sent.
 *
 *   cc tls_echo_client.c -levent_openssl -levent_core -lssl -lcrypto
 *   ./a.out --mib 256 --connections 8 127.0.0.1:9999
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <getopt.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define MIB ((unsigned long long)1 << 20)
#define BLOCK ((size_t)64 << 10)
#define MAX_UNSENT (16 * BLOCK)
#define MAX_CONNECTIONS 10000

struct client {
  struct event_base* base;
  struct connection* connections;
  unsigned count, open, verified;
  const char* text; /* NULL for random bytes */
  unsigned long long total, received;
  unsigned tenths; /* of the total, as printed last */
};

struct connection {
  struct client* client;
  struct bufferevent* bev;
  unsigned long long to_send, to_receive;
  EVP_MD_CTX *sent, *received; /* running hashes */
};

/* ---- One connection ---- */

static void connection_end(struct connection* connection) {
  /* A goodbye without waiting for the server's: the connection is not merely cut off. */
  SSL* ssl = bufferevent_openssl_get_ssl(connection->bev);
  SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
  SSL_shutdown(ssl);
  ERR_clear_error();
  bufferevent_free(connection->bev);
  connection->bev = NULL;
  if (--connection->client->open == 0) event_base_loopbreak(connection->client->base);
}

static void fail(struct connection* connection, const char* reason) {
  fprintf(stderr, "connection %d: %s, %llu bytes still to come\n",
          (int)(connection - connection->client->connections), reason, connection->to_receive);
  connection_end(connection);
}

static int hashes_equal(struct connection* connection) {
  unsigned char sent[EVP_MAX_MD_SIZE], received[EVP_MAX_MD_SIZE];
  unsigned length;
  return EVP_DigestFinal_ex(connection->sent, sent, &length) &&
         EVP_DigestFinal_ex(connection->received, received, &length) &&
         memcmp(sent, received, length) == 0;
}

/* Random bytes are made right where they are sent from. */
static int add_random_block(struct evbuffer* output, size_t length, EVP_MD_CTX* hash) {
  struct evbuffer_iovec space;
  if (evbuffer_reserve_space(output, (ev_ssize_t)length, &space, 1) != 1) return 0;
  space.iov_len = length;
  return RAND_bytes(space.iov_base, (int)length) == 1 &&
         EVP_DigestUpdate(hash, space.iov_base, length) &&
         evbuffer_commit_space(output, &space, 1) == 0;
}

/* Keeps the output filled. Called when the connection stands, and then whenever little is left to
 * be sent. */
static void on_written(struct bufferevent* bev, void* arg) {
  struct connection* connection = arg;
  struct evbuffer* output = bufferevent_get_output(bev);
  const char* text = connection->client->text;
  int good = 1;

  while (good && connection->to_send != 0 && evbuffer_get_length(output) < MAX_UNSENT) {
    size_t length = (size_t)connection->to_send;
    if (text != NULL) {
      good = EVP_DigestUpdate(connection->sent, text, length) &&
             evbuffer_add(output, text, length) == 0;
    } else {
      if (length > BLOCK) length = BLOCK;
      good = add_random_block(output, length, connection->sent);
    }
    connection->to_send -= length;
  }
  if (!good) fail(connection, "no memory, or no random bytes");
}

static void report_progress(struct client* client) {
  const unsigned tenths = (unsigned)(client->received * 10 / client->total);
  if (tenths == client->tenths) return;
  client->tenths = tenths;
  printf("%3u %%: %llu of %llu bytes are back\n", tenths * 10, client->received, client->total);
  fflush(stdout);
}

static void on_read(struct bufferevent* bev, void* arg) {
  struct connection* connection = arg;
  struct client* client = connection->client;
  struct evbuffer* input = bufferevent_get_input(bev);
  struct evbuffer_iovec piece;

  if (evbuffer_get_length(input) > connection->to_receive) {
    fail(connection, "more came back than was sent");
    return;
  }
  connection->to_receive -= evbuffer_get_length(input);
  client->received += evbuffer_get_length(input);
  while (evbuffer_peek(input, -1, NULL, &piece, 1) > 0) {
    EVP_DigestUpdate(connection->received, piece.iov_base, piece.iov_len);
    evbuffer_drain(input, piece.iov_len);
  }
  report_progress(client);
  if (connection->to_receive != 0) return;

  if (hashes_equal(connection)) {
    client->verified++;
    connection_end(connection);
  } else {
    fail(connection, "what came back is not what was sent");
  }
}

/* TLS, the socket, or both may know what went wrong. */
static const char* why(struct bufferevent* bev, short what, int socket_error) {
  const unsigned long tls_error = bufferevent_get_openssl_error(bev);
  const char* reason = ERR_reason_error_string(tls_error);

  if (what & BEV_EVENT_EOF) return "the server closed the connection";
  if (what & BEV_EVENT_TIMEOUT) return "nothing happened for 30 seconds";
  if (reason != NULL) return reason;
  if (tls_error != 0) socket_error = ERR_GET_REASON(tls_error);
  return socket_error != 0 ? evutil_socket_error_to_string(socket_error) : "connection lost";
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  const int socket_error = EVUTIL_SOCKET_ERROR(); /* at once, before another call changes it */

  if (what & BEV_EVENT_CONNECTED)
    on_written(bev, arg);
  else
    fail(arg, why(bev, what, socket_error));
}

static int connection_begin(struct connection* connection, SSL_CTX* tls, struct sockaddr* address,
                            int length) {
  const struct timeval patience = {30, 0};
  struct client* client = connection->client;
  SSL* ssl = SSL_new(tls);

  connection->sent = EVP_MD_CTX_new();
  connection->received = EVP_MD_CTX_new();
  if (ssl == NULL || !EVP_DigestInit_ex(connection->sent, EVP_sha256(), NULL) ||
      !EVP_DigestInit_ex(connection->received, EVP_sha256(), NULL) ||
      (connection->bev = bufferevent_openssl_socket_new(
           client->base, -1, ssl, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE)) == NULL) {
    SSL_free(ssl);
    return 0;
  }
  bufferevent_setcb(connection->bev, on_read, on_written, on_event, connection);
  bufferevent_set_timeouts(connection->bev, &patience, &patience);
  bufferevent_setwatermark(connection->bev, EV_WRITE, MAX_UNSENT / 2, 0);
  bufferevent_enable(connection->bev, EV_READ | EV_WRITE);
  client->open++;
  return bufferevent_socket_connect(connection->bev, address, length) == 0;
}

/* ---- The program ---- */

static int run(struct client* client, SSL_CTX* tls, struct sockaddr* address, int length) {
  const unsigned long long share = client->total / client->count;
  unsigned i;

  for (i = 0; i < client->count; ++i) {
    struct connection* connection = &client->connections[i];
    connection->client = client;
    connection->to_send = share + (i < client->total % client->count);
    connection->to_receive = connection->to_send;
    if (!connection_begin(connection, tls, address, length)) {
      fputs("tls_echo_client: could not start a connection\n", stderr);
      break;
    }
  }
  if (i == client->count) event_base_loop(client->base, 0);

  for (i = 0; i < client->count; ++i) {
    EVP_MD_CTX_free(client->connections[i].sent);
    EVP_MD_CTX_free(client->connections[i].received);
    if (client->connections[i].bev != NULL) bufferevent_free(client->connections[i].bev);
  }
  return client->verified == client->count;
}

static void summarize(const struct client* client, const struct timeval* begin) {
  struct timeval now;
  double seconds;

  evutil_gettimeofday(&now, NULL);
  seconds = (double)(now.tv_sec - begin->tv_sec) + (double)(now.tv_usec - begin->tv_usec) / 1e6;
  if (seconds <= 0) seconds = 1e-6; /* the clock was set back meanwhile */
  printf("%u of %u connections verified: %llu bytes there and back in %.2f s, %.1f MB/s\n",
         client->verified, client->count, client->received, seconds,
         (double)client->received / seconds / 1e6);
}

static SSL_CTX* tls_init(int version, const char* trusted) {
  SSL_CTX* tls = SSL_CTX_new(TLS_client_method());

  if (tls == NULL || !SSL_CTX_set_min_proto_version(tls, version != 0 ? version : TLS1_2_VERSION) ||
      !SSL_CTX_set_max_proto_version(tls, version) ||
      (trusted != NULL &&
       (!SSL_CTX_load_verify_locations(tls, trusted, NULL) ||
        !X509_VERIFY_PARAM_set1_host(SSL_CTX_get0_param(tls), "localhost", 0)))) {
    SSL_CTX_free(tls);
    return NULL;
  }
  if (trusted != NULL) SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
  return tls;
}

static void usage(FILE* out) {
  fputs(
      "usage: tls_echo_client [OPTION...] [ADDRESS:PORT]      default 127.0.0.1:9999\n"
      "Sends to a TLS echo server and verifies what comes back.\n"
      "  --text TEXT      what each connection sends; default: hello\n"
      "  --mib N          N MiB of random bytes instead, divided among the connections\n"
      "  --connections N  how many at once, default 4\n"
      "  --tls VERSION    1.2 or 1.3 only\n"
      "  --trust FILE     PEM certificate: accept only a server that proves by it to be "
      "localhost.\n"
      "                   Without it any server is accepted, which is good for tests alone.\n"
      "Exits with 0 if every byte came back, 1 if not, 2 if asked for what it cannot do.\n",
      out);
}

/* 0 if it is not a number from 1 to `most`. */
static unsigned number(const char* text, unsigned most) {
  char* end;
  const unsigned long value = strtoul(text, &end, 10);
  return *end == '\0' && *text != '-' && value <= most ? (unsigned)value : 0;
}

struct settings {
  struct client client;
  unsigned mib;
  int version; /* of TLS; 0 for any */
  const char* trusted;
  struct sockaddr_storage address;
  int length;
};

static int refuse(const char* what) {
  fprintf(stderr, "tls_echo_client: %s\nTry tls_echo_client --help.\n", what);
  return 2;
}

/* Returns the exit code, or -1 to go on. */
static int read_arguments(int argc, char** argv, struct settings* settings) {
  static const struct option options[] = {{"text", required_argument, NULL, 't'},
                                          {"mib", required_argument, NULL, 'm'},
                                          {"connections", required_argument, NULL, 'c'},
                                          {"tls", required_argument, NULL, 'v'},
                                          {"trust", required_argument, NULL, 'r'},
                                          {"help", no_argument, NULL, 'h'},
                                          {NULL, 0, NULL, 0}};
  struct client* client = &settings->client;
  const char* address = "127.0.0.1:9999";
  int option;

  settings->length = (int)sizeof settings->address;
  client->count = 4;
  client->text = "hello";
  while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) switch (option) {
      case 't':
        client->text = optarg;
        break;
      case 'm':
        client->text = NULL;
        settings->mib = number(optarg, 1 << 20);
        break;
      case 'c':
        client->count = number(optarg, MAX_CONNECTIONS);
        break;
      case 'v':
        if (strcmp(optarg, "1.2") == 0)
          settings->version = TLS1_2_VERSION;
        else if (strcmp(optarg, "1.3") == 0)
          settings->version = TLS1_3_VERSION;
        else
          return refuse("--tls is 1.2 or 1.3");
        break;
      case 'r':
        settings->trusted = optarg;
        break;
      case 'h':
        usage(stdout);
        return 0;
      default:
        return refuse("no such option, or its value is missing");
    }
  if (optind < argc) address = argv[optind++];
  if (optind < argc) return refuse("one address is enough");
  if (client->text != NULL && *client->text == '\0') return refuse("--text needs some text");
  if (client->text == NULL && settings->mib == 0) return refuse("--mib is 1 to 1048576");
  if (client->count == 0) return refuse("--connections is 1 to 10000");
  if (evutil_parse_sockaddr_port(address, (struct sockaddr*)&settings->address,
                                 &settings->length) != 0 ||
      strchr(address, ':') == NULL)
    return refuse("the address looks like 127.0.0.1:9999 or [::1]:9999");
  return -1;
}

int main(int argc, char** argv) {
  struct settings settings;
  struct client* client = &settings.client;
  struct timeval begin;
  SSL_CTX* tls;
  int result;

  memset(&settings, 0, sizeof settings);
  result = read_arguments(argc, argv, &settings);
  if (result != -1) return result;

  client->total = client->text != NULL ? (unsigned long long)strlen(client->text) * client->count
                                       : settings.mib * MIB;

  signal(SIGPIPE, SIG_IGN); /* a server that is gone is an error, not the end of the program */
  tls = tls_init(settings.version, settings.trusted);
  if (tls == NULL) {
    ERR_print_errors_fp(stderr);
    fputs("tls_echo_client: could not set up TLS. Is the file given by --trust a certificate?\n",
          stderr);
    return 2;
  }
  client->base = event_base_new();
  client->connections = calloc(client->count, sizeof *client->connections);
  result = 2;
  if (client->base != NULL && client->connections != NULL) {
    evutil_gettimeofday(&begin, NULL);
    result = run(client, tls, (struct sockaddr*)&settings.address, settings.length) ? 0 : 1;
    summarize(client, &begin);
  }
  free(client->connections);
  if (client->base != NULL) event_base_free(client->base);
  SSL_CTX_free(tls);
  return result;
}

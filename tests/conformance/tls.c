/* TLS bufferevents over OpenSSL: handshakes, both kinds of end, getters, both constructions. The
 * certificate is made in memory. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static struct event_base* base;
static evutil_socket_t sv[2];
static SSL_CTX* context;
static struct bufferevent *client, *server;
static int connected, reads, events, version = TLS1_2_VERSION;
static short last_events;

static void on_read(struct bufferevent* bev, void* arg) {
  (void)bev, (void)arg;
  ++reads;
}

static void on_event(struct bufferevent* bev, short what, void* arg) {
  (void)bev;
  if (what & BEV_EVENT_CONNECTED) {
    ++connected;
    if (what != BEV_EVENT_CONNECTED) obs("%s: mixed with connected", (const char*)arg);
    return; /* which side finishes first is left to chance */
  }
  obs("%s: %s", (const char*)arg, bev_names(what));
  last_events = what;
  ++events;
}

static void note_event(struct bufferevent* bev, short what, void* arg) {
  (void)bev, (void)arg;
  last_events = what;
  ++events;
}

static void make_context(void) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* cert = X509_new();
  X509_NAME* name = X509_get_subject_name(cert);
  X509_set_version(cert, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
  X509_gmtime_adj(X509_getm_notBefore(cert), 0);
  X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char*)"test", -1, -1, 0);
  X509_set_issuer_name(cert, name);
  X509_set_pubkey(cert, key);
  X509_sign(cert, key, EVP_sha256());
  context = SSL_CTX_new(TLS_method());
  SSL_CTX_set_min_proto_version(context, version);
  SSL_CTX_set_max_proto_version(context, version);
  SSL_CTX_use_certificate(context, cert);
  SSL_CTX_use_PrivateKey(context, key);
  X509_free(cert);
  EVP_PKEY_free(key);
}

static void prepare(void) {
  base = event_base_new();
  unix_pair(sv);
  make_context();
}

static void set_callbacks(void) {
  bufferevent_setcb(client, on_read, NULL, on_event, (void*)"client");
  bufferevent_setcb(server, on_read, NULL, on_event, (void*)"server");
  bufferevent_enable(client, EV_READ | EV_WRITE);
  bufferevent_enable(server, EV_READ | EV_WRITE);
}

static void setup(int options) {
  prepare();
  client = bufferevent_openssl_socket_new(base, sv[0], SSL_new(context), BUFFEREVENT_SSL_CONNECTING,
                                          options);
  server = bufferevent_openssl_socket_new(base, sv[1], SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          options);
  set_callbacks();
}

static void setup_filters(void) {
  prepare();
  client = bufferevent_openssl_filter_new(
      base, bufferevent_socket_new(base, sv[0], BEV_OPT_CLOSE_ON_FREE), SSL_new(context),
      BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
  server = bufferevent_openssl_filter_new(
      base, bufferevent_socket_new(base, sv[1], BEV_OPT_CLOSE_ON_FREE), SSL_new(context),
      BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  set_callbacks();
}

static void teardown(void) {
  if (client) bufferevent_free(client);
  if (server) bufferevent_free(server);
  event_base_loop(base, EVLOOP_NONBLOCK);
  event_base_free(base);
  SSL_CTX_free(context);
}

static void exchange(size_t size) {
  struct evbuffer *data = patterned_buffer(size), *back = patterned_buffer(size / 2);
  SEE(run_until(base, &connected, 2));
  SEE(bufferevent_write_buffer(client, data));
  SEE(run_until_length(base, bufferevent_get_input(server), size));
  see_content("server input", bufferevent_get_input(server));
  SEE(bufferevent_write_buffer(server, back));
  SEE(run_until_length(base, bufferevent_get_input(client), size / 2));
  see_content("client input", bufferevent_get_input(client));
  SEE(connected);
  SEE(events);
  evbuffer_free(data), evbuffer_free(back);
}

static void handshake_and_exchange(void) {
  setup(BEV_OPT_CLOSE_ON_FREE);
  SEE(connected);
  exchange(100);
  teardown();
}

static void large_exchange(void) {
  setup(BEV_OPT_CLOSE_ON_FREE);
  exchange(300000);
  teardown();
}

static void exchange_with_deferred_callbacks(void) {
  setup(BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
  exchange(50000);
  teardown();
}

static void exchange_with_tls_1_3(void) {
  version = TLS1_3_VERSION;
  setup(BEV_OPT_CLOSE_ON_FREE);
  exchange(100000);
  teardown();
}

static void exchange_over_underlying(void) {
  setup_filters();
  SEE(bufferevent_get_underlying(client) != NULL);
  exchange(100000);
  teardown();
}

static void exchange_over_a_pair(void) {
  struct bufferevent* pair[2];
  prepare();
  bufferevent_pair_new(base, 0, pair);
  client = bufferevent_openssl_filter_new(base, pair[0], SSL_new(context),
                                          BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
  server = bufferevent_openssl_filter_new(base, pair[1], SSL_new(context),
                                          BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
  set_callbacks();
  exchange(20000);
  teardown();
}

static void written_before_the_handshake(void) {
  setup(BEV_OPT_CLOSE_ON_FREE);
  SEE(bufferevent_write(client, "early", 5));
  SEE(run_until_length(base, bufferevent_get_input(server), 5));
  see_content("server input", bufferevent_get_input(server));
  teardown();
}

static void getters(void) {
  SSL* ssl;
  struct bufferevent* plain;
  prepare();
  server = NULL;
  ssl = SSL_new(context);
  client = bufferevent_openssl_socket_new(base, sv[0], ssl, BUFFEREVENT_SSL_CONNECTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  plain = bufferevent_socket_new(base, sv[1], BEV_OPT_CLOSE_ON_FREE);
  SEE(bufferevent_openssl_get_ssl(client) == ssl);
  SEE_NULL(bufferevent_openssl_get_ssl(plain));
  SEE(bufferevent_get_openssl_error(client));
  SEE(bufferevent_get_openssl_error(plain));
  SEE(bufferevent_openssl_get_allow_dirty_shutdown(client));
  bufferevent_openssl_set_allow_dirty_shutdown(client, 5);
  SEE(bufferevent_openssl_get_allow_dirty_shutdown(client));
  bufferevent_openssl_set_allow_dirty_shutdown(client, 0);
  SEE(bufferevent_openssl_get_allow_dirty_shutdown(client));
  SEE(bufferevent_openssl_get_allow_dirty_shutdown(plain));
  bufferevent_openssl_set_allow_dirty_shutdown(plain, 1);
  SEE(bufferevent_ssl_renegotiate(plain));
  SEE(bufferevent_getfd(client) == sv[0]);
  SEE_STR(ev_names(bufferevent_get_enabled(client)));
  SEE_NULL(bufferevent_get_underlying(client));
  SEE(bufferevent_flush(client, EV_READ | EV_WRITE, BEV_FLUSH));
  bufferevent_free(plain);
  teardown();
}

static void descriptor_comes_from_the_ssl(void) {
  SSL* ssl;
  prepare();
  server = NULL;
  ssl = SSL_new(context);
  SSL_set_fd(ssl, sv[0]);
  client = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_CONNECTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  SEE(bufferevent_getfd(client) == sv[0]);
  teardown();
}

static void different_descriptor_is_refused(void) {
  SSL* ssl;
  prepare();
  ssl = SSL_new(context);
  SSL_set_fd(ssl, sv[0]);
  SEE_NULL(bufferevent_openssl_socket_new(base, sv[1], ssl, BUFFEREVENT_SSL_CONNECTING, 0));
}

static void clean_shutdown_is_eof(void) {
  SSL* ssl;
  setup(0);
  exchange(10);
  ssl = bufferevent_openssl_get_ssl(client);
  SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
  SEE(SSL_shutdown(ssl));
  bufferevent_free(client);
  client = NULL;
  event_base_loop(base, EVLOOP_NONBLOCK);
  close(sv[0]);
  SEE(run_until(base, &events, 1));
  SEE(bufferevent_get_openssl_error(server));
  teardown();
}

static void dirty_end(int allowed) {
  setup(BEV_OPT_CLOSE_ON_FREE);
  bufferevent_openssl_set_allow_dirty_shutdown(server, allowed);
  exchange(10);
  shutdown(sv[0], SHUT_RDWR);
  bufferevent_free(client);
  client = NULL;
  SEE(run_until(base, &events, 1));
  run_for(base, 20);
  SEE(events);
  SEE(evbuffer_get_length(bufferevent_get_input(server)));
  teardown();
}

static void dirty_shutdown_is_an_error(void) { dirty_end(0); }
static void dirty_shutdown_can_be_allowed(void) { dirty_end(1); }

static void dirty_end_over_underlying(int allowed) {
  setup_filters();
  bufferevent_openssl_set_allow_dirty_shutdown(server, allowed);
  exchange(10);
  shutdown(sv[0], SHUT_RDWR);
  bufferevent_free(client);
  client = NULL;
  SEE(run_until(base, &events, 1));
  teardown();
}

static void dirty_shutdown_over_underlying(void) { dirty_end_over_underlying(0); }
static void allowed_dirty_shutdown_over_underlying(void) { dirty_end_over_underlying(1); }

static void garbage_instead_of_a_handshake(void) {
  int i;
  prepare();
  client = NULL;
  server = bufferevent_openssl_socket_new(base, sv[1], SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(server, on_read, NULL, on_event, (void*)"server");
  bufferevent_enable(server, EV_READ | EV_WRITE);
  SEE(write(sv[0], "GET / HTTP/1.0\r\n\r\n", 18));
  SEE(run_until(base, &events, 1));
  SEE(connected);
  SEE(last_events & BEV_EVENT_ERROR);
  SEE(ERR_GET_LIB(bufferevent_get_openssl_error(server)) == ERR_LIB_SSL);
  for (i = 0; i < 10 && bufferevent_get_openssl_error(server); ++i) continue;
  SEE(i < 10);
  teardown();
}

static void errors_come_first_to_last(void) {
  static const char record[] = "\x17\x03\x03\x00\x20garbage garbage garbage garbage!";
  setup(BEV_OPT_CLOSE_ON_FREE);
  exchange(10);
  bufferevent_setcb(client, NULL, NULL, NULL, NULL);
  SEE(write(sv[0], record, sizeof record - 1));
  SEE(run_until(base, &events, 1));
  obs("error %d", ERR_GET_REASON(bufferevent_get_openssl_error(server)));
  obs("error %d", ERR_GET_REASON(bufferevent_get_openssl_error(server)));
  SEE(bufferevent_get_openssl_error(server));
  teardown();
}

static void peer_closes_before_the_handshake(void) {
  prepare();
  client = NULL;
  server = bufferevent_openssl_socket_new(base, sv[1], SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(server, on_read, NULL, on_event, (void*)"server");
  bufferevent_enable(server, EV_READ | EV_WRITE);
  close(sv[0]);
  SEE(run_until(base, &events, 1));
  SEE(connected);
  teardown();
}

static void verification_failure(void) {
  SSL* ssl;
  prepare();
  ssl = SSL_new(context);
  SSL_set_verify(ssl, SSL_VERIFY_PEER, NULL);
  client = bufferevent_openssl_socket_new(base, sv[0], ssl, BUFFEREVENT_SSL_CONNECTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  server = bufferevent_openssl_socket_new(base, sv[1], SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(client, on_read, NULL, on_event, (void*)"client");
  bufferevent_enable(client, EV_READ | EV_WRITE);
  bufferevent_enable(server, EV_READ | EV_WRITE);
  SEE(run_until(base, &events, 1));
  SEE(connected);
  SEE(SSL_get_verify_result(ssl) == X509_V_OK);
  teardown();
}

static void close_on_free(void) {
  setup(BEV_OPT_CLOSE_ON_FREE);
  SEE(run_until(base, &connected, 2));
  bufferevent_free(client);
  client = NULL;
  event_base_loop(base, EVLOOP_NONBLOCK);
  SEE(fcntl(sv[0], F_GETFD) < 0);
  teardown();
}

static void without_close_on_free_all_stays(void) {
  SSL* ssl;
  char out[8];
  setup(0);
  SEE(run_until(base, &connected, 2));
  ssl = bufferevent_openssl_get_ssl(client);
  bufferevent_free(client);
  client = NULL;
  event_base_loop(base, EVLOOP_NONBLOCK);
  SEE(fcntl(sv[0], F_GETFD) < 0);
  SEE(SSL_write(ssl, "by hand", 7));
  SEE(run_until_length(base, bufferevent_get_input(server), 7));
  see_content("server input", bufferevent_get_input(server));
  SEE(bufferevent_write(server, "back", 4));
  run_for(base, 20);
  SEE(SSL_read(ssl, out, sizeof(out)));
  teardown();
}

static void open_state_skips_the_handshake(void) {
  SSL* ssl;
  setup(0);
  SEE(run_until(base, &connected, 2));
  ssl = bufferevent_openssl_get_ssl(client);
  bufferevent_free(client);
  event_base_loop(base, EVLOOP_NONBLOCK);
  client =
      bufferevent_openssl_socket_new(base, sv[0], ssl, BUFFEREVENT_SSL_OPEN, BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(client, on_read, NULL, on_event, (void*)"client");
  bufferevent_enable(client, EV_READ | EV_WRITE);
  SEE(bufferevent_write(client, "open", 4));
  SEE(run_until_length(base, bufferevent_get_input(server), 4));
  SEE(connected);
  teardown();
}

static void connects_by_address(void) {
  struct sockaddr_storage address;
  int length, fd;
  evutil_socket_t listener = listening_socket(&address, &length);
  prepare();
  client = bufferevent_openssl_socket_new(base, -1, SSL_new(context), BUFFEREVENT_SSL_CONNECTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(client, on_read, NULL, on_event, (void*)"client");
  SEE(bufferevent_socket_connect(client, (struct sockaddr*)&address, length));
  fd = accept(listener, NULL, NULL);
  evutil_make_socket_nonblocking(fd);
  server = bufferevent_openssl_socket_new(base, fd, SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  set_callbacks();
  exchange(1000);
  teardown();
}

static void connects_the_bufferevent_below(void) {
  struct bufferevent* below;
  struct sockaddr_storage address;
  int length, fd;
  evutil_socket_t listener = listening_socket(&address, &length);
  prepare();
  below = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
  client = bufferevent_openssl_filter_new(base, below, SSL_new(context), BUFFEREVENT_SSL_CONNECTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(client, on_read, NULL, on_event, (void*)"client");
  SEE(bufferevent_socket_connect(client, (struct sockaddr*)&address, length));
  SEE(bufferevent_getfd(below) >= 0);
  SEE(bufferevent_getfd(below) == bufferevent_getfd(client));
  fd = accept(listener, NULL, NULL);
  evutil_make_socket_nonblocking(fd);
  server = bufferevent_openssl_socket_new(base, fd, SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  set_callbacks();
  exchange(1000);
  teardown();
}

static void connection_refused(void) {
  struct sockaddr_storage address;
  int length;
  refused_address(&address, &length);
  prepare();
  server = NULL;
  client = bufferevent_openssl_socket_new(base, -1, SSL_new(context), BUFFEREVENT_SSL_CONNECTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(client, on_read, NULL, note_event, NULL);
  obs("connect gave %d", bufferevent_socket_connect(client, (struct sockaddr*)&address, length));
  SEE(run_until(base, &events, 1));
  SEE(last_events & BEV_EVENT_ERROR);
  SEE(connected);
  teardown();
}

static void handshake_timeout(void) {
  prepare();
  client = NULL;
  server = bufferevent_openssl_socket_new(base, sv[1], SSL_new(context), BUFFEREVENT_SSL_ACCEPTING,
                                          BEV_OPT_CLOSE_ON_FREE);
  bufferevent_setcb(server, on_read, NULL, on_event, (void*)"server");
  bufferevent_set_timeouts(server, msec(30), NULL);
  bufferevent_enable(server, EV_READ | EV_WRITE);
  SEE(run_until(base, &events, 1));
  teardown();
}

static void read_timeout_once_and_disables(void) {
  setup(BEV_OPT_CLOSE_ON_FREE);
  SEE(run_until(base, &connected, 2));
  bufferevent_set_timeouts(server, msec(30), NULL);
  bufferevent_enable(server, EV_READ);
  run_for(base, 200);
  SEE(events);
  SEE_STR(ev_names(bufferevent_get_enabled(server)));
  teardown();
}

static void high_mark_and_draining(void) {
  struct evbuffer* data = patterned_buffer(16000);
  size_t got = 0;
  int rounds;
  setup(BEV_OPT_CLOSE_ON_FREE);
  SEE(run_until(base, &connected, 2));
  bufferevent_setcb(server, NULL, NULL, on_event, (void*)"server");
  bufferevent_setwatermark(server, EV_READ, 0, 1000);
  bufferevent_write_buffer(client, data);
  for (rounds = 0; rounds < 400 && got < 16000; ++rounds) {
    size_t length;
    run_for(base, 2);
    length = evbuffer_get_length(bufferevent_get_input(server));
    if (length > 500) length = 500;
    evbuffer_drain(bufferevent_get_input(server), length);
    got += length;
  }
  SEE(got);
  evbuffer_free(data);
  teardown();
}

static void rate_limit_and_buffered_records(void) {
  struct ev_token_bucket_cfg* cfg = ev_token_bucket_cfg_new(1000, 1000, 100000, 100000, msec(5));
  struct evbuffer* data = patterned_buffer(16000);
  setup(BEV_OPT_CLOSE_ON_FREE);
  SEE(run_until(base, &connected, 2));
  bufferevent_set_rate_limit(server, cfg);
  bufferevent_write_buffer(client, data);
  SEE(run_until_length(base, bufferevent_get_input(server), 16000));
  SEE(events);
  evbuffer_free(data);
}

static void renegotiation_with_tls_1_3_fails(void) {
  version = TLS1_3_VERSION;
  setup(BEV_OPT_CLOSE_ON_FREE);
  SEE(run_until(base, &connected, 2));
  SEE(bufferevent_ssl_renegotiate(client));
  run_for(base, 20);
  SEE(connected);
  teardown();
}

const struct conf_case conf_cases[] = {
    CASE(handshake_and_exchange),
    CASE(large_exchange),
    CASE(exchange_with_deferred_callbacks),
    CASE(exchange_with_tls_1_3),
    CASE(exchange_over_underlying),
    CASE(exchange_over_a_pair),
    CASE(written_before_the_handshake),
    CASE(getters),
    CASE(descriptor_comes_from_the_ssl),
    CASE(different_descriptor_is_refused),
    CASE(clean_shutdown_is_eof),
    CASE(dirty_shutdown_is_an_error),
    EXCEPTION(dirty_shutdown_can_be_allowed, "E82: stock 2.1 does not know OpenSSL 3's word for it",
              "run_until(base, &connected, 2) = 1\n"
              "bufferevent_write_buffer(client, data) = 0\n"
              "run_until_length(base, bufferevent_get_input(server), size) = 1\n"
              "server input = \"\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\x09\"\n"
              "bufferevent_write_buffer(server, back) = 0\n"
              "run_until_length(base, bufferevent_get_input(client), size / 2) = 1\n"
              "client input = \"\\x00\\x01\\x02\\x03\\x04\"\n"
              "connected = 2\n"
              "events = 0\n"
              "server: EOF|READING\n"
              "run_until(base, &events, 1) = 1\n"
              "events = 1\n"
              "evbuffer_get_length(bufferevent_get_input(server)) = 10"),
    CASE(dirty_shutdown_over_underlying),
    CASE(allowed_dirty_shutdown_over_underlying),
    CASE(garbage_instead_of_a_handshake),
    CASE(peer_closes_before_the_handshake),
    CASE(verification_failure),
    CASE(close_on_free),
    CASE(without_close_on_free_all_stays),
    CASE(open_state_skips_the_handshake),
    CASE(connects_by_address),
    CASE(connects_the_bufferevent_below),
    CASE(connection_refused),
    CASE(handshake_timeout),
    EXCEPTION(read_timeout_once_and_disables, "Z13: stock repeats it",
              "run_until(base, &connected, 2) = 1\n"
              "server: TIMEOUT|READING\n"
              "events = 1\n"
              "ev_names(bufferevent_get_enabled(server)) = WRITE"),
    EXCEPTION(high_mark_and_draining, "better: pain 1, stock forgets what OpenSSL holds",
              "run_until(base, &connected, 2) = 1\n"
              "got = 16000"),
    EXCEPTION(rate_limit_and_buffered_records, "better: pain 1, stock forgets what OpenSSL holds",
              "run_until(base, &connected, 2) = 1\n"
              "run_until_length(base, bufferevent_get_input(server), 16000) = 1\n"
              "events = 0"),
    EXCEPTION(errors_come_first_to_last, "Z11: stock begins with the last",
              "run_until(base, &connected, 2) = 1\n"
              "bufferevent_write_buffer(client, data) = 0\n"
              "run_until_length(base, bufferevent_get_input(server), size) = 1\n"
              "server input = \"\\x00\\x01\\x02\\x03\\x04\\x05\\x06\\x07\\x08\\x09\"\n"
              "bufferevent_write_buffer(server, back) = 0\n"
              "run_until_length(base, bufferevent_get_input(client), size / 2) = 1\n"
              "client input = \"\\x00\\x01\\x02\\x03\\x04\"\n"
              "connected = 2\n"
              "events = 0\n"
              "write(sv[0], record, sizeof record - 1) = 37\n"
              "server: ERROR|READING\n"
              "run_until(base, &events, 1) = 1\n"
              "error 102\n"
              "error 281\n"
              "bufferevent_get_openssl_error(server) = 0"),
    EXCEPTION(renegotiation_with_tls_1_3_fails, "Z12: stock pretends to",
              "run_until(base, &connected, 2) = 1\n"
              "bufferevent_ssl_renegotiate(client) = -1\n"
              "connected = 2"),
    CASES_END};

/* Makes and frees a TLS stream: needs libevent_openssl, and both libraries' state must be one. */
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/thread.h>
#include <openssl/ssl.h>

int main(void) {
  if (evthread_use_pthreads() != 0) return 1;
  struct event_base* base = event_base_new();
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  if (!base || !context) return 1;
  struct bufferevent* stream = bufferevent_openssl_socket_new(
      base, -1, SSL_new(context), BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
  if (!stream || bufferevent_get_base(stream) != base) return 1;
  bufferevent_free(stream);
  event_base_free(base);
  SSL_CTX_free(context);
  return 0;
}

/* Makes and frees a TLS stream over GnuTLS: needs libbevel_gnutls. */
#include <event2/bevel_gnutls.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <gnutls/gnutls.h>

int main(void) {
  struct event_base* base = event_base_new();
  gnutls_session_t session;
  if (!base || gnutls_init(&session, GNUTLS_CLIENT) != 0) return 1;
  struct bufferevent* stream =
      bevel_gnutls_socket_new(base, -1, session, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
  if (!stream || bevel_gnutls_get_session(stream) != session) return 1;
  bufferevent_free(stream);
  event_base_free(base);
  return 0;
}

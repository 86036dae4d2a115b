/* Makes and frees a TLS stream over mbedTLS: needs libevent_mbedtls. */
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <mbedtls/ssl.h>

int main(void) {
  struct event_base* base = event_base_new();
  mbedtls_ssl_config config;
  mbedtls_ssl_config_init(&config);
  if (!base ||
      mbedtls_ssl_config_defaults(&config, MBEDTLS_SSL_IS_CLIENT, MBEDTLS_SSL_TRANSPORT_STREAM,
                                  MBEDTLS_SSL_PRESET_DEFAULT) != 0)
    return 1;
  mbedtls_dyncontext* context = bufferevent_mbedtls_dyncontext_new(&config);
  struct bufferevent* stream = bufferevent_mbedtls_socket_new(
      base, -1, context, BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
  if (!stream || bufferevent_mbedtls_get_ssl(stream) != context) return 1;
  bufferevent_free(stream);
  event_base_free(base);
  mbedtls_ssl_config_free(&config);
  return 0;
}

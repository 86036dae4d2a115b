// The C functions of event2/bufferevent_ssl.h that need mbedTLS, in its order. Part of
// libevent_mbedtls: reaches the core library through its exported functions only.
#include <event2/bufferevent_ssl.h>

#include "tls/mbedtls/mbedtls_engine.h"

using ev::MbedTlsEngine;
using ev::TlsState;

mbedtls_dyncontext* bufferevent_mbedtls_dyncontext_new(mbedtls_ssl_config* config) {
  return MbedTlsEngine::new_context(config);
}

void bufferevent_mbedtls_dyncontext_free(mbedtls_dyncontext* context) {
  MbedTlsEngine::free_context(context);
}

bufferevent* bufferevent_mbedtls_socket_new(event_base* base, evutil_socket_t fd,
                                            mbedtls_dyncontext* context,
                                            bufferevent_ssl_state state, int options) {
  return ev::new_tls_stream<MbedTlsEngine>(
      context, {base, fd, nullptr, nullptr, static_cast<TlsState>(state), options});
}

bufferevent* bufferevent_mbedtls_filter_new(event_base* base, bufferevent* underlying,
                                            mbedtls_dyncontext* context,
                                            bufferevent_ssl_state state, int options) {
  if (underlying == nullptr) return errno = EINVAL, nullptr;
  return ev::new_tls_stream<MbedTlsEngine>(
      context, {base, -1, underlying, nullptr, static_cast<TlsState>(state), options});
}

mbedtls_ssl_context* bufferevent_mbedtls_get_ssl(bufferevent* bev) {
  return static_cast<mbedtls_ssl_context*>(ev::tls_connection_of<MbedTlsEngine>(bev));
}

unsigned long bufferevent_get_mbedtls_error(bufferevent* bev) {
  return bevel_tls_take_error(bev, MbedTlsEngine::identity());
}

int bufferevent_mbedtls_renegotiate(bufferevent* bev) { return bevel_tls_renegotiate(bev); }

int bufferevent_mbedtls_get_allow_dirty_shutdown(bufferevent* bev) {
  return ev::tls_allows_dirty_shutdown(bev);
}

void bufferevent_mbedtls_set_allow_dirty_shutdown(bufferevent* bev, int allow) {
  ev::tls_allow_dirty_shutdown(bev, allow != 0);
}

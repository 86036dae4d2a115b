// The C functions of event2/bevel_gnutls.h, in its order. Part of libbevel_gnutls: reaches the core
// library through its exported functions only.
#include <event2/bevel_gnutls.h>
#include <event2/bufferevent.h>

#include <climits>
#include <cstdint>

#include "tls/gnutls/gnutls_engine.h"

namespace {

using ev::GnuTlsEngine;
using ev::TlsState;

// The descriptor that the program gave its session; -1: none, or something that is no descriptor.
int descriptor_of(gnutls_session_t session) {
  if (session == nullptr) return -1;
  const auto value = reinterpret_cast<std::intptr_t>(gnutls_transport_get_ptr(session));
  return value >= 0 && value <= INT_MAX ? static_cast<int>(value) : -1;
}

}  // namespace

bufferevent* bevel_gnutls_socket_new(event_base* base, evutil_socket_t fd,
                                     gnutls_session_int* session, bufferevent_ssl_state state,
                                     int options) {
  if (fd < 0) fd = descriptor_of(session);
  return ev::new_tls_stream<GnuTlsEngine>(
      session, {base, fd, nullptr, nullptr, static_cast<TlsState>(state), options});
}

bufferevent* bevel_gnutls_filter_new(event_base* base, bufferevent* underlying,
                                     gnutls_session_int* session, bufferevent_ssl_state state,
                                     int options) {
  if (underlying == nullptr) return errno = EINVAL, nullptr;
  return ev::new_tls_stream<GnuTlsEngine>(
      session, {base, -1, underlying, nullptr, static_cast<TlsState>(state), options});
}

gnutls_session_int* bevel_gnutls_get_session(bufferevent* bev) {
  return static_cast<gnutls_session_t>(ev::tls_connection_of<GnuTlsEngine>(bev));
}

int bevel_gnutls_get_error(bufferevent* bev) {
  return static_cast<int>(bevel_tls_take_error(bev, GnuTlsEngine::identity()));
}

int bevel_gnutls_renegotiate(bufferevent* bev) { return bevel_tls_renegotiate(bev); }

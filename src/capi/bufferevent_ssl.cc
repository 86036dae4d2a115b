// The C functions of event2/bufferevent_ssl.h that need OpenSSL, in its order. Part of
// libevent_openssl: reaches the core library through its exported functions only.
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>

#include <cerrno>

#include "tls/openssl/openssl_engine.h"

namespace {

using ev::OpenSslEngine;
using ev::TlsState;

// The descriptor for the stream: the given one, or the one that the SSL object has. False: they
// contradict each other.
bool agree_on_descriptor(SSL* ssl, int& fd) noexcept {
  const int of_ssl = ssl == nullptr ? -1 : SSL_get_fd(ssl);
  if (of_ssl < 0) return true;
  if (fd >= 0 && fd != of_ssl) return false;
  fd = of_ssl;
  return true;
}

}  // namespace

bufferevent* bufferevent_openssl_socket_new(event_base* base, evutil_socket_t fd, SSL* ssl,
                                            bufferevent_ssl_state state, int options) {
  if (!agree_on_descriptor(ssl, fd)) return errno = EINVAL, nullptr;
  return ev::new_tls_stream<OpenSslEngine>(
      ssl, {base, fd, nullptr, nullptr, static_cast<TlsState>(state), options});
}

bufferevent* bufferevent_openssl_filter_new(event_base* base, bufferevent* underlying, SSL* ssl,
                                            bufferevent_ssl_state state, int options) {
  if (underlying == nullptr) return errno = EINVAL, nullptr;
  return ev::new_tls_stream<OpenSslEngine>(
      ssl, {base, -1, underlying, nullptr, static_cast<TlsState>(state), options});
}

SSL* bufferevent_openssl_get_ssl(bufferevent* bev) {
  return static_cast<SSL*>(ev::tls_connection_of<OpenSslEngine>(bev));
}

unsigned long bufferevent_get_openssl_error(bufferevent* bev) {
  return bevel_tls_take_error(bev, OpenSslEngine::identity());
}

int bufferevent_ssl_renegotiate(bufferevent* bev) { return bevel_tls_renegotiate(bev); }

int bufferevent_openssl_get_allow_dirty_shutdown(bufferevent* bev) {
  return ev::tls_allows_dirty_shutdown(bev);
}

void bufferevent_openssl_set_allow_dirty_shutdown(bufferevent* bev, int allow) {
  ev::tls_allow_dirty_shutdown(bev, allow != 0);
}

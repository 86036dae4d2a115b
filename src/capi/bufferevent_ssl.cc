// The C functions of event2/bufferevent_ssl.h, in its order. Part of libevent_openssl: reaches the
// core library through its exported functions only.
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>

#include <cerrno>
#include <new>

#include "tls/openssl/openssl_engine.h"

namespace {

using ev::OpenSslEngine;
using ev::TlsEngine;
using ev::TlsSetup;
using ev::TlsState;

OpenSslEngine* engine_of(bufferevent* bev) noexcept {
  return static_cast<OpenSslEngine*>(bevel_tls_engine(bev, OpenSslEngine::identity()));
}

bool is_state(bufferevent_ssl_state state) noexcept {
  return state == BUFFEREVENT_SSL_OPEN || state == BUFFEREVENT_SSL_CONNECTING ||
         state == BUFFEREVENT_SSL_ACCEPTING;
}

// On failure nothing is consumed: the SSL object is as it was and still the caller's.
bufferevent* make_stream(TlsSetup setup, SSL* ssl) noexcept {
  const bool unlocks = (setup.options & BEV_OPT_UNLOCK_CALLBACKS) != 0;
  const bool defers = (setup.options & BEV_OPT_DEFER_CALLBACKS) != 0;
  if (setup.loop == nullptr || (unlocks && !defers)) return errno = EINVAL, nullptr;
  setup.engine = new (std::nothrow) OpenSslEngine(ssl, setup.state);
  if (setup.engine == nullptr) return errno = ENOMEM, nullptr;
  bufferevent* bev = bevel_tls_stream_new(&setup);
  if (bev == nullptr) delete setup.engine;
  return bev;
}

// The descriptor for the stream: the given one, or the one that the SSL object has. False: they
// contradict each other.
bool agree_on_descriptor(SSL* ssl, int& fd) noexcept {
  const int of_ssl = SSL_get_fd(ssl);
  if (of_ssl < 0) return true;
  if (fd >= 0 && fd != of_ssl) return false;
  fd = of_ssl;
  BIO_set_close(SSL_get_rbio(ssl), BIO_NOCLOSE);
  return true;
}

}  // namespace

bufferevent* bufferevent_openssl_filter_new(event_base* base, bufferevent* underlying, SSL* ssl,
                                            bufferevent_ssl_state state, int options) {
  if (underlying == nullptr || ssl == nullptr || !is_state(state)) return errno = EINVAL, nullptr;
  event_base* lower_base = bufferevent_get_base(underlying);
  if (base != nullptr && base != lower_base) return errno = EINVAL, nullptr;
  return make_stream({lower_base, -1, underlying, nullptr, static_cast<TlsState>(state), options},
                     ssl);
}

bufferevent* bufferevent_openssl_socket_new(event_base* base, evutil_socket_t fd, SSL* ssl,
                                            bufferevent_ssl_state state, int options) {
  if (ssl == nullptr || !is_state(state)) return errno = EINVAL, nullptr;
  if (!agree_on_descriptor(ssl, fd)) return errno = EINVAL, nullptr;
  return make_stream({base, fd, nullptr, nullptr, static_cast<TlsState>(state), options}, ssl);
}

int bufferevent_openssl_get_allow_dirty_shutdown(bufferevent* bev) {
  const ev_uint64_t flags = bufferevent_ssl_get_flags(bev);
  if (flags == EV_UINT64_MAX) return -1;
  return (flags & BUFFEREVENT_SSL_DIRTY_SHUTDOWN) != 0 ? 1 : 0;
}

void bufferevent_openssl_set_allow_dirty_shutdown(bufferevent* bev, int allow) {
  if (allow != 0) {
    bufferevent_ssl_set_flags(bev, BUFFEREVENT_SSL_DIRTY_SHUTDOWN);
  } else {
    bufferevent_ssl_clear_flags(bev, BUFFEREVENT_SSL_DIRTY_SHUTDOWN);
  }
}

ev_uint64_t bufferevent_ssl_get_flags(bufferevent* bev) {
  return bevel_tls_change_flags(bev, 0, 0);
}

ev_uint64_t bufferevent_ssl_set_flags(bufferevent* bev, ev_uint64_t flags) {
  return bevel_tls_change_flags(bev, flags, 0);
}

ev_uint64_t bufferevent_ssl_clear_flags(bufferevent* bev, ev_uint64_t flags) {
  return bevel_tls_change_flags(bev, 0, flags);
}

SSL* bufferevent_openssl_get_ssl(bufferevent* bev) {
  OpenSslEngine* engine = engine_of(bev);
  return engine == nullptr ? nullptr : static_cast<SSL*>(engine->handle());
}

int bufferevent_ssl_renegotiate(bufferevent* bev) { return bevel_tls_renegotiate(bev); }

unsigned long bufferevent_get_openssl_error(bufferevent* bev) {
  OpenSslEngine* engine = engine_of(bev);
  if (engine == nullptr) return 0;
  bufferevent_lock(bev);
  const unsigned long code = engine->take_error();
  bufferevent_unlock(bev);
  return code;
}

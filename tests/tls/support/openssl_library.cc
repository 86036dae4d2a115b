#include <openssl/ssl.h>

#include "tls/support/library.h"
#include "tls/support/openssl_context.h"

namespace tls_test {
namespace {

class OpenSslLibrary final : public Library {
 public:
  std::string name() const override { return "OpenSSL"; }
  bool speaks(Version) const override { return true; }
  bool follows_clients() const override { return true; }

  void* connection(Role role, Version version) override {
    const OpenSslContext context(role, version);
    SSL* ssl = SSL_new(context.get());
    SSL_set_options(ssl, SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
    return ssl;
  }
  void free_connection(void* connection) override { SSL_free(static_cast<SSL*>(connection)); }
  bufferevent* over_socket(event_base* base, int fd, void* connection, bufferevent_ssl_state state,
                           int options) override {
    return bufferevent_openssl_socket_new(base, fd, static_cast<SSL*>(connection), state, options);
  }
  bufferevent* over(event_base* base, bufferevent* below, void* connection,
                    bufferevent_ssl_state state, int options) override {
    return bufferevent_openssl_filter_new(base, below, static_cast<SSL*>(connection), state,
                                          options);
  }
  void* connection_of(bufferevent* bev) override { return bufferevent_openssl_get_ssl(bev); }
  unsigned long take_error(bufferevent* bev) override { return bufferevent_get_openssl_error(bev); }
  int renegotiate(bufferevent* bev) override { return bufferevent_ssl_renegotiate(bev); }
  void say_goodbye(void* connection) override { SSL_shutdown(static_cast<SSL*>(connection)); }
  bool handshake_is_over(void* connection) override {
    return SSL_is_init_finished(static_cast<SSL*>(connection)) != 0;
  }
};

}  // namespace

Library& openssl() {
  static OpenSslLibrary library;
  return library;
}

OpenSslContext::OpenSslContext(Role role, Version version)
    : context_(SSL_CTX_new(role == Role::client ? TLS_client_method() : TLS_server_method())) {
  const int number = version == Version::tls12 ? TLS1_2_VERSION : TLS1_3_VERSION;
  SSL_CTX_set_min_proto_version(context_, number);
  SSL_CTX_set_max_proto_version(context_, number);
  if (role == Role::server) {
    give_certificate(context_, SSL_CTX_use_certificate, SSL_CTX_use_PrivateKey);
  }
}

OpenSslContext::~OpenSslContext() { SSL_CTX_free(context_); }

}  // namespace tls_test

#include "tls/support/mbedtls_library.h"

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/entropy.h>
#include <mbedtls/ssl.h>

namespace tls_test {
namespace {

struct Credentials {
  mbedtls_entropy_context entropy;
  mbedtls_ctr_drbg_context random;
  mbedtls_x509_crt cert;
  mbedtls_pk_context key;

  Credentials() {
    const Certificate& made = certificate();
    mbedtls_entropy_init(&entropy);
    mbedtls_ctr_drbg_init(&random);
    mbedtls_x509_crt_init(&cert);
    mbedtls_pk_init(&key);
    mbedtls_ctr_drbg_seed(&random, mbedtls_entropy_func, &entropy, nullptr, 0);
    mbedtls_x509_crt_parse(&cert, reinterpret_cast<const unsigned char*>(made.certificate.c_str()),
                           made.certificate.size() + 1);
    mbedtls_pk_parse_key(&key, reinterpret_cast<const unsigned char*>(made.key.c_str()),
                         made.key.size() + 1, nullptr, 0);
  }
  ~Credentials() {
    mbedtls_pk_free(&key);
    mbedtls_x509_crt_free(&cert);
    mbedtls_ctr_drbg_free(&random);
    mbedtls_entropy_free(&entropy);
  }
};

Credentials& credentials() {
  static Credentials made;
  return made;
}

mbedtls_ssl_context* context_of(void* connection) {
  return static_cast<mbedtls_ssl_context*>(connection);
}

class MbedTlsLibrary final : public Library {
 public:
  std::string name() const override { return "mbedTLS"; }
  bool speaks(Version version) const override { return version == Version::tls12; }
  bool follows_clients() const override { return true; }

  void* connection(Role role, Version) override {
    static MbedTlsConfig client(Role::client), server(Role::server);
    return bufferevent_mbedtls_dyncontext_new(role == Role::client ? client.get() : server.get());
  }
  void free_connection(void* connection) override {
    bufferevent_mbedtls_dyncontext_free(context_of(connection));
  }
  bufferevent* over_socket(event_base* base, int fd, void* connection, bufferevent_ssl_state state,
                           int options) override {
    return bufferevent_mbedtls_socket_new(base, fd, context_of(connection), state, options);
  }
  bufferevent* over(event_base* base, bufferevent* below, void* connection,
                    bufferevent_ssl_state state, int options) override {
    return bufferevent_mbedtls_filter_new(base, below, context_of(connection), state, options);
  }
  void* connection_of(bufferevent* bev) override { return bufferevent_mbedtls_get_ssl(bev); }
  unsigned long take_error(bufferevent* bev) override { return bufferevent_get_mbedtls_error(bev); }
  int renegotiate(bufferevent* bev) override { return bufferevent_mbedtls_renegotiate(bev); }
  void say_goodbye(void* connection) override { mbedtls_ssl_close_notify(context_of(connection)); }
  bool handshake_is_over(void* connection) override {
    return context_of(connection)->state == MBEDTLS_SSL_HANDSHAKE_OVER;
  }
};

}  // namespace

MbedTlsConfig::MbedTlsConfig(Role role) {
  mbedtls_ssl_config_init(&config_);
  mbedtls_ssl_config_defaults(&config_,
                              role == Role::client ? MBEDTLS_SSL_IS_CLIENT : MBEDTLS_SSL_IS_SERVER,
                              MBEDTLS_SSL_TRANSPORT_STREAM, MBEDTLS_SSL_PRESET_DEFAULT);
  mbedtls_ssl_conf_rng(&config_, mbedtls_ctr_drbg_random, &credentials().random);
  mbedtls_ssl_conf_authmode(&config_, MBEDTLS_SSL_VERIFY_NONE);
  mbedtls_ssl_conf_renegotiation(&config_, MBEDTLS_SSL_RENEGOTIATION_ENABLED);
  // Otherwise 16 records on the way before the peer answers are too many.
  mbedtls_ssl_conf_renegotiation_enforced(&config_, MBEDTLS_SSL_RENEGOTIATION_NOT_ENFORCED);
  if (role == Role::server) {
    mbedtls_ssl_conf_own_cert(&config_, &credentials().cert, &credentials().key);
  }
}

MbedTlsConfig::~MbedTlsConfig() { mbedtls_ssl_config_free(&config_); }

Library& mbedtls() {
  static MbedTlsLibrary library;
  return library;
}

}  // namespace tls_test

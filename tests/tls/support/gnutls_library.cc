#include "tls/support/gnutls_library.h"

#include <event2/bevel_gnutls.h>
#include <gnutls/gnutls.h>

namespace tls_test {
namespace {

gnutls_datum_t datum_of(const std::string& text) {
  return {reinterpret_cast<unsigned char*>(const_cast<char*>(text.data())),
          static_cast<unsigned>(text.size())};
}

struct Credentials {
  gnutls_certificate_credentials_t of_server;
  gnutls_certificate_credentials_t of_client;

  Credentials() {
    gnutls_certificate_allocate_credentials(&of_server);
    gnutls_certificate_allocate_credentials(&of_client);
    const gnutls_datum_t cert = datum_of(certificate().certificate);
    const gnutls_datum_t key = datum_of(certificate().key);
    gnutls_certificate_set_x509_key_mem(of_server, &cert, &key, GNUTLS_X509_FMT_PEM);
  }
  ~Credentials() {
    gnutls_certificate_free_credentials(of_server);
    gnutls_certificate_free_credentials(of_client);
  }
};

gnutls_session_t session_of(void* connection) { return static_cast<gnutls_session_t>(connection); }

class GnuTlsLibrary final : public Library {
 public:
  std::string name() const override { return "GnuTLS"; }
  bool speaks(Version) const override { return true; }
  bool follows_clients() const override { return false; }

  void* connection(Role role, Version version) override {
    static Credentials credentials;
    const bool is_client = role == Role::client;
    gnutls_session_t session;
    gnutls_init(&session, is_client ? GNUTLS_CLIENT : GNUTLS_SERVER);
    gnutls_priority_set_direct(session,
                               version == Version::tls12 ? "NORMAL:-VERS-ALL:+VERS-TLS1.2"
                                                         : "NORMAL:-VERS-ALL:+VERS-TLS1.3",
                               nullptr);
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE,
                           is_client ? credentials.of_client : credentials.of_server);
    return session;
  }
  void free_connection(void* connection) override { gnutls_deinit(session_of(connection)); }
  bufferevent* over_socket(event_base* base, int fd, void* connection, bufferevent_ssl_state state,
                           int options) override {
    return bevel_gnutls_socket_new(base, fd, session_of(connection), state, options);
  }
  bufferevent* over(event_base* base, bufferevent* below, void* connection,
                    bufferevent_ssl_state state, int options) override {
    return bevel_gnutls_filter_new(base, below, session_of(connection), state, options);
  }
  void* connection_of(bufferevent* bev) override { return bevel_gnutls_get_session(bev); }
  unsigned long take_error(bufferevent* bev) override {
    return static_cast<unsigned long>(bevel_gnutls_get_error(bev));
  }
  int renegotiate(bufferevent* bev) override { return bevel_gnutls_renegotiate(bev); }
  void say_goodbye(void* connection) override {
    gnutls_bye(session_of(connection), GNUTLS_SHUT_WR);
  }
  bool handshake_is_over(void* connection) override {
    return gnutls_cipher_get(session_of(connection)) != GNUTLS_CIPHER_NULL;
  }
};

}  // namespace

Library& gnutls() {
  static GnuTlsLibrary library;
  return library;
}

}  // namespace tls_test

// Deterministic random numbers have no other way in.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "tls_peer.h"

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/x509.h>

#include <cstdint>

#include "input.h"

namespace fuzz {
namespace {

std::uint64_t random_state = 1;

int random_bytes(unsigned char* bytes, int count) {
  for (int i = 0; i < count; ++i) {
    random_state = random_state * 6364136223846793005U + 1442695040888963407U;
    bytes[i] = static_cast<unsigned char>(random_state >> 56);
  }
  return 1;
}

int always_ready() { return 1; }

constexpr RAND_METHOD same_bytes = {nullptr, random_bytes, nullptr,
                                    nullptr, random_bytes, always_ready};

void add_certificate(SSL_CTX* context) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* host = reinterpret_cast<const unsigned char*>("localhost");
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, host, -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  demand(X509_sign(certificate, key, EVP_sha256()) > 0);
  demand(SSL_CTX_use_certificate(context, certificate) == 1);
  demand(SSL_CTX_use_PrivateKey(context, key) == 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

SSL_CTX* new_context() {
  demand(RAND_set_rand_method(&same_bytes) == 1);
  SSL_CTX* context = SSL_CTX_new(TLS_method());
  demand(context != nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  return context;
}

SSL_CTX* server_context() {
  static const std::unique_ptr<SSL_CTX, FreeSsl> context = [] {
    std::unique_ptr<SSL_CTX, FreeSsl> made(new_context());
    add_certificate(made.get());
    return made;
  }();
  return context.get();
}

SSL_CTX* client_context() {
  static const std::unique_ptr<SSL_CTX, FreeSsl> context(new_context());
  return context.get();
}

}  // namespace

void start_over() {
  server_context();
  client_context();
  random_state = 1;
  ERR_clear_error();
}

SslPtr new_server_ssl(bool may_renegotiate) {
  SslPtr ssl(SSL_new(server_context()));
  if (may_renegotiate) SSL_set_options(ssl.get(), SSL_OP_ALLOW_CLIENT_RENEGOTIATION);
  return ssl;
}

TlsPeer::TlsPeer(int version)
    : ssl_(SSL_new(client_context())), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  SSL_set_min_proto_version(ssl(), version);
  SSL_set_max_proto_version(ssl(), version);
  SSL_set_bio(ssl(), in_, out_);
  SSL_set_connect_state(ssl());
}

void TlsPeer::feed(const std::string& records) {
  BIO_write(in_, records.data(), static_cast<int>(records.size()));
}

void TlsPeer::run(std::string& flight) {
  SSL_do_handshake(ssl());
  read_all();
  write_some();
  ERR_clear_error();  // the server under test shares this queue with us
  const std::size_t had = flight.size();
  flight.resize(had + BIO_ctrl_pending(out_));
  if (flight.size() > had) {
    BIO_read(out_, flight.data() + had, static_cast<int>(flight.size() - had));
  }
}

void TlsPeer::write_some() {
  std::size_t written = 0;
  while (!waiting_.empty() &&
         SSL_write_ex(ssl(), waiting_.data(), waiting_.size(), &written) == 1) {
    waiting_.erase(0, written);
  }
}

void TlsPeer::read_all() {
  char bytes[4096];
  std::size_t count = 0;
  while (SSL_read_ex(ssl(), bytes, sizeof bytes, &count) == 1) received_.append(bytes, count);
}

}  // namespace fuzz

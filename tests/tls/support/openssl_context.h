// An SSL_CTX for one part and one version; a server's has the certificate.
#pragma once

#include <openssl/pem.h>
#include <openssl/ssl.h>

#include "tls/support/library.h"

namespace tls_test {

class OpenSslContext {
 public:
  OpenSslContext(Role role, Version version);
  ~OpenSslContext();
  OpenSslContext(const OpenSslContext&) = delete;
  OpenSslContext& operator=(const OpenSslContext&) = delete;

  SSL_CTX* get() const { return context_; }
  SSL* connection() const { return SSL_new(context_); }

 private:
  SSL_CTX* context_;
};

// Gives the certificate to an SSL_CTX or an SSL.
template <class Object, class UseCertificate, class UseKey>
void give_certificate(Object* object, UseCertificate use_certificate, UseKey use_key) {
  const Certificate& made = certificate();
  BIO* bio = BIO_new_mem_buf(made.certificate.data(), static_cast<int>(made.certificate.size()));
  X509* cert = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  use_certificate(object, cert);
  X509_free(cert);
  BIO_free(bio);
  bio = BIO_new_mem_buf(made.key.data(), static_cast<int>(made.key.size()));
  EVP_PKEY* key = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  use_key(object, key);
  EVP_PKEY_free(key);
  BIO_free(bio);
}

}  // namespace tls_test

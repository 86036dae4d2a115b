#include "tls/credentials.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

static void check(int ok) {
  if (ok) return;
  ERR_print_errors_fp(stderr);
  exit(1);
}

static X509* self_signed(EVP_PKEY* key) {
  X509* certificate = X509_new();
  X509_NAME* name = X509_get_subject_name(certificate);
  check(X509_set_version(certificate, 2));
  check(ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1));
  check(X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL);
  check(X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) != NULL);
  check(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char*)"localhost", -1,
                                   -1, 0));
  check(X509_set_issuer_name(certificate, name));
  check(X509_set_pubkey(certificate, key));
  check(X509_sign(certificate, key, EVP_sha256()));
  return certificate;
}

SSL_CTX* bench_server_context(void) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate;
  check(context != NULL && key != NULL);
  certificate = self_signed(key);
  check(SSL_CTX_use_certificate(context, certificate));
  check(SSL_CTX_use_PrivateKey(context, key));
  check(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1);
  check(SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256"));
  X509_free(certificate);
  EVP_PKEY_free(key);
  return context;
}

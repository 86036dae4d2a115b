/* The server side of the TLS benchmarks: TLS 1.3 only, AES-128-GCM, a self-signed ECDSA P-256
 * certificate that is made at start and never written anywhere. */
#ifndef BENCH_TLS_CREDENTIALS_H
#define BENCH_TLS_CREDENTIALS_H

#include <openssl/ssl.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Ends the program when OpenSSL fails. The caller frees the context. */
SSL_CTX* bench_server_context(void);

#ifdef __cplusplus
}
#endif

#endif

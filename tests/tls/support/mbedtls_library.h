#pragma once

#include <event2/bufferevent_ssl.h>
#include <mbedtls/ssl.h>

#include "tls/support/library.h"

namespace tls_test {

Library& mbedtls();

// A configuration for one part; a server's has the certificate. Outlives its connections.
class MbedTlsConfig {
 public:
  explicit MbedTlsConfig(Role role);
  ~MbedTlsConfig();
  MbedTlsConfig(const MbedTlsConfig&) = delete;
  MbedTlsConfig& operator=(const MbedTlsConfig&) = delete;

  mbedtls_ssl_config* get() { return &config_; }
  mbedtls_ssl_context* connection() { return bufferevent_mbedtls_dyncontext_new(&config_); }

 private:
  mbedtls_ssl_config config_;
};

}  // namespace tls_test

#include "tls/support/library.h"
#if BEVEL_TESTS_MBEDTLS
#include "tls/support/mbedtls_library.h"
#endif
#if BEVEL_TESTS_GNUTLS
#include "tls/support/gnutls_library.h"
#endif

namespace tls_test {

const std::vector<Library*>& libraries() {
  static const std::vector<Library*> built = {
    &openssl(),
#if BEVEL_TESTS_MBEDTLS
    &mbedtls(),
#endif
#if BEVEL_TESTS_GNUTLS
    &gnutls(),
#endif
  };
  return built;
}

std::vector<Speaker> speakers() {
  std::vector<Speaker> rows;
  for (Library* library : libraries()) {
    for (const Version version : {Version::tls12, Version::tls13}) {
      if (library->speaks(version)) rows.push_back({library, version});
    }
  }
  return rows;
}

}  // namespace tls_test

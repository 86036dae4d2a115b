#pragma once

#include "tls/support/library.h"

namespace tls_test {

Library& mbedtls();

}  // namespace tls_test

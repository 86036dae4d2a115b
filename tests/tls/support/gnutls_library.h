#pragma once

#include "tls/support/library.h"

namespace tls_test {

Library& gnutls();

}  // namespace tls_test

// How OpenSSL reaches our wire: a BIO that asks a TlsWire. It answers BIO_get_fd(), so that
// SSL_get_fd() tells programs the descriptor as it does for a plain socket.
#pragma once

#include <openssl/bio.h>

#include "tls/engine.h"

namespace ev {

// Null: no memory. Set the data to null (BIO_set_data) before `wire` goes.
BIO* new_wire_bio(TlsWire& wire) noexcept;

}  // namespace ev

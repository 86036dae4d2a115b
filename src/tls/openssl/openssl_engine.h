// TlsEngine on OpenSSL 3. The SSL object is the program's: it may look at it and change it between
// our calls.
#pragma once

#include <openssl/ssl.h>

#include <array>

#include "tls/engine.h"

namespace ev {

class OpenSslEngine final : public TlsEngine {
 public:
  // `ssl` is released with the engine only if detach() says that it is owned.
  OpenSslEngine(SSL* ssl, TlsState state) noexcept;

  // The identity that library() gives.
  static const void* identity() noexcept;

  bool attach(TlsWire& wire) noexcept override;
  void detach(bool owned) noexcept override;
  void restart(TlsState state) noexcept override;
  TlsResult handshake() noexcept override;
  TlsResult read(void* into, std::size_t most) noexcept override;
  TlsResult write(const void* from, std::size_t size) noexcept override;
  TlsResult say_goodbye() noexcept override;
  std::size_t pending() const noexcept override;
  bool renegotiate() noexcept override;
  bool update_keys(bool ask_peer) noexcept override;
  int wake_descriptor() noexcept override;
  unsigned long take_error() noexcept override;
  const void* library() const noexcept override { return identity(); }
  void* handle() const noexcept override { return ssl_; }

 private:
  TlsResult translate(int returned, std::size_t count) noexcept;
  TlsResult note_failure(int ssl_error) noexcept;
  void play(TlsState state) noexcept;

  SSL* ssl_;
  TlsWire* wire_ = nullptr;
  BIO* bio_ = nullptr;                     // the SSL object's, while attached
  std::array<unsigned long, 8> errors_{};  // oldest first
  std::size_t error_count_ = 0;
};

}  // namespace ev

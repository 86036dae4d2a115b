// TlsEngine on mbedTLS 2.28 (TLS 1.2). The context is the program's, set up with a configuration
// that says which part it plays.
#pragma once

#include <mbedtls/ssl.h>

#include "tls/engine.h"
#include "tls/error_list.h"
#include "tls/renewal_budget.h"

namespace ev {

class MbedTlsEngine final : public TlsEngine {
 public:
  // `context` is released with the engine only if detach() says that it is owned.
  explicit MbedTlsEngine(mbedtls_ssl_context* context) noexcept : context_(context) {}

  // The identity that library() gives.
  static const void* identity() noexcept;

  // A context in our memory, to be released by free_context(). Null: no memory, or mbedTLS refuses
  // the configuration.
  static mbedtls_ssl_context* new_context(const mbedtls_ssl_config* config) noexcept;
  static void free_context(mbedtls_ssl_context* context) noexcept;

  bool attach(TlsWire& wire, TlsState state) noexcept override;
  void detach(bool owned) noexcept override;
  bool restart(TlsState state) noexcept override;
  TlsResult handshake() noexcept override;
  bool ended_with_tickets() const noexcept override { return false; }  // of TLS 1.3
  TlsResult read(void* into, std::size_t most) noexcept override;
  TlsResult write(const void* from, std::size_t size) noexcept override;
  TlsResult say_goodbye() noexcept override;
  std::size_t pending() const noexcept override;
  bool renegotiate() noexcept override;
  bool update_keys(bool) noexcept override { return false; }  // a message of TLS 1.3
  unsigned long take_error() noexcept override { return errors_.take(); }
  const void* library() const noexcept override { return identity(); }
  void* handle() const noexcept override { return context_; }

 private:
  // How far a handshake that we asked for on the open connection is.
  enum class Renewal { none, asked, running };

  static int receive(void* engine, unsigned char* into, std::size_t most);
  static int send(void* engine, const unsigned char* from, std::size_t size);
  bool is_handshake_over() const noexcept;
  bool may_renegotiate() const noexcept;
  TlsResult renewal_step() noexcept;
  bool note_renewal() noexcept;
  bool allows_renewal() noexcept;
  TlsResult translate(int returned) noexcept;

  mbedtls_ssl_context* context_;
  TlsWire* wire_ = nullptr;
  bool opened_ = false;  // the first handshake is over
  bool wire_ended_ = false;
  bool said_goodbye_ = false;
  Renewal renewal_ = Renewal::none;
  const mbedtls_ssl_session* session_ = nullptr;  // to see that it changes
  RenewalBudget budget_;
  ErrorList errors_;
};

}  // namespace ev

// TlsEngine on OpenSSL 3. The SSL object is the program's: it may look at it and change it between
// our calls.
#pragma once

#include <openssl/ssl.h>

#include <array>

#include "tls/engine.h"
#include "tls/error_list.h"
#include "tls/renewal_budget.h"

namespace ev {

class OpenSslEngine final : public TlsEngine {
 public:
  // `ssl` is released with the engine only if detach() says that it is owned.
  explicit OpenSslEngine(SSL* ssl) noexcept : ssl_(ssl) {}

  // The identity that library() gives.
  static const void* identity() noexcept;

  bool attach(TlsWire& wire, TlsState state) noexcept override;
  void detach(bool owned) noexcept override;
  bool restart(TlsState state) noexcept override;
  TlsResult handshake() noexcept override;
  bool ended_with_tickets() const noexcept override;
  TlsResult read(void* into, std::size_t most) noexcept override;
  TlsResult write(const void* from, std::size_t size) noexcept override;
  TlsResult say_goodbye() noexcept override;
  std::size_t pending() const noexcept override;
  bool renegotiate() noexcept override;
  bool update_keys(bool ask_peer) noexcept override;
  int wake_descriptor() noexcept override;
  unsigned long take_error() noexcept override { return errors_.take(); }
  const void* library() const noexcept override { return identity(); }
  void* handle() const noexcept override { return ssl_; }

 private:
  using Finished = std::array<unsigned char, 64>;
  enum class FromDescriptor { ours, any };

  TlsResult translate(int returned, std::size_t count) noexcept;
  TlsResult note_failure(int ssl_error) noexcept;
  void play(TlsState state) noexcept;
  void take_wire_back(FromDescriptor which) noexcept;
  void begin_call() noexcept;
  TlsResult renegotiation_step() noexcept;
  bool must_finish_handshake_first() const noexcept;
  bool allows_renewal() noexcept;

  SSL* ssl_;
  TlsWire* wire_ = nullptr;
  BIO* bio_ = nullptr;   // shared with the SSL object while attached
  bool opened_ = false;  // the first handshake is over
  bool renegotiating_ = false;
  bool holds_records_ = false;  // perhaps whole ones: the program had OpenSSL read ahead
  RenewalBudget budget_;
  Finished finished_{};         // the peer's last message of the last handshake that we know of
  Finished finished_before_{};  // the peer's, when we asked for a new handshake
  ErrorList errors_;
};

}  // namespace ev

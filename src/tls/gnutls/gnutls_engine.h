// TlsEngine on GnuTLS 3.6 or later. The session is the program's, made with gnutls_init() for the
// part that it plays; it serves one connection.
#pragma once

#include <gnutls/gnutls.h>

#include "tls/engine.h"
#include "tls/error_list.h"
#include "tls/renewal_budget.h"

namespace ev {

class GnuTlsEngine final : public TlsEngine {
 public:
  // `session` is released with the engine only if detach() says that it is owned.
  explicit GnuTlsEngine(gnutls_session_t session) noexcept : session_(session) {}

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
  unsigned long take_error() noexcept override { return errors_.take(); }
  const void* library() const noexcept override { return identity(); }
  void* handle() const noexcept override { return session_; }

 private:
  // How far a handshake on the open connection is. `asked`: by us, a server; it runs when the
  // client begins it. `complete`: ours is, and the stream does not know yet.
  enum class Renewal { none, asked, running, complete };

  static ssize_t receive(void* engine, void* into, std::size_t most);
  static ssize_t send(void* engine, const void* from, std::size_t size);
  static int wait_readable(void* engine, unsigned timeout);
  void tell_error(IoResult result) noexcept;
  int shake_hands() noexcept;
  bool meet_renewal() noexcept;
  TlsResult translate(int returned) noexcept;

  gnutls_session_t session_;
  TlsWire* wire_ = nullptr;
  bool accepts_ = false;  // we are the server
  bool used_ = false;     // bytes have passed
  bool opened_ = false;   // the first handshake is over
  bool wire_failed_ = false;
  bool said_goodbye_ = false;
  bool is_our_renewal_ = false;
  Renewal renewal_ = Renewal::none;
  RenewalBudget budget_;
  ErrorList errors_;
};

}  // namespace ev

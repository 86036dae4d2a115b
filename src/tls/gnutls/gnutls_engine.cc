#include "tls/gnutls/gnutls_engine.h"

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>

namespace ev {
namespace {

// The program gets plain functions on the descriptor back together with its session.
int fd_of(void* descriptor) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(descriptor));
}

ssize_t receive_plain(void* descriptor, void* into, std::size_t most) {
  return ::recv(fd_of(descriptor), into, most, 0);
}

ssize_t send_plain(void* descriptor, const void* from, std::size_t size) {
  return ::send(fd_of(descriptor), from, size, MSG_NOSIGNAL);
}

void use_descriptor(gnutls_session_t session, int fd) {
  gnutls_transport_set_ptr(session, reinterpret_cast<void*>(static_cast<std::intptr_t>(fd)));
  gnutls_transport_set_pull_function(session, receive_plain);
  gnutls_transport_set_push_function(session, send_plain);
  gnutls_transport_set_pull_timeout_function(session, gnutls_system_recv_timeout);
}

}  // namespace

const void* GnuTlsEngine::identity() noexcept {
  static const char name[] = "GnuTLS";
  return name;
}

bool GnuTlsEngine::attach(TlsWire& wire, TlsState state) noexcept {
  wire_ = &wire;
  accepts_ = state == TlsState::accepting;
  opened_ = state == TlsState::open;
  gnutls_transport_set_ptr(session_, this);
  gnutls_transport_set_pull_function(session_, receive);
  gnutls_transport_set_push_function(session_, send);
  gnutls_transport_set_pull_timeout_function(session_, wait_readable);
  return true;
}

void GnuTlsEngine::detach(bool owned) noexcept {
  if (wire_ == nullptr) return;
  const int fd = wire_->descriptor();
  wire_ = nullptr;
  if (owned) {
    gnutls_deinit(session_);
    session_ = nullptr;
  } else {
    use_descriptor(session_, fd);
  }
}

bool GnuTlsEngine::restart(TlsState) noexcept { return !used_; }

// --- The wire ---

ssize_t GnuTlsEngine::receive(void* self, void* into, std::size_t most) {
  auto& engine = *static_cast<GnuTlsEngine*>(self);
  const IoResult got = engine.wire_->receive(into, most);
  engine.used_ |= got.ok();
  if (got.count < 0) engine.tell_error(got);
  return got.count;
}

ssize_t GnuTlsEngine::send(void* self, const void* from, std::size_t size) {
  auto& engine = *static_cast<GnuTlsEngine*>(self);
  engine.used_ = true;
  const IoResult sent = engine.wire_->send(from, size);
  if (sent.count < 0) engine.tell_error(sent);
  return sent.count;
}

void GnuTlsEngine::tell_error(IoResult result) noexcept {
  wire_failed_ |= !result.would_block();
  gnutls_transport_set_errno(session_, result.error);
}

// Asked before a read that shall not block, and ours never does.
int GnuTlsEngine::wait_readable(void*, unsigned) { return 1; }

// --- The four calls ---

TlsResult GnuTlsEngine::handshake() noexcept {
  if (renewal_ == Renewal::asked) return {TlsStatus::want_read, 0};
  // When nothing is going on, gnutls_handshake() would begin something.
  if (!opened_ || renewal_ == Renewal::running) {
    const int returned = shake_hands();
    if (returned != 0) return translate(returned);
  }
  opened_ = true;
  renewal_ = Renewal::none;
  return {TlsStatus::done, 0};
}

bool GnuTlsEngine::ended_with_tickets() const noexcept {
  return accepts_ && gnutls_protocol_get_version(session_) >= GNUTLS_TLS1_3;
}

TlsResult GnuTlsEngine::read(void* into, std::size_t most) noexcept {
  for (;;) {
    if (renewal_ == Renewal::running) {
      const int returned = shake_hands();
      if (returned != 0 && returned != GNUTLS_E_GOT_APPLICATION_DATA) return translate(returned);
    }
    const ssize_t got = gnutls_record_recv(session_, into, most);
    if (got > 0) {
      budget_.earn(static_cast<std::size_t>(got));
      return {TlsStatus::done, static_cast<std::size_t>(got)};
    }
    if (got == 0) return {TlsStatus::closed, 0};
    if (got == GNUTLS_E_REHANDSHAKE) {
      if (!meet_renewal()) return translate(GNUTLS_E_TOO_MANY_HANDSHAKE_PACKETS);
    } else if (got != GNUTLS_E_WARNING_ALERT_RECEIVED) {
      return translate(static_cast<int>(got));
    }
  }
}

TlsResult GnuTlsEngine::write(const void* from, std::size_t size) noexcept {
  if (renewal_ == Renewal::running) return {TlsStatus::want_read, 0};
  const ssize_t sent = gnutls_record_send(session_, from, size);
  if (sent >= 0) return {TlsStatus::done, static_cast<std::size_t>(sent)};
  return translate(static_cast<int>(sent));
}

TlsResult GnuTlsEngine::say_goodbye() noexcept {
  const int returned = gnutls_bye(session_, GNUTLS_SHUT_WR);
  said_goodbye_ = returned == 0;
  return returned == 0 ? TlsResult{TlsStatus::done, 0} : translate(returned);
}

TlsResult GnuTlsEngine::translate(int returned) noexcept {
  // In the middle of a handshake GnuTLS takes every error of the wire for "try again".
  if (wire_failed_) returned = GNUTLS_E_PUSH_ERROR;
  switch (returned) {
    case GNUTLS_E_AGAIN: {
      const bool sends = gnutls_record_get_direction(session_) == 1;
      return {sends ? TlsStatus::want_write : TlsStatus::want_read, 0};
    }
    case GNUTLS_E_INTERRUPTED:  // by a callback of the program: the wire never says so
      return {TlsStatus::parked, 0};
    case GNUTLS_E_GOT_APPLICATION_DATA:
      return {TlsStatus::want_read, 0};
    case GNUTLS_E_PREMATURE_TERMINATION:
      errors_.add(static_cast<unsigned long>(returned));
      return {TlsStatus::truncated, 0};
    default:
      // As a program gets it back: int code = bevel_gnutls_get_error(bev).
      errors_.add(static_cast<unsigned long>(returned));
      if (returned != GNUTLS_E_FATAL_ALERT_RECEIVED) {
        gnutls_alert_send_appropriate(session_, returned);
      }
      return {TlsStatus::failed, 0};
  }
}

std::size_t GnuTlsEngine::pending() const noexcept { return gnutls_record_check_pending(session_); }

// --- Handshakes ---

// As gnutls_handshake(), which stops at each warning of the peer: none of them ends a handshake but
// the refusal of a new one.
int GnuTlsEngine::shake_hands() noexcept {
  int returned;
  do {
    returned = gnutls_handshake(session_);
  } while (returned == GNUTLS_E_WARNING_ALERT_RECEIVED &&
           gnutls_alert_get(session_) != GNUTLS_A_NO_RENEGOTIATION);
  if (returned == 0 && renewal_ == Renewal::running) {
    renewal_ = is_our_renewal_ ? Renewal::complete : Renewal::none;
    is_our_renewal_ = false;
  }
  return returned;
}

bool GnuTlsEngine::renegotiate() noexcept {
  if (gnutls_protocol_get_version(session_) >= GNUTLS_TLS1_3) return false;
  if (renewal_ != Renewal::none) return false;
  const int returned = gnutls_rehandshake(session_);
  if (returned != 0 && returned != GNUTLS_E_INVALID_REQUEST) return false;
  is_our_renewal_ = true;
  // What only a server can ask for; a client just begins.
  renewal_ = returned == 0 ? Renewal::asked : Renewal::running;
  return true;
}

// The peer begins a new handshake. A client follows its server; a server that did not ask for it
// refuses, since handshakes cost the server more than the client. False: this happens too often.
bool GnuTlsEngine::meet_renewal() noexcept {
  if (renewal_ != Renewal::asked && !budget_.spend()) return false;
  // Who can say nothing more begins nothing that plaintext would have to wait for.
  if (said_goodbye_) return true;
  if (accepts_ && renewal_ != Renewal::asked) {
    return gnutls_alert_send(session_, GNUTLS_AL_WARNING, GNUTLS_A_NO_RENEGOTIATION) == 0;
  }
  renewal_ = Renewal::running;
  return true;
}

bool GnuTlsEngine::update_keys(bool ask_peer) noexcept {
  if (gnutls_protocol_get_version(session_) < GNUTLS_TLS1_3) return false;
  return gnutls_session_key_update(session_, ask_peer ? GNUTLS_KU_PEER : 0) == 0;
}

}  // namespace ev

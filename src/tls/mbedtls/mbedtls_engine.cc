#include "tls/mbedtls/mbedtls_engine.h"

#include <mbedtls/net_sockets.h>
#include <mbedtls/version.h>

#include <cstdint>
#include <limits>

namespace ev {
namespace {

// The program gets plain functions on the descriptor back together with its context.
int fd_of(void* descriptor) {
  return static_cast<int>(reinterpret_cast<std::intptr_t>(descriptor));
}

int receive_plain(void* descriptor, unsigned char* into, std::size_t most) {
  mbedtls_net_context net{fd_of(descriptor)};
  return mbedtls_net_recv(&net, into, most);
}

int send_plain(void* descriptor, const unsigned char* from, std::size_t size) {
  mbedtls_net_context net{fd_of(descriptor)};
  return mbedtls_net_send(&net, from, size);
}

}  // namespace

const void* MbedTlsEngine::identity() noexcept {
  static const char name[] = "mbedTLS";
  return name;
}

mbedtls_ssl_context* MbedTlsEngine::new_context(const mbedtls_ssl_config* config) noexcept {
  if (config == nullptr) return errno = EINVAL, nullptr;
  void* memory = bevel_memory_allocate(sizeof(mbedtls_ssl_context));
  if (memory == nullptr) return nullptr;
  auto* context = new (memory) mbedtls_ssl_context;
  mbedtls_ssl_init(context);
  if (mbedtls_ssl_setup(context, config) == 0) return context;
  free_context(context);
  return errno = ENOMEM, nullptr;
}

void MbedTlsEngine::free_context(mbedtls_ssl_context* context) noexcept {
  if (context == nullptr) return;
  mbedtls_ssl_free(context);
  bevel_memory_release(context);
}

bool MbedTlsEngine::attach(TlsWire& wire, TlsState state) noexcept {
  wire_ = &wire;
  opened_ = state == TlsState::open;
  mbedtls_ssl_set_bio(context_, this, send, receive, nullptr);
  return true;
}

void MbedTlsEngine::detach(bool owned) noexcept {
  if (wire_ == nullptr) return;
  const int fd = wire_->descriptor();
  wire_ = nullptr;
  if (owned) {
    free_context(context_);
    context_ = nullptr;
  } else if (fd >= 0) {
    void* descriptor = reinterpret_cast<void*>(static_cast<std::intptr_t>(fd));
    mbedtls_ssl_set_bio(context_, descriptor, send_plain, receive_plain, nullptr);
  } else {
    mbedtls_ssl_set_bio(context_, nullptr, nullptr, nullptr, nullptr);
  }
}

bool MbedTlsEngine::restart(TlsState state) noexcept {
  errors_.clear();
  opened_ = state == TlsState::open;
  wire_ended_ = said_goodbye_ = false;
  renewal_ = Renewal::none;
  return mbedtls_ssl_session_reset(context_) == 0;
}

// --- The wire ---

int MbedTlsEngine::receive(void* self, unsigned char* into, std::size_t most) {
  auto& engine = *static_cast<MbedTlsEngine*>(self);
  const IoResult got = engine.wire_->receive(into, most);
  if (got.would_block()) return MBEDTLS_ERR_SSL_WANT_READ;
  if (got.count < 0) return MBEDTLS_ERR_NET_RECV_FAILED;
  engine.wire_ended_ = got.end_of_stream();
  return static_cast<int>(got.count);
}

int MbedTlsEngine::send(void* self, const unsigned char* from, std::size_t size) {
  auto& engine = *static_cast<MbedTlsEngine*>(self);
  const IoResult sent = engine.wire_->send(from, size);
  if (sent.would_block()) return MBEDTLS_ERR_SSL_WANT_WRITE;
  return sent.count < 0 ? MBEDTLS_ERR_NET_SEND_FAILED : static_cast<int>(sent.count);
}

// --- The four calls ---

TlsResult MbedTlsEngine::handshake() noexcept {
  if (opened_) return renewal_step();
  const int returned = mbedtls_ssl_handshake(context_);
  opened_ = returned == 0;
  return opened_ ? TlsResult{TlsStatus::done, 0} : translate(returned);
}

TlsResult MbedTlsEngine::read(void* into, std::size_t most) noexcept {
  const int returned = mbedtls_ssl_read(context_, static_cast<unsigned char*>(into), most);
  const bool is_allowed = allows_renewal();
  note_renewal();
  if (!is_allowed) return translate(MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE);
  if (returned <= 0) return translate(returned);
  budget_.earn(static_cast<std::size_t>(returned));
  return {TlsStatus::done, static_cast<std::size_t>(returned)};
}

TlsResult MbedTlsEngine::write(const void* from, std::size_t size) noexcept {
  // The library would go on behind its own goodbye, where no peer listens.
  if (said_goodbye_) return translate(MBEDTLS_ERR_SSL_BAD_INPUT_DATA);
  if (!is_handshake_over()) return {TlsStatus::want_read, 0};
  const int returned = mbedtls_ssl_write(context_, static_cast<const unsigned char*>(from), size);
  if (returned >= 0) return {TlsStatus::done, static_cast<std::size_t>(returned)};
  return translate(returned);
}

TlsResult MbedTlsEngine::say_goodbye() noexcept {
  const int returned = mbedtls_ssl_close_notify(context_);
  if (returned != 0) return translate(returned);
  said_goodbye_ = true;
  return {TlsStatus::done, 0};
}

TlsResult MbedTlsEngine::translate(int returned) noexcept {
  switch (returned) {
    case MBEDTLS_ERR_SSL_WANT_READ:
      return {TlsStatus::want_read, 0};
    case MBEDTLS_ERR_SSL_WANT_WRITE:
      return {TlsStatus::want_write, 0};
    case MBEDTLS_ERR_SSL_ASYNC_IN_PROGRESS:
    case MBEDTLS_ERR_SSL_CRYPTO_IN_PROGRESS:
      return {TlsStatus::parked, 0};
    case MBEDTLS_ERR_SSL_PEER_CLOSE_NOTIFY:
      return {TlsStatus::closed, 0};
    case MBEDTLS_ERR_SSL_CONN_EOF:
    case 0:  // what mbedtls_ssl_read() makes of it
      errors_.add(static_cast<unsigned long>(MBEDTLS_ERR_SSL_CONN_EOF));
      return {TlsStatus::truncated, 0};
    default:
      // As a program gets it back: int code = (int)bufferevent_get_mbedtls_error(bev).
      errors_.add(static_cast<unsigned long>(returned));
      return {TlsStatus::failed, 0};
  }
}

std::size_t MbedTlsEngine::pending() const noexcept {
  return mbedtls_ssl_get_bytes_avail(context_);
}

// --- A handshake on an open connection ---

// The library itself would begin and then wait for ever.
bool MbedTlsEngine::may_renegotiate() const noexcept {
#if !defined(MBEDTLS_SSL_RENEGOTIATION)
  return false;
#elif MBEDTLS_VERSION_MAJOR >= 3
  return context_->MBEDTLS_PRIVATE(conf)->MBEDTLS_PRIVATE(disable_renegotiation) !=
         MBEDTLS_SSL_RENEGOTIATION_DISABLED;
#else
  return context_->conf->disable_renegotiation != MBEDTLS_SSL_RENEGOTIATION_DISABLED;
#endif
}

bool MbedTlsEngine::renegotiate() noexcept {
  if (!may_renegotiate() || renewal_ != Renewal::none || !is_handshake_over()) return false;
  const int returned = mbedtls_ssl_renegotiate(context_);
  if (returned != 0 && returned != MBEDTLS_ERR_SSL_WANT_READ) return false;
  renewal_ = is_handshake_over() ? Renewal::asked : Renewal::running;
  return true;
}

// A read of no bytes does all that does not deliver plaintext.
TlsResult MbedTlsEngine::renewal_step() noexcept {
  if (renewal_ == Renewal::none && is_handshake_over()) return {TlsStatus::done, 0};
  const int returned = mbedtls_ssl_read(context_, nullptr, 0);
  const bool is_allowed = allows_renewal();
  if (note_renewal()) return {TlsStatus::done, 0};
  if (!is_allowed) return translate(MBEDTLS_ERR_SSL_UNEXPECTED_MESSAGE);
  if (returned == 0 && !wire_ended_) return {TlsStatus::want_read, 0};
  return translate(returned);
}

// True when the new handshake is complete. A server that asked for one stays "over" until the
// client begins it.
bool MbedTlsEngine::note_renewal() noexcept {
  if (renewal_ == Renewal::none) return false;
  if (!is_handshake_over()) {
    renewal_ = Renewal::running;
    return false;
  }
  if (renewal_ == Renewal::asked) return false;
  renewal_ = Renewal::none;
  return true;
}

// Asked after each read: each handshake, the first one too, ends with another session, made while
// the old one is there.
bool MbedTlsEngine::allows_renewal() noexcept {
  const mbedtls_ssl_session* last = mbedtls_ssl_get_session_pointer(context_);
  if (last == session_) return true;
  session_ = last;
  return renewal_ != Renewal::none || budget_.spend();
}

bool MbedTlsEngine::is_handshake_over() const noexcept {
#if MBEDTLS_VERSION_MAJOR >= 3
  return mbedtls_ssl_is_handshake_over(context_) != 0;
#else
  return context_->state == MBEDTLS_SSL_HANDSHAKE_OVER;
#endif
}

}  // namespace ev

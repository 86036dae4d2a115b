#include "tls/openssl/openssl_engine.h"

#include <openssl/err.h>

#include <algorithm>

#include "tls/openssl/bio.h"

namespace ev {

OpenSslEngine::OpenSslEngine(SSL* ssl, TlsState state) noexcept : ssl_(ssl) {
  // We offer what is at the front of a buffer that may have moved by the next try.
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  play(state);
}

const void* OpenSslEngine::identity() noexcept {
  static const char name[] = "OpenSSL";
  return name;
}

void OpenSslEngine::play(TlsState state) noexcept {
  if (state == TlsState::connecting) SSL_set_connect_state(ssl_);
  if (state == TlsState::accepting) SSL_set_accept_state(ssl_);
}

bool OpenSslEngine::attach(TlsWire& wire) noexcept {
  BIO* bio = new_wire_bio(wire);
  if (bio == nullptr) return false;
  wire_ = &wire;
  bio_ = bio;
  SSL_set_bio(ssl_, bio, bio);
  return true;
}

void OpenSslEngine::detach(bool owned) noexcept {
  if (bio_ != nullptr) BIO_set_data(bio_, nullptr);
  if (owned) {
    SSL_free(ssl_);
    ssl_ = nullptr;
  } else if (SSL_get_rbio(ssl_) == bio_) {
    const int fd = wire_->descriptor();
    if (fd >= 0) {
      SSL_set_fd(ssl_, fd);
    } else {
      SSL_set_bio(ssl_, nullptr, nullptr);
    }
  }
  bio_ = nullptr;
  wire_ = nullptr;
}

void OpenSslEngine::restart(TlsState state) noexcept {
  SSL_clear(ssl_);
  error_count_ = 0;
  play(state);
}

// --- the four calls ---

TlsResult OpenSslEngine::handshake() noexcept {
  ERR_clear_error();
  return translate(SSL_do_handshake(ssl_), 0);
}

TlsResult OpenSslEngine::read(void* into, std::size_t most) noexcept {
  ERR_clear_error();
  std::size_t count = 0;
  return translate(SSL_read_ex(ssl_, into, most, &count), count);
}

TlsResult OpenSslEngine::write(const void* from, std::size_t size) noexcept {
  ERR_clear_error();
  std::size_t count = 0;
  return translate(SSL_write_ex(ssl_, from, size, &count), count);
}

TlsResult OpenSslEngine::say_goodbye() noexcept {
  ERR_clear_error();
  const int returned = SSL_shutdown(ssl_);
  // 0: ours is sent and the peer's not yet seen, which is all we asked for.
  return returned >= 0 ? TlsResult{TlsStatus::done, 0} : translate(returned, 0);
}

TlsResult OpenSslEngine::translate(int returned, std::size_t count) noexcept {
  if (returned > 0) return {TlsStatus::done, count};
  const int error = SSL_get_error(ssl_, returned);
  switch (error) {
    case SSL_ERROR_WANT_READ:
      return {TlsStatus::want_read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {TlsStatus::want_write, 0};
    case SSL_ERROR_WANT_X509_LOOKUP:
    case SSL_ERROR_WANT_CLIENT_HELLO_CB:
    case SSL_ERROR_WANT_ASYNC:
    case SSL_ERROR_WANT_ASYNC_JOB:
    case SSL_ERROR_WANT_RETRY_VERIFY:
      return {TlsStatus::parked, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {TlsStatus::closed, 0};
    default:
      return note_failure(error);
  }
}

TlsResult OpenSslEngine::note_failure(int ssl_error) noexcept {
  bool truncated = ssl_error == SSL_ERROR_SYSCALL && ERR_peek_error() == 0;
  while (const unsigned long code = ERR_get_error()) {
    truncated |= ERR_GET_LIB(code) == ERR_LIB_SSL &&
                 ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    if (error_count_ < errors_.size()) errors_[error_count_++] = code;
  }
  return {truncated ? TlsStatus::truncated : TlsStatus::failed, 0};
}

// --- questions ---

std::size_t OpenSslEngine::pending() const noexcept {
  const int bytes = SSL_pending(ssl_);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : 0;
}

bool OpenSslEngine::renegotiate() noexcept {
  if (SSL_version(ssl_) >= TLS1_3_VERSION) return false;
  ERR_clear_error();
  return SSL_renegotiate(ssl_) == 1;
}

bool OpenSslEngine::update_keys(bool ask_peer) noexcept {
  if (SSL_version(ssl_) < TLS1_3_VERSION) return false;
  ERR_clear_error();
  return SSL_key_update(ssl_, ask_peer ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED) ==
         1;
}

int OpenSslEngine::wake_descriptor() noexcept {
  OSSL_ASYNC_FD descriptors[4];
  std::size_t count = 4;
  if (SSL_get_all_async_fds(ssl_, nullptr, &count) != 1 || count == 0 || count > 4) return -1;
  if (SSL_get_all_async_fds(ssl_, descriptors, &count) != 1) return -1;
  return descriptors[0];
}

unsigned long OpenSslEngine::take_error() noexcept {
  if (error_count_ == 0) return 0;
  const unsigned long first = errors_[0];
  std::copy(errors_.begin() + 1, errors_.begin() + static_cast<std::ptrdiff_t>(error_count_),
            errors_.begin());
  error_count_--;
  return first;
}

}  // namespace ev

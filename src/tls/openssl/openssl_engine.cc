#include "tls/openssl/openssl_engine.h"

#include <openssl/err.h>

#include "tls/openssl/bio.h"

namespace ev {

const void* OpenSslEngine::identity() noexcept {
  static const char name[] = "OpenSSL";
  return name;
}

void OpenSslEngine::play(TlsState state) noexcept {
  if (state == TlsState::connecting) SSL_set_connect_state(ssl_);
  if (state == TlsState::accepting) SSL_set_accept_state(ssl_);
}

bool OpenSslEngine::attach(TlsWire& wire, TlsState state) noexcept {
  BIO* bio = new_wire_bio(wire);
  if (bio == nullptr) return false;
  wire_ = &wire;
  bio_ = bio;
  BIO_up_ref(bio_);  // the program may give the SSL object another BIO
  // The descriptor is the stream's from now on, also if the program's BIO was to close it.
  BIO* old = SSL_get_rbio(ssl_);
  if (old != nullptr && wire.descriptor() >= 0 && SSL_get_fd(ssl_) == wire.descriptor()) {
    BIO_set_close(old, BIO_NOCLOSE);
  }
  SSL_set_bio(ssl_, bio, bio);
  // We offer what is at the front of a buffer that may have moved by the next try.
  SSL_set_mode(ssl_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  play(state);
  opened_ = state == TlsState::open;
  holds_records_ = SSL_has_pending(ssl_) != 0;
  return true;
}

void OpenSslEngine::detach(bool owned) noexcept {
  if (bio_ == nullptr) return;
  BIO_set_data(bio_, nullptr);
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
  BIO_free(bio_);
  bio_ = nullptr;
  wire_ = nullptr;
}

// SSL_set_fd(): what is there is on its way through the stream all the same.
void OpenSslEngine::take_wire_back(FromDescriptor which) noexcept {
  BIO* other = SSL_get_rbio(ssl_);
  if (other == bio_) other = SSL_get_wbio(ssl_);
  if (other == bio_ || other == nullptr || BIO_method_type(other) != BIO_TYPE_SOCKET) return;
  const bool is_ours = BIO_get_fd(other, nullptr) == wire_->descriptor();
  if (which == FromDescriptor::ours && !is_ours) return;
  if (is_ours) BIO_set_close(other, BIO_NOCLOSE);
  BIO_up_ref(bio_);
  BIO_up_ref(bio_);
  SSL_set0_rbio(ssl_, bio_);
  SSL_set0_wbio(ssl_, bio_);
}

void OpenSslEngine::begin_call() noexcept {
  if (SSL_get_rbio(ssl_) != bio_ || SSL_get_wbio(ssl_) != bio_)
    take_wire_back(FromDescriptor::ours);
  ERR_clear_error();
}

bool OpenSslEngine::restart(TlsState state) noexcept {
  take_wire_back(FromDescriptor::any);
  if (SSL_clear(ssl_) != 1) return false;
  errors_.clear();
  renegotiating_ = holds_records_ = false;
  opened_ = state == TlsState::open;
  play(state);
  return true;
}

// --- The four calls ---

TlsResult OpenSslEngine::handshake() noexcept {
  begin_call();
  if (opened_) return renegotiation_step();
  const TlsResult step = translate(SSL_do_handshake(ssl_), 0);
  opened_ = step.status == TlsStatus::done;
  return step;
}

bool OpenSslEngine::ended_with_tickets() const noexcept {
  return SSL_is_server(ssl_) != 0 && SSL_version(ssl_) == TLS1_3_VERSION;
}

TlsResult OpenSslEngine::read(void* into, std::size_t most) noexcept {
  begin_call();
  std::size_t count = 0;
  const int returned = SSL_read_ex(ssl_, into, most, &count);
  holds_records_ = returned > 0 && SSL_has_pending(ssl_) != 0;
  budget_.earn(count);
  if (!allows_renewal()) {
    errors_.add(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_NO_RENEGOTIATION));
    return {TlsStatus::failed, 0};
  }
  return translate(returned, count);
}

TlsResult OpenSslEngine::write(const void* from, std::size_t size) noexcept {
  if (must_finish_handshake_first()) return {TlsStatus::want_read, 0};
  begin_call();
  std::size_t count = 0;
  const int returned = SSL_write_ex(ssl_, from, size, &count);
  return translate(returned, count);
}

TlsResult OpenSslEngine::say_goodbye() noexcept {
  begin_call();
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
  if (truncated) errors_.add(ERR_PACK(ERR_LIB_SSL, 0, SSL_R_UNEXPECTED_EOF_WHILE_READING));
  while (const unsigned long code = ERR_get_error()) {
    truncated |= ERR_GET_LIB(code) == ERR_LIB_SSL &&
                 ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING;
    errors_.add(code);
  }
  return {truncated ? TlsStatus::truncated : TlsStatus::failed, 0};
}

// --- A handshake on an open connection ---

bool OpenSslEngine::renegotiate() noexcept {
  if (SSL_version(ssl_) >= TLS1_3_VERSION) return false;
  if (SSL_in_init(ssl_) != 0 || SSL_renegotiate_pending(ssl_) != 0) return false;
  ERR_clear_error();
  finished_before_ = {};
  SSL_get_peer_finished(ssl_, finished_before_.data(), finished_before_.size());
  renegotiating_ = SSL_renegotiate(ssl_) == 1;
  return renegotiating_;
}

// Not by SSL_do_handshake(): it fails the connection when plaintext comes before the peer's answer,
// and on the server it calls the handshake done as soon as it has been asked for. Looking for
// plaintext does all that is needed, and a new Finished message tells the end.
TlsResult OpenSslEngine::renegotiation_step() noexcept {
  if (!renegotiating_ && SSL_is_init_finished(ssl_) != 0) return {TlsStatus::done, 0};
  unsigned char byte;
  std::size_t count = 0;
  const int returned = SSL_peek_ex(ssl_, &byte, 1, &count);
  Finished finished{};
  SSL_get_peer_finished(ssl_, finished.data(), finished.size());
  if (SSL_is_init_finished(ssl_) != 0 && finished != finished_before_) {
    renegotiating_ = false;
    finished_ = finished;
    return {TlsStatus::done, 0};
  }
  if (returned > 0) return {TlsStatus::want_read, 0};
  return translate(returned, 0);
}

// Asked after each read: each handshake, the first one too, ends with another Finished message.
bool OpenSslEngine::allows_renewal() noexcept {
  if (SSL_version(ssl_) >= TLS1_3_VERSION) return true;
  Finished last{};
  SSL_get_peer_finished(ssl_, last.data(), last.size());
  if (last == finished_) return true;
  finished_ = last;
  return renegotiating_ || budget_.spend();
}

// SSL_write() would go on with a new handshake too, and fail when it meets plaintext of the peer. A
// server that has only asked for one may write: perhaps the client never answers.
bool OpenSslEngine::must_finish_handshake_first() const noexcept {
  if (SSL_version(ssl_) >= TLS1_3_VERSION) return false;
  return SSL_in_init(ssl_) != 0 || (SSL_is_server(ssl_) == 0 && SSL_renegotiate_pending(ssl_) != 0);
}

// --- Questions ---

std::size_t OpenSslEngine::pending() const noexcept {
  const int bytes = SSL_pending(ssl_);
  return bytes > 0 ? static_cast<std::size_t>(bytes) : std::size_t{holds_records_};
}

bool OpenSslEngine::update_keys(bool ask_peer) noexcept {
  if (SSL_version(ssl_) < TLS1_3_VERSION) return false;
  ERR_clear_error();
  const int how = ask_peer ? SSL_KEY_UPDATE_REQUESTED : SSL_KEY_UPDATE_NOT_REQUESTED;
  if (SSL_key_update(ssl_, how) != 1) return false;
  // It would wait for the next write, and a second one be refused until then.
  return SSL_do_handshake(ssl_) == 1;
}

int OpenSslEngine::wake_descriptor() noexcept {
  OSSL_ASYNC_FD descriptors[4];
  std::size_t count = 4;
  if (SSL_get_all_async_fds(ssl_, nullptr, &count) != 1 || count == 0 || count > 4) return -1;
  if (SSL_get_all_async_fds(ssl_, descriptors, &count) != 1) return -1;
  return descriptors[0];
}

}  // namespace ev

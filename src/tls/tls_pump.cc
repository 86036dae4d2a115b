// The one way through a TLS stream: pump() shakes hands, decrypts, encrypts, sends, and says what
// to wait for.
#include <event2/bufferevent_ssl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "loop/event.h"
#include "stream/from_loop.h"
#include "tls/tls_stream.h"

namespace ev {
namespace {

// Sets a flag for as long as it lives, also when the program frees the stream meanwhile (a Hold
// keeps the memory).
class Scope {
 public:
  explicit Scope(bool& flag) noexcept : flag_(flag) { flag_ = true; }
  ~Scope() { flag_ = false; }
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

 private:
  bool& flag_;
};

const timeval* set_or_null(const timeval& time) { return timerisset(&time) ? &time : nullptr; }

}  // namespace

void TlsStream::pump() {
  if (!is_up() || is_pumping_) return;
  const Scope pumping(is_pumping_);
  engine_wants_bytes_ = false;
  if (shaking_hands_ && !shake_hands()) {
    if (!ended_ && send_ciphertext()) wait_as_needed();
    return;
  }
  if (is_freed()) return;
  write_plaintext();
  if (is_freed() || ended_) return;
  read_plaintext();
  if (is_freed() || ended_) return;
  // What the program wrote in its read callback goes with the same send.
  write_plaintext();
  if (is_freed() || ended_ || !send_ciphertext()) return;
  tell_written();
  if (is_freed() || ended_) return;
  wait_as_needed();
  output_progressed();
}

// True when hands are shaken; the program may have freed us in its event callback.
bool TlsStream::shake_hands() {
  TlsResult step;
  {
    const Scope scope(in_engine_);
    step = engine_->handshake();
  }
  parked_ = step.status == TlsStatus::parked;
  switch (step.status) {
    case TlsStatus::done:
      shaking_hands_ = false;
      if (!send_ciphertext()) return false;
      raise_event(BEV_EVENT_CONNECTED);
      return true;
    case TlsStatus::want_read:
      engine_wants_bytes_ = true;
      return false;
    case TlsStatus::want_write:
      return false;
    case TlsStatus::parked:
      park();
      return false;
    default:
      send_ciphertext();  // the alert that tells the peer why
      fail_with(step, BEV_EVENT_READING);
      return false;
  }
}

void TlsStream::read_plaintext() {
  if (!wants_read() || read_ended_) return;
  std::size_t total = 0;
  TlsResult got{TlsStatus::done, 0};
  while (got.status == TlsStatus::done && wants_read()) {
    const std::size_t room = std::min(read_room(), max_single_read() - total);
    if (room == 0) break;
    const std::span<std::byte> space = input->reserve_contiguous(std::min(room, record_size));
    {
      const Scope scope(in_engine_);
      got = engine_->read(space.data(), std::min(space.size(), room));
    }
    input->commit_contiguous(got.status == TlsStatus::done ? got.count : 0);
    total += got.status == TlsStatus::done ? got.count : 0;
    if (total == max_single_read()) break;
  }
  if (link_ && total > 0 && timerisset(&timeout_read) && wants_read()) wait_readable();
  if (total > 0) deliver_read();
  if (is_freed() || ended_) return;
  switch (got.status) {
    case TlsStatus::done:
      if (wants_read() && has_unread()) flush_soon();  // the turn's share is read
      return;
    case TlsStatus::want_read:
    case TlsStatus::want_write:
      return;
    case TlsStatus::parked:
      return park();
    default:
      if (got.status == TlsStatus::failed) send_ciphertext();
      return fail_with(got, BEV_EVENT_READING);
  }
}

void TlsStream::write_plaintext() {
  const std::size_t most = max_single_write();
  std::size_t total = 0;
  while (wants_write() && !output->empty() && total < most && outgoing().size() < most_ciphertext) {
    const TlsResult step = write_front();
    if (step.status != TlsStatus::done) {
      engine_wants_bytes_ = step.status == TlsStatus::want_read;
      if (step.status == TlsStatus::parked) return park();
      if (!engine_wants_bytes_ && step.status != TlsStatus::want_write) {
        fail_with(step, BEV_EVENT_WRITING);
      }
      return;
    }
    output->take_front(step.count);
    total += step.count;
    wrote_plaintext_ = true;
  }
}

// One record of the front of the output. Small pieces are put together: a record each would cost
// the peer and the wire.
TlsResult TlsStream::write_front() {
  static thread_local std::byte scratch[record_size];
  const std::size_t most = std::min({record_size, max_single_write(), output->size()});
  iovec pieces[64];
  const int used = output->peek(pieces, 64, most);
  if (used < 1) return {TlsStatus::failed, 0};
  const void* from = pieces[0].iov_base;
  std::size_t size = std::min(most, pieces[0].iov_len);
  if (size < most) {
    size = 0;
    for (int i = 0; i < used && i < 64 && size < most; i++) {
      const std::size_t piece = std::min(most - size, pieces[i].iov_len);
      std::memcpy(scratch + size, pieces[i].iov_base, piece);
      size += piece;
    }
    from = scratch;
  }
  const Scope scope(in_engine_);
  return engine_->write(from, size);
}

// False when the wire broke; the program has been told and may have freed us.
bool TlsStream::send_ciphertext() {
  if (link_) return true;
  while (!outbound_.empty()) {
    const IoResult sent = outbound_.write_to(FdStream::fd(), outbound_.size());
    if (sent.would_block()) break;
    if (!sent.ok()) {
      if (!ended_) fail_wire(sent, BEV_EVENT_WRITING);
      return false;
    }
  }
  return true;
}

void TlsStream::tell_written() {
  if (!wrote_plaintext_ || (!link_ && !outbound_.empty())) return;
  wrote_plaintext_ = false;
  if (link_ && timerisset(&timeout_write) && wants_write() && !output->empty()) wait_writable();
  deliver_write();
}

void TlsStream::wait_as_needed() {
  if (ended_ || !is_up()) {
    loop().remove(ev_read);
    loop().remove(ev_write);
    return;
  }
  const bool reads = shaking_hands_ ? !parked_ : wants_read();
  wait_for_bytes((reads || engine_wants_bytes_) && !wire_ended_ && !read_ended_);
  if (link_) return;
  if (!outbound_.empty()) {
    if (!is_waiting_writable()) wait_writable();
    return;
  }
  if (is_waiting_writable()) loop().remove(ev_write);
  if (!shaking_hands_ && wants_write() && !output->empty() && !engine_wants_bytes_) flush_soon();
}

void TlsStream::wait_for_bytes(bool wanted) {
  if (!link_) {
    const bool waits = (ev_read.ev_evcallback.evcb_flags & EVLIST_INSERTED) != 0;
    if (wanted && !waits) wait_readable();
    if (!wanted && waits) loop().remove(ev_read);
    return;
  }
  if (wanted) {
    link_.lower().resume_read(Suspend::filter);
    const bool runs = (ev_read.ev_evcallback.evcb_flags & EVLIST_TIMEOUT) != 0;
    if (!runs && set_or_null(timeout_read) != nullptr) wait_readable();
  } else {
    link_.lower().suspend_read(Suspend::filter);
    loop().remove(ev_read);
  }
}

// --- waiting for somebody else ---

void TlsStream::park() {
  parked_ = true;
  const int descriptor = engine_->wake_descriptor();
  if (descriptor < 0) return;  // the program calls us when it is done
  if (wake_ == nullptr) wake_.reset(new (allocate(sizeof(event))) event{});
  loop().remove(*wake_);
  assign(*wake_, &loop(), descriptor, EV_READ, wake_event, this);
  loop().add(*wake_, nullptr);
}

void TlsStream::wake_event(int, short, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  from_loop(stream, [&] { stream.pump(); });
}

// --- the end ---

bool TlsStream::is_drained() const noexcept {
  return output->empty() && (link_ ? link_.lower().is_drained() : outbound_.empty());
}

// close_notify, and behind it the end of what carries us.
EndOutput TlsStream::end_output() {
  if (ended_) return EndOutput::failed;
  if (!said_goodbye_) {
    said_goodbye_ = true;
    {
      const Scope scope(in_engine_);
      if (engine_->say_goodbye().status != TlsStatus::done) return EndOutput::failed;
    }
    if (link_ && !link_.lower().shut_down(false, nullptr, on_lower_ended, this)) {
      return EndOutput::failed;
    }
  }
  if (link_) return lower_end_;
  if (!send_ciphertext()) return EndOutput::failed;
  wait_as_needed();
  return outbound_.empty() ? shut_down_descriptor() : EndOutput::in_progress;
}

void TlsStream::on_lower_ended(bufferevent*, bevel_shutdown_outcome outcome, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  from_loop(stream, [&] {
    stream.lower_end_ = outcome == BEVEL_SHUTDOWN_CLEAN ? EndOutput::done : EndOutput::failed;
    stream.output_progressed();
  });
}

void TlsStream::fail_with(TlsResult result, short side) {
  const bool dirty = result.status == TlsStatus::truncated;
  const bool is_eof = result.status == TlsStatus::closed ||
                      (dirty && (flags_ & BUFFEREVENT_SSL_DIRTY_SHUTDOWN) != 0);
  read_ended_ = true;
  ended_ = result.status != TlsStatus::closed;
  wait_as_needed();
  const short directions = link_ ? short{0} : side;
  const int error = is_eof || dirty ? 0 : EPROTO;
  enabled = static_cast<short>(enabled & ~(side == BEV_EVENT_READING ? EV_READ : EV_WRITE));
  errno = error;
  raise_event(static_cast<short>((is_eof ? BEV_EVENT_EOF : BEV_EVENT_ERROR) | directions));
}

void TlsStream::fail_wire(IoResult result, short side) {
  ended_ = true;
  wait_as_needed();
  enabled = static_cast<short>(enabled & ~(side == BEV_EVENT_READING ? EV_READ : EV_WRITE));
  errno = result.error;
  raise_event(static_cast<short>(BEV_EVENT_ERROR | side));
}

}  // namespace ev

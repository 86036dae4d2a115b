// The one way through a TLS stream: pump() shakes hands, decrypts, encrypts, sends, and says what
// to wait for.
#include <event2/bufferevent_ssl.h>

#include <algorithm>
#include <cerrno>

#include "loop/event.h"
#include "stream/from_loop.h"
#include "sys/door.h"
#include "sys/raised.h"
#include "tls/tls_stream.h"

namespace ev {
bool TlsStream::pump(Moves moves) {
  if (!is_up() || is_pumping_) return true;
  // What the engine sends may pass a filter at once, which calls for more: not from inside the
  // engine.
  if (in_engine_) return flush_soon(), true;
  const Raised pumping(is_pumping_);
  replaced_ = write_is_blocked_ = engine_wants_bytes_ = false;
  if (shaking_hands_ && !parked_) {
    shake_hands();
    if (!shaking_hands_) moves = Moves::all;
  }
  if (!shaking_hands_ && !is_stopped()) {
    move_plaintext(moves != Moves::flush, moves == Moves::all || !has_max_single_write());
    if (wire_error_ != 0 && !is_stopped()) fail_wire(wire_error_, BEV_EVENT_READING);
  }
  if (is_gone() || ended_ || !send_ciphertext()) return !is_gone();
  tell_written();
  if (is_gone() || ended_) return !is_gone();
  wait_as_needed();
  output_progressed();
  return true;
}

// What the program writes in its read callback goes with the same send.
void TlsStream::move_plaintext(bool reads, bool writes) {
  if (writes) write_plaintext();
  if (reads && !is_stopped()) read_plaintext();
  if ((renewing_ || engine_wants_bytes_) && !is_stopped() && !read_ended_) continue_handshake();
  if (writes && !has_max_single_write() && !is_stopped()) write_plaintext();
}

// --- Handshakes ---

void TlsStream::shake_hands() {
  TlsResult step;
  {
    const Raised scope(in_engine_);
    step = engine_->handshake();
  }
  if (wire_error_ != 0) return fail_wire(wire_error_, BEV_EVENT_READING);
  switch (step.status) {
    case TlsStatus::done:
      return finish_handshake();
    case TlsStatus::want_read:
    case TlsStatus::want_write:
      return;
    case TlsStatus::parked:
      return park();
    default:
      return fail_with(step, BEV_EVENT_READING);
  }
}

// If the wire does not take our last word, the peer will never be connected, and so are we not.
void TlsStream::finish_handshake() {
  if (engine_->ended_with_tickets()) shaking_hands_ = false;
  if (!send_ciphertext()) return;
  shaking_hands_ = false;
  forget_handshake_time();
  if (!write_ended_) raise_event(BEV_EVENT_CONNECTED);
}

// One on the open connection: ours, or the peer's that a write waits for.
void TlsStream::continue_handshake() {
  TlsResult step;
  {
    const Raised scope(in_engine_);
    step = engine_->handshake();
  }
  switch (step.status) {
    case TlsStatus::done:
      write_is_blocked_ = engine_wants_bytes_ = false;
      if (!renewing_ || !send_ciphertext()) return;
      renewing_ = false;
      if (!write_ended_) raise_event(BEV_EVENT_CONNECTED);
      return;
    case TlsStatus::want_read:
      // Not if only the program can take what stands in the way.
      engine_wants_bytes_ = wants_read() || engine_->pending() == 0;
      return;
    case TlsStatus::want_write:
      return;
    case TlsStatus::parked:
      return park();
    default:
      return fail_with(step, BEV_EVENT_READING);
  }
}

bool TlsStream::renegotiate() {
  const bool has_ended = said_goodbye_ || read_ended_ || write_ended_;
  if (!is_up() || shaking_hands_ || renewing_ || has_ended) return false;
  {
    const Raised scope(in_engine_);
    if (!engine_->renegotiate()) return false;
  }
  renewing_ = true;
  flush_soon();
  return true;
}

bool TlsStream::update_keys(bool ask_peer) {
  const bool is_open = is_up() && !shaking_hands_ && !said_goodbye_ && !write_ended_;
  if (!is_open) return errno = ENOTCONN, false;
  const Raised scope(in_engine_);
  if (!engine_->update_keys(ask_peer)) return errno = EOPNOTSUPP, false;
  flush_soon();
  return true;
}

// --- Plaintext ---

void TlsStream::read_plaintext() {
  if (!wants_read() || read_ended_) return;
  std::size_t total = 0;
  TlsResult got{TlsStatus::done, 0};
  while (got.status == TlsStatus::done && wants_read()) {
    const std::size_t room = std::min(read_room(), max_single_read() - total);
    if (room == 0) break;
    got = read_piece(room);
    total += got.count;
  }
  if (total > 0) {
    if (link_) run_timer(ev_read, timeout_read, wants_read());
    deliver_read();
  }
  if (is_stopped()) return;
  switch (got.status) {
    case TlsStatus::done:  // wait_as_needed() goes on in the next turn
    case TlsStatus::want_read:
    case TlsStatus::want_write:
      return;
    case TlsStatus::parked:
      return park();
    default:
      return fail_with(got, BEV_EVENT_READING);
  }
}

// One record at most, straight into the input.
TlsResult TlsStream::read_piece(std::size_t most) {
  most = std::min(most, record_size);
  if (link_) most = allowance(Direction::read, most);
  if (most == 0) return {TlsStatus::want_read, 0};
  const std::span<std::byte> space = input->reserve_contiguous(most);
  TlsResult got;
  {
    const Raised scope(in_engine_);
    got = engine_->read(space.data(), most);
  }
  if (got.status != TlsStatus::done) got.count = 0;
  if (link_) spend(Direction::read, got.count);
  input->commit_contiguous(got.count);
  return got;
}

void TlsStream::write_plaintext() {
  const std::size_t most = max_single_write();
  std::size_t total = 0;
  write_is_blocked_ = engine_wants_bytes_ = false;
  while (wants_write() && !write_ended_ && !output->empty() && total < most &&
         outgoing().size() < most_ciphertext) {
    const TlsResult step = write_front(most - total);
    switch (step.status) {
      case TlsStatus::done:
        output->take_front(step.count);
        total += step.count;
        wrote_plaintext_ |= step.count > 0;
        if (step.count == 0) return;
        break;
      case TlsStatus::want_read:
        // The new handshake that has to come first will not, without the peer.
        if (read_ended_) return fail_with({TlsStatus::failed, 0}, BEV_EVENT_WRITING);
        write_is_blocked_ = engine_wants_bytes_ = true;
        return;
      case TlsStatus::want_write:
        return;
      case TlsStatus::parked:
        return park();
      default:
        return fail_with(step, BEV_EVENT_WRITING);
    }
  }
}

// One record of the front of the output. Small pieces are put together: a record each would cost
// the peer and the wire. That is done in the output itself, where an engine that parks finds the
// bytes when it goes on. (Memory per thread for it would keep programs from loading the library
// late, see chunk_cache.h.)
TlsResult TlsStream::write_front(std::size_t most) {
  most = std::min({record_size, most, output->size()});
  if (link_) most = allowance(Direction::write, most);
  if (most == 0) return {TlsStatus::want_write, 0};
  iovec front;
  if (output->peek(&front, 1, most) < 1) return {TlsStatus::failed, 0};
  const void* from = front.iov_base;
  std::size_t size = std::min(most, front.iov_len);
  if (size < most) {
    // Without memory the first piece has to do.
    if (const void* whole =
            made_or_null([&] { return output->pull_up(static_cast<ssize_t>(most)); })) {
      from = whole;
      size = most;
    }
  }
  const Raised scope(in_engine_);
  const TlsResult step = engine_->write(from, size);
  if (link_) spend(Direction::write, step.status == TlsStatus::done ? step.count : 0);
  return step;
}

// --- Ciphertext ---

// False when the wire broke, and the program has been told, or when that made us something else.
bool TlsStream::send_ciphertext() {
  if (link_) return true;
  while (!outbound_.empty() && !write_ended_) {
    std::size_t room = outbound_.size();
    if (is_held_by_limits()) return true;
    if (wants_write() && !shaking_hands_) room = allowance(Direction::write, room);
    if (room == 0) return true;
    const IoResult sent = outbound_.write_to(FdStream::fd(), room);
    spend(Direction::write, sent.ok() ? static_cast<std::size_t>(sent.count) : 0);
    if (sent.would_block()) return true;
    if (sent.ok()) continue;
    if (is_harmless(sent.error)) {
      outbound_.take_front(outbound_.size());
      return true;
    }
    if (!ended_) fail_wire(sent.error, BEV_EVENT_WRITING);
    return !is_gone() && !ended_;
  }
  return true;
}

// The peer has gone, and what we had for it was nothing of the program's: tickets, or new keys. How
// it ended stands behind its last bytes.
bool TlsStream::is_harmless(int error) const noexcept {
  if (error != EPIPE && error != ECONNRESET) return false;
  return !wrote_plaintext_ && !shaking_hands_ && !renewing_ && !said_goodbye_;
}

// Ciphertext waits for tokens; while the program does not want to write, nobody waits for them.
bool TlsStream::is_held_by_limits() const noexcept {
  const bool is_unwanted = !wants_write() && !shaking_hands_ && wrote_plaintext_;
  return awaits_tokens(Direction::write) || (throttle() != nullptr && is_unwanted);
}

void TlsStream::tell_written() {
  if (!wrote_plaintext_ || (!link_ && !outbound_.empty())) return;
  wrote_plaintext_ = false;
  if (link_) run_timer(ev_write, timeout_write, wants_write() && !output->empty());
  deliver_write();
}

// --- the end ---

bool TlsStream::is_drained() const noexcept {
  return output->empty() && (link_ ? link_.lower().is_drained() : outbound_.empty());
}

bool TlsStream::is_abandoned() const noexcept {
  return link_ && link_.lower().is_abandoned() && !has_unread();
}

// close_notify, and behind it the end of what carries us.
EndOutput TlsStream::end_output() {
  if (ended_ || (!said_goodbye_ && is_cut_off())) return EndOutput::failed;
  replaced_ = false;
  if (!said_goodbye_) {
    {
      const Raised scope(in_engine_);
      if (engine_->say_goodbye().status != TlsStatus::done) return EndOutput::failed;
    }
    said_goodbye_ = true;
    if (link_ && !link_.lower().shut_down(false, nullptr, on_lower_ended, this)) {
      return EndOutput::failed;
    }
  }
  if (link_) return lower_end_;
  if (!send_ciphertext()) return EndOutput::failed;
  wait_as_needed();
  if (!outbound_.empty()) return EndOutput::in_progress;
  const EndOutput ended = write_ended_ ? EndOutput::failed : shut_down_descriptor();
  return needs_no_goodbye() ? EndOutput::done : ended;
}

void TlsStream::on_lower_ended(bufferevent*, bevel_shutdown_outcome outcome, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  from_loop(stream, [&] {
    const bool is_clean = outcome == BEVEL_SHUTDOWN_CLEAN || stream.needs_no_goodbye();
    stream.lower_end_ = is_clean ? EndOutput::done : EndOutput::failed;
    stream.output_progressed();
  });
}

void TlsStream::fail_with(TlsResult result, short side) {
  const bool dirty = result.status == TlsStatus::truncated;
  const bool is_eof = result.status == TlsStatus::closed ||
                      (dirty && (flags_ & BUFFEREVENT_SSL_DIRTY_SHUTDOWN) != 0);
  read_ended_ = true;
  renewing_ = write_is_blocked_ = engine_wants_bytes_ = false;  // that takes two
  ended_ = result.status != TlsStatus::closed;
  if (result.status == TlsStatus::failed) send_ciphertext();  // the alert that tells the peer why
  wait_as_needed();
  enabled = static_cast<short>(enabled & ~(side == BEV_EVENT_READING ? EV_READ : EV_WRITE));
  errno = is_eof ? 0 : EPROTO;
  // The end of another bufferevent is no direction's own.
  const short directions = link_ && dirty ? short{0} : side;
  raise_event(static_cast<short>((is_eof ? BEV_EVENT_EOF : BEV_EVENT_ERROR) | directions));
}

// What the peer sent before it stopped taking our bytes, an alert perhaps, can still be read.
void TlsStream::fail_wire(int error, short side) {
  if (shaking_hands_) side = BEV_EVENT_READING;  // as every handshake that fails
  if (side == BEV_EVENT_WRITING) {
    write_ended_ = true;
    outbound_.take_front(outbound_.size());
  } else {
    ended_ = true;
  }
  enabled = static_cast<short>(enabled & ~(side == BEV_EVENT_READING ? EV_READ : EV_WRITE));
  wait_as_needed();
  if (needs_no_goodbye()) return;
  const short what = static_cast<short>(BEV_EVENT_ERROR | side);
  errno = error;
  raise_event(is_allowed_reset(what, error) ? BEV_EVENT_EOF | BEV_EVENT_READING : what);
}

// Who closes without having read everything, TLS 1.3's tickets for example, causes a reset.
bool TlsStream::is_allowed_reset(short what, int error) const noexcept {
  return what == (BEV_EVENT_ERROR | BEV_EVENT_READING) && error == ECONNRESET &&
         (flags_ & BUFFEREVENT_SSL_DIRTY_SHUTDOWN) != 0;
}

}  // namespace ev

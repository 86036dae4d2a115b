// What a TLS stream waits for when it has done what it could.
#include "loop/event.h"
#include "stream/from_loop.h"
#include "tls/tls_stream.h"

namespace ev {
namespace {

constexpr timeval at_once{0, 0};

bool is_running(const event& timer) noexcept { return has_flag(timer, EVLIST_TIMEOUT); }
bool is_watched(const event& ev) noexcept { return has_flag(ev, EVLIST_INSERTED); }

}  // namespace

void TlsStream::wait_as_needed() {
  if (ended_ || !is_up()) {
    loop().remove_noblock(ev_read);
    loop().remove_noblock(ev_write);
    loop().remove_noblock(wake_);
    return;
  }
  const bool may_read = !shaking_hands_ && !parked_ && wants_read() && !read_ended_;
  if (may_read && has_unread()) {
    reads_next_turn_ = true;
    continue_next_turn();
  }
  const bool needs_bytes = shaking_hands_ ? !parked_ : may_read || engine_wants_bytes_;
  // The second half of the room is for one read more.
  const bool has_room = link_ || inbound_.size() < most_ciphertext / 2;
  wait_for_bytes(needs_bytes && has_room && !reads_next_turn_ && !wire_ended_ && !read_ended_);
  wait_for_room();
}

void TlsStream::wait_for_bytes(bool wanted) {
  if (link_) {
    if (wanted) {
      link_.lower().resume_read(Suspend::filter);
    } else {
      link_.lower().suspend_read(Suspend::filter);
    }
  } else if (wanted && !is_watched(ev_read)) {
    loop().add(ev_read, nullptr);
  } else if (!wanted && is_watched(ev_read)) {
    loop().remove_noblock(ev_read);
  }
  // It is the program's time: a handshake or it itself wants to read.
  const bool runs = wanted && (shaking_hands_ || wants_read());
  if (!runs || !is_running(ev_read)) run_timer(ev_read, timeout_read, runs);
}

void TlsStream::wait_for_room() {
  const bool may_write = !shaking_hands_ && !parked_ && wants_write() && !write_ended_;
  const bool has_more = may_write && !output->empty() && !engine_wants_bytes_;
  const bool is_limited = awaits_tokens(Direction::write);
  const bool is_full = link_ ? outgoing().size() >= most_ciphertext : !outbound_.empty();
  if (!link_ && is_full && !is_limited) {
    if (!is_watched(ev_write)) loop().add(ev_write, nullptr);
  } else if (!link_ && is_watched(ev_write)) {
    loop().remove_noblock(ev_write);
  }
  const bool is_stuck = link_ ? may_write && !output->empty() : is_full && !is_limited;
  const bool runs = is_stuck && (shaking_hands_ || wants_write());
  if (!runs || !is_running(ev_write)) run_timer(ev_write, timeout_write, runs);
  if (!has_more || is_full) return;
  if (has_max_single_write()) {
    continue_next_turn();
  } else {
    flush_soon();
  }
}

// Starts it anew, or stops it. For a watched descriptor the event is the timer as well.
void TlsStream::run_timer(event& timer, const timeval& timeout, bool wanted) {
  if (wanted && timerisset(&timeout)) {
    loop().add(timer, &timeout);
  } else if (is_running(timer)) {
    loop().remove_timer(timer);
  }
}

void TlsStream::continue_next_turn() {
  if (is_running(wake_)) return;
  loop().remove_noblock(wake_);
  assign(wake_, &loop(), -1, 0, wake_event, this);
  ev::set_priority(wake_, priority());
  loop().add(wake_, &at_once);
}

void TlsStream::park() {
  parked_ = true;
  const int descriptor = engine_->wake_descriptor();
  if (descriptor < 0) return;  // the program calls us when it is done
  loop().remove_noblock(wake_);
  assign(wake_, &loop(), descriptor, EV_READ, wake_event, this);
  ev::set_priority(wake_, priority());
  loop().add(wake_, nullptr);
}

void TlsStream::wake_event(int, short, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  from_loop(stream, [&] {
    stream.parked_ = stream.reads_next_turn_ = false;
    stream.pump(Moves::all);
  });
}

}  // namespace ev

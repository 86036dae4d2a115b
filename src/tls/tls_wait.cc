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
    // Unless it is the program's again.
    if (link_ && !is_freed()) link_.lower().suspend_read(Suspend::filter);
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
  if (shaking_hands_) time_handshake();
}

// Also while it is parked. A time for the whole: a peer that sends byte by byte would be waited for
// as long as it likes.
void TlsStream::time_handshake() {
  if (!handshake_ends_) handshake_ends_ = end_of_handshake();
  if (handshake_ends_ && !is_running(ev_read)) loop().set_timer(ev_read, handshake_ends_);
}

// After the shorter one of the timeouts that are set.
std::optional<TimePoint> TlsStream::end_of_handshake() {
  std::optional<TimePoint> end;
  for (const timeval& timeout : {timeout_read, timeout_write}) {
    if (!timerisset(&timeout)) continue;
    const TimePoint point = loop().now() + to_microseconds(timeout);
    if (!end || point < *end) end = point;
  }
  return end;
}

// Its time begins anew, if it goes on.
void TlsStream::forget_handshake_time() {
  handshake_ends_.reset();
  loop().remove_timer(ev_read);
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
  if (shaking_hands_) return;
  // It is the program's time: it wants to read. Who parked a new handshake is waited for, too.
  const bool runs = (wanted || parked_) && wants_read();
  if (!runs || !is_running(ev_read)) run_timer(ev_read, timeout_read, runs);
}

void TlsStream::wait_for_room() {
  const bool may_write = !shaking_hands_ && !parked_ && wants_write() && !write_ended_;
  const bool has_more = may_write && !output->empty() && !write_is_blocked_;
  const bool is_limited = is_held_by_limits();
  const bool is_full = link_ ? outgoing().size() >= most_ciphertext : !outbound_.empty();
  if (!link_ && is_full && !is_limited) {
    if (!is_watched(ev_write)) loop().add(ev_write, nullptr);
  } else if (!link_ && is_watched(ev_write)) {
    loop().remove_noblock(ev_write);
  }
  const bool is_held_up = (link_ && may_write) || (parked_ && wants_write() && !write_ended_);
  const bool is_stuck = (is_held_up && !output->empty()) || (!link_ && is_full && !is_limited);
  const bool runs = is_stuck && wants_write() && !shaking_hands_;
  if (!runs || !is_running(ev_write)) run_timer(ev_write, timeout_write, runs);
  // The write callback below never comes if a filter there keeps a few bytes for want of more.
  if (link_ && has_more && is_full) link_layer_below();
  if (!has_more || is_full) return;
  if (has_max_single_write()) {
    continue_next_turn();
  } else {
    flush_soon();
  }
}

// Starts it anew, or stops it. For a watched descriptor the event is the timer as well; one that is
// not watched stays so.
void TlsStream::run_timer(event& timer, const timeval& timeout, bool wanted) {
  if (wanted && timerisset(&timeout)) {
    if (link_ || is_watched(timer)) {
      loop().add(timer, &timeout);
    } else {
      loop().set_timer(timer, loop().now() + to_microseconds(timeout));
    }
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

#include "tls/tls_stream.h"

#include <algorithm>
#include <cerrno>

#include "loop/event.h"
#include "stream/from_loop.h"
#include "sys/raised.h"

namespace ev {
namespace {

constexpr unsigned largest_wire_read_shift = 17;  // 128 KiB

}  // namespace

TlsStream* TlsStream::make(const TlsSetup& setup) {
  Stream* lower = setup.underlying != nullptr ? &Stream::of(setup.underlying) : nullptr;
  const Lock lower_lock = lower != nullptr ? shared_lock(*lower, setup.options) : Lock();
  std::optional<Hold> hold;
  if (lower != nullptr) {
    hold.emplace(*lower);
    if (!lower->may_carry()) return errno = EINVAL, nullptr;
  }
  std::unique_ptr<TlsStream, void (*)(TlsStream*)> stream(
      new TlsStream(setup, lower != nullptr ? -1 : setup.fd), [](TlsStream* made) {
        made->abandon();
        delete made;
      });
  if (lower_lock) stream->use_lock(Lock::borrow(lower_lock.handle()));
  if (!setup.engine->attach(*stream, setup.state)) throw std::bad_alloc();
  stream->engine_.reset(setup.engine);
  if (lower != nullptr) {
    lower->reserve_extras();  // so that wait_for_room() lacks no memory
    stream->link_.attach(*lower, lower_read, lower_write, lower_event, stream.get());
  }
  if (stream->is_up()) stream->flush_soon();
  return stream.release();
}

TlsStream::TlsStream(const TlsSetup& setup, int fd)
    : FdStream(*setup.loop, fd,
               setup.underlying != nullptr ? setup.options & ~BEV_OPT_THREADSAFE : setup.options),
      initial_state_(setup.state),
      shaking_hands_(setup.state != TlsState::open) {
  assign(wake_, &loop(), -1, 0, wake_event, this);
  output->unfreeze(End::front);
  input->unfreeze(End::back);
}

void TlsStream::leave_loop() noexcept {
  loop().remove_noblock(wake_);
  FdStream::leave_loop();
}

TlsStream::~TlsStream() {
  if (engine_ == nullptr) return;
  engine_->detach(has_option(BEV_OPT_CLOSE_ON_FREE));
  link_.detach(has_option(BEV_OPT_CLOSE_ON_FREE));
}

// Construction failed: what the program brought stays its own, also with BEV_OPT_CLOSE_ON_FREE.
void TlsStream::abandon() noexcept {
  if (engine_ != nullptr) engine_.release()->detach(false);
  link_.detach(false);
  FdStream::set_fd(-1);
}

// The connection is the program's again, in the middle of a callback too, except one of its TLS
// library. Records that were made have to leave, or the peer could make nothing of later ones.
void TlsStream::give_back() noexcept {
  if (has_option(BEV_OPT_CLOSE_ON_FREE)) return;
  FdStream::give_back();
  if (is_up() && !link_ && !write_ended_ && throttle() == nullptr) {
    while (!outbound_.empty() && outbound_.write_to(FdStream::fd(), outbound_.size()).ok()) {
    }
  }
  ended_ = true;
  if (in_engine_)
    return link_.offer();  // it goes on for a moment, and our destructor does the rest
  link_.give_back();
  engine_->detach(false);
}

int TlsStream::fd() const noexcept { return link_ ? link_.lower().fd() : FdStream::fd(); }

// Of what the old connection carried, nothing makes sense to the new one.
void TlsStream::forget_connection() {
  loop().remove_noblock(wake_);
  forget_handshake_time();
  inbound_.take_front(inbound_.size());
  outbound_.take_front(outbound_.size());
  for (Stream* layer = link_.pointer(); layer != nullptr; layer = layer->underlying()) {
    layer->input->take_front(layer->input->size());
    layer->output->take_front(layer->output->size());
  }
  shaking_hands_ = initial_state_ != TlsState::open;
  ended_ = read_ended_ = write_ended_ = wire_ended_ = parked_ = renewing_ = said_goodbye_ = false;
  write_is_blocked_ = engine_wants_bytes_ = reads_next_turn_ = false;
  wire_error_ = 0;
  replaced_ = true;
  lower_end_ = EndOutput::in_progress;
}

bool TlsStream::set_fd(int fd) {
  if (in_engine_) return errno = EBUSY, false;  // a callback of the TLS library
  // Before the first connection nothing was said that could be wrong for it.
  if (link_ && !ended_ && link_.lower().fd() < 0) return link_.set_fd(fd);
  if (link_ && lowest().as_fd_stream() == nullptr) return false;
  // A connection that the program opened goes on with another descriptor.
  const bool fresh = initial_state_ == TlsState::open || engine_->restart(initial_state_);
  if (!fresh && fd >= 0) {
    errno = EINVAL;
    return false;
  }
  forget_connection();
  ended_ = !fresh;
  begin_anew();
  if (!(link_ ? link_.set_fd(fd) : FdStream::set_fd(fd))) return false;
  if (is_up()) flush_soon();
  return true;
}

bool TlsStream::set_base(Loop& loop) {
  const bool is_busy = has_flag(wake_, EVLIST_INSERTED | EVLIST_TIMEOUT | EVLIST_ACTIVE);
  if (link_ || is_busy) {
    errno = link_ ? EINVAL : EBUSY;
    return false;
  }
  if (!FdStream::set_base(loop)) return false;
  assign(wake_, &loop, -1, 0, wake_event, this);
  return true;
}

// There is a peer to talk to.
bool TlsStream::is_up() const noexcept {
  if (ended_) return false;
  return link_ ? true : FdStream::fd() >= 0 && !is_connecting();
}

bool TlsStream::has_unread() const noexcept {
  return engine_->pending() > 0 || !(link_ ? *link_.lower().input : inbound_).empty() ||
         wire_ended_;
}

bool TlsStream::start(short what) {
  if (is_up()) {
    if (!is_pumping_) wait_as_needed();
  } else if (is_connecting() && (what & EV_WRITE) != 0) {
    return wait_writable();
  }
  return true;
}

// A handshake goes on whatever the program enabled; ciphertext that was made must leave.
void TlsStream::stop(short what) {
  if (!link_ && is_connecting()) {
    FdStream::stop(what);
  } else if (!is_pumping_) {
    wait_as_needed();
  }
}

void TlsStream::adjust_timeouts() {
  if (!is_up()) return FdStream::adjust_timeouts();
  forget_handshake_time();
  loop().remove_timer(ev_write);
  if (!is_pumping_) wait_as_needed();
}

void TlsStream::unpause(short what) {
  if ((what & EV_READ) == 0) return flush_soon();
  if (!is_up()) return;
  if (link_) {
    pump(Moves::all);
  } else {
    on_readable();
  }
}

// Everything is tried again: it may be a read that met a new handshake.
void TlsStream::resume_handshake() {
  if (!parked_) return;
  parked_ = false;
  continue_next_turn();
}

// --- the wire ---

IoResult TlsStream::receive(void* into, std::size_t most) noexcept {
  evbuffer& bytes = incoming();
  if (!bytes.empty()) {
    iovec front[1];
    if (bytes.peek(front, 1, most) < 1) return {-1, EAGAIN};
    const std::size_t size = std::min(most, front[0].iov_len);
    std::copy_n(static_cast<const std::byte*>(front[0].iov_base), size,
                static_cast<std::byte*>(into));
    bytes.take_front(size);
    return {static_cast<ssize_t>(size), 0};
  }
  if (wire_ended_) return {0, 0};
  if (link_) return {-1, EAGAIN};
  if (in_engine_) return reads_as_asked() ? receive_asked(into, most) : IoResult{-1, EAGAIN};
  // A program that calls its TLS library itself, as for a shutdown by hand, finds the plain
  // descriptor.
  return IoResult::of(::recv(FdStream::fd(), into, most, 0));
}

// Handshakes do not wait for tokens, but what the peer sends right behind its own does: it stays in
// the kernel, since libraries ask for one record and no more. A wire that fails does so when the
// library has returned.
IoResult TlsStream::receive_asked(void* into, std::size_t most) noexcept {
  if (wants_read() && !shaking_hands_) most = allowance(Direction::read, most);
  if (most == 0) return {-1, EAGAIN};
  const IoResult got = IoResult::of(::recv(FdStream::fd(), into, most, 0));
  spend(Direction::read, got.ok() ? static_cast<std::size_t>(got.count) : 0);
  wire_ended_ = got.end_of_stream();
  if (got.count >= 0 || got.would_block()) return got;
  wire_error_ = got.error;
  return {-1, EAGAIN};
}

IoResult TlsStream::send(const void* from, std::size_t size) noexcept {
  // Nobody listens behind a goodbye or on a wire that broke; the library may still want to answer a
  // peer that asks for new keys.
  if (said_goodbye_ || write_ended_) return {static_cast<ssize_t>(size), 0};
  try {
    // A filter below may call for more at once, also where the program called the library itself.
    const Raised in_engine(in_engine_);
    if (!outgoing().append(from, size)) return {-1, ENOBUFS};
  } catch (const std::bad_alloc&) {
    return {-1, ENOMEM};
  }
  if (!in_engine_ && !link_ && FdStream::fd() >= 0)
    outbound_.write_to(FdStream::fd(), outbound_.size());
  return {static_cast<ssize_t>(size), 0};
}

// --- events ---

// A limited stream goes on until it has to wait for tokens or for bytes, so that it need not be
// registered from one portion of tokens to the next.
void TlsStream::on_readable() {
  std::size_t left = throttle() != nullptr ? max_single_read() : 1;
  while (read_wire(left) && left > 0 && wants_read() && !shaking_hands_) {
  }
}

// Takes what it read off `left`. True when there is probably more. The program may free the stream.
bool TlsStream::read_wire(std::size_t& left) {
  if (reads_as_asked()) return pump(Moves::read), false;
  const bool limited = wants_read() && !shaking_hands_;
  const std::size_t size = std::size_t{1} << read_size_shift_;
  const std::size_t wanted = limited ? allowance(Direction::read, size) : size;
  if (wanted == 0) {
    wait_as_needed();
    return false;
  }
  const IoResult got = inbound_.read_from(FdStream::fd(), most_ciphertext, wanted);
  const std::size_t count = got.ok() ? static_cast<std::size_t>(got.count) : 0;
  spend(Direction::read, count);
  left -= std::min(left, count);
  if (count == size && read_size_shift_ < largest_wire_read_shift) read_size_shift_++;
  wire_ended_ = got.end_of_stream();
  if (!pump(Moves::read)) return false;
  const bool broken = got.count < 0 && !got.would_block();
  if (broken && !ended_) fail_wire(got.error, BEV_EVENT_READING);
  return count == wanted && !is_stopped() && is_up();
}

void TlsStream::on_connected() {
  if (!shaking_hands_) raise_event(BEV_EVENT_CONNECTED);
  if (!is_freed()) pump(Moves::read);
}

void TlsStream::on_timeout(short direction) {
  if (!shaking_hands_ || is_connecting()) return FdStream::on_timeout(direction);
  ended_ = true;
  wait_as_needed();
  fail(BEV_EVENT_TIMEOUT, ETIMEDOUT);
}

void TlsStream::on_output_added() {
  if (!wants_write() || !is_up() || is_pumping_ || shaking_hands_) return;
  if (has_max_single_write()) {
    continue_next_turn();
  } else {
    flush_soon();
  }
}

void TlsStream::on_progress_below() {
  if (is_up() && !is_pumping_ && !output->empty()) wait_as_needed();
}

void TlsStream::lower_read(bufferevent*, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  from_loop(stream, [&] { stream.pump(Moves::read); });
}

void TlsStream::lower_write(bufferevent*, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  from_loop(stream, [&] { stream.pump(Moves::read); });
}

void TlsStream::lower_event(bufferevent*, short what, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  const int error = errno;
  from_loop(stream, [&] {
    if (stream.ended_) return;  // the program knows
    const bool begins = (what & BEV_EVENT_CONNECTED) != 0 && stream.shaking_hands_;
    const bool ends = (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR)) != 0;
    stream.wire_ended_ |= (what & BEV_EVENT_EOF) != 0;
    if (begins) stream.forget_handshake_time();
    if ((begins || ends) && !stream.pump(Moves::read)) return;
    if (begins || (what & BEV_EVENT_EOF) != 0) return;
    if (ends && stream.needs_no_goodbye()) return;
    if (ends) {
      stream.ended_ = true;
      stream.disable(directions_of(what));
      stream.wait_as_needed();
    }
    errno = error;
    stream.raise_event(stream.is_allowed_reset(what, error) ? BEV_EVENT_EOF | BEV_EVENT_READING
                                                            : what);
  });
}

}  // namespace ev

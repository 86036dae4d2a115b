#include "tls/tls_stream.h"

#include <algorithm>
#include <cerrno>

#include "loop/event.h"
#include "stream/from_loop.h"

namespace ev {
namespace {

constexpr unsigned largest_wire_read_shift = 17;  // 128 KiB

void free_event(event* ev) { release(ev); }

}  // namespace

TlsStream* TlsStream::make(const TlsSetup& setup) {
  Stream* lower = setup.underlying != nullptr ? &Stream::of(setup.underlying) : nullptr;
  const Lock lower_lock = lower != nullptr ? shared_lock(*lower, setup.options) : Lock();
  std::unique_ptr<TlsStream, void (*)(TlsStream*)> stream(
      new TlsStream(setup, lower != nullptr ? -1 : setup.fd), [](TlsStream* made) { delete made; });
  if (lower_lock) stream->use_lock(Lock::borrow(lower_lock.handle()));
  if (!setup.engine->attach(*stream)) throw std::bad_alloc();
  stream->engine_.reset(setup.engine);
  if (lower != nullptr) {
    Hold hold(*lower);
    stream->link_.attach(*lower, lower_read, lower_write, lower_event, stream.get());
  }
  if (stream->is_up()) stream->flush_soon();
  return stream.release();
}

TlsStream::TlsStream(const TlsSetup& setup, int fd)
    : FdStream(*setup.loop, fd,
               setup.underlying != nullptr ? setup.options & ~BEV_OPT_THREADSAFE : setup.options),
      wake_(nullptr, free_event),
      initial_state_(setup.state),
      shaking_hands_(setup.state != TlsState::open) {
  output->unfreeze(End::front);
  input->unfreeze(End::back);
}

TlsStream::~TlsStream() {
  if (wake_ != nullptr) loop().remove_noblock(*wake_);
  if (engine_ == nullptr) return;
  engine_->detach(has_option(BEV_OPT_CLOSE_ON_FREE));
  link_.detach(has_option(BEV_OPT_CLOSE_ON_FREE));
}

int TlsStream::fd() const noexcept { return link_ ? link_.lower().fd() : FdStream::fd(); }

bool TlsStream::set_fd(int fd) {
  if (link_) return link_.lower().set_fd(fd);
  engine_->restart(initial_state_);
  inbound_.take_front(inbound_.size());
  outbound_.take_front(outbound_.size());
  shaking_hands_ = initial_state_ != TlsState::open;
  ended_ = read_ended_ = wire_ended_ = parked_ = engine_wants_bytes_ = said_goodbye_ = false;
  if (!FdStream::set_fd(fd)) return false;
  if (is_up()) flush_soon();
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
  if (!is_up()) {
    if (is_connecting() && (what & EV_WRITE) != 0) return wait_writable();
    return true;
  }
  if ((what & EV_READ) != 0 && !shaking_hands_) {
    wait_for_bytes(true);
    if (has_unread()) flush_soon();
  }
  if ((what & EV_WRITE) != 0) flush_soon();
  return true;
}

void TlsStream::stop(short what) {
  if (link_) {
    if ((what & EV_READ) != 0) loop().remove(ev_read);
    if ((what & EV_WRITE) != 0) loop().remove_timer(ev_write);
  } else if (is_connecting()) {
    return FdStream::stop(what);
  }
  // The handshake goes on whatever the program enabled; ciphertext that was made must leave.
  if (ended_ || !is_pumping_) wait_as_needed();
}

bool TlsStream::renegotiate() {
  if (!is_up() || shaking_hands_ || !engine_->renegotiate()) return false;
  shaking_hands_ = true;
  flush_soon();
  return true;
}

bool TlsStream::update_keys(bool ask_peer) {
  if (!is_up() || shaking_hands_ || !engine_->update_keys(ask_peer)) return false;
  flush_soon();
  return true;
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
  // A program that calls its TLS library itself, as for a shutdown by hand, finds the plain
  // descriptor.
  if (in_engine_ || link_) return {-1, EAGAIN};
  return IoResult::of(::recv(FdStream::fd(), into, most, 0));
}

IoResult TlsStream::send(const void* from, std::size_t size) noexcept {
  try {
    if (!outgoing().append(from, size)) return {-1, ENOBUFS};
  } catch (const std::bad_alloc&) {
    return {-1, ENOMEM};
  }
  if (!in_engine_ && !link_ && FdStream::fd() >= 0)
    outbound_.write_to(FdStream::fd(), outbound_.size());
  return {static_cast<ssize_t>(size), 0};
}

// --- events ---

void TlsStream::on_readable() {
  if (link_ || inbound_.size() < most_ciphertext / 2) {
    const std::size_t wanted = std::size_t{1} << read_size_shift_;
    const IoResult got = inbound_.read_from(FdStream::fd(), most_ciphertext, wanted);
    if (got.end_of_stream()) {
      wire_ended_ = true;
    } else if (!got.ok() && !got.would_block()) {
      return fail_wire(got, BEV_EVENT_READING);
    } else if (got.count == static_cast<ssize_t>(wanted) &&
               read_size_shift_ < largest_wire_read_shift) {
      read_size_shift_++;
    }
  }
  pump();
}

void TlsStream::on_writable() { pump(); }

void TlsStream::on_connected() {
  if (!shaking_hands_) raise_event(BEV_EVENT_CONNECTED);
  if (!is_freed()) pump();
}

void TlsStream::on_timeout(short direction) {
  if (!shaking_hands_ || is_connecting()) return FdStream::on_timeout(direction);
  ended_ = true;
  loop().remove(ev_read);
  loop().remove(ev_write);
  fail(BEV_EVENT_TIMEOUT, ETIMEDOUT);
}

void TlsStream::on_output_changed(std::size_t added, std::size_t) {
  if (added == 0 || !wants_write() || !is_up() || is_pumping_ || shaking_hands_) return;
  flush_soon();
}

void TlsStream::lower_read(bufferevent*, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  from_loop(stream, [&] { stream.pump(); });
}

void TlsStream::lower_write(bufferevent*, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  from_loop(stream, [&] { stream.pump(); });
}

void TlsStream::lower_event(bufferevent*, short what, void* self) {
  TlsStream& stream = *static_cast<TlsStream*>(self);
  const int error = errno;
  from_loop(stream, [&] {
    if ((what & BEV_EVENT_CONNECTED) != 0 && stream.shaking_hands_) return stream.pump();
    if ((what & BEV_EVENT_EOF) != 0) {
      stream.wire_ended_ = true;
      return stream.pump();
    }
    errno = error;
    stream.raise_event(what);
  });
}

}  // namespace ev

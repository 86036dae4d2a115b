#include "stream/fd_stream.h"

#include <unistd.h>

#include <cerrno>

#include "loop/event.h"
#include "stream/from_loop.h"

namespace ev {
namespace {

const timeval* set_or_null(const timeval& time) {
  return time.tv_sec != 0 || time.tv_usec != 0 ? &time : nullptr;
}

}  // namespace

FdStream::FdStream(Loop& loop, int fd, int options) : Stream(loop, options) {
  assign_events(fd);
  // What has not left yet is ours to take from the front, and what arrives ours to add at the back.
  input->freeze(End::back);
  output->freeze(End::front);
}

FdStream::~FdStream() {
  if (has_option(BEV_OPT_CLOSE_ON_FREE) && fd() >= 0) ::close(fd());
}

void FdStream::assign_events(int fd) {
  const int old_priority = priority();
  assign(ev_read, &loop(), fd, EV_READ | EV_PERSIST, read_event, this);
  assign(ev_write, &loop(), fd, EV_WRITE | EV_PERSIST, write_event, this);
  set_flag(ev_read, fetch_ahead);
  set_flag(ev_write, fetch_ahead);
  ev::set_priority(ev_read, old_priority);
  ev::set_priority(ev_write, old_priority);
}

bool FdStream::set_fd(int fd) {
  connecting_ = false;
  end_attempt();
  begin_anew();
  loop().remove_noblock(ev_read);
  loop().remove_noblock(ev_write);
  assign_events(fd);
  if (fd >= 0) enable(enabled);
  return true;
}

bool FdStream::set_base(Loop& loop) {
  if (pending(ev_read, EV_READ | EV_WRITE | EV_TIMEOUT, nullptr) != 0 ||
      pending(ev_write, EV_READ | EV_WRITE | EV_TIMEOUT, nullptr) != 0 ||
      deferred().is_scheduled() || is_connecting() ||
      (rare() != nullptr && rare()->awaits_loop())) {
    errno = EBUSY;
    return false;
  }
  const int old_fd = fd();
  this->loop().remove_noblock(ev_write);  // it may be listed to leave soon
  if (limiter() != nullptr) limiter()->leave_loop();
  ev_base = &loop;
  if (limiter() != nullptr) limiter()->enter_loop();
  assign_events(old_fd);
  if (wants_write() && !output->empty()) start(EV_WRITE);
  return true;
}

bool FdStream::set_priority(int priority) {
  if (priority < 0 || priority >= loop().priorities()) return false;
  loop().set_priority(ev_read.ev_evcallback, priority);
  loop().set_priority(ev_write.ev_evcallback, priority);
  loop().set_priority(deferred().callback, priority);
  if (limiter() != nullptr) loop().set_priority(limiter()->deferred().callback, priority);
  return true;
}

// --- waiting ---

bool FdStream::wait_readable() { return loop().add(ev_read, set_or_null(timeout_read)); }

bool FdStream::wait_writable() { return loop().add(ev_write, set_or_null(timeout_write)); }

bool FdStream::is_waiting_writable() const noexcept { return has_flag(ev_write, EVLIST_INSERTED); }

void FdStream::stop(short what) {
  if ((what & EV_READ) != 0) loop().remove_noblock(ev_read);
  // A connection in progress is noticed by its writability, whether or not the program wants to
  // write yet.
  if ((what & EV_WRITE) != 0 && !connecting_) loop().remove_noblock(ev_write);
}

// Taking the descriptor out of the kernel's set and back for each portion of tokens would cost more
// than the portion. So it stays; if it turns out to be ready meanwhile, the handler takes it out.
void FdStream::pause(short what) {
  if ((what & EV_READ) != 0) loop().remove_timer(ev_read);
  if ((what & EV_WRITE) != 0) loop().remove_noblock(ev_write);
}

void FdStream::adjust_timeouts() {
  if (has_flag(ev_read, EVLIST_INSERTED)) {
    if (set_or_null(timeout_read) != nullptr && wants_read()) {
      wait_readable();
    } else {
      loop().remove_timer(ev_read);
    }
  }
  if (!is_waiting_writable()) return;
  if (set_or_null(timeout_write) != nullptr) {
    wait_writable();
  } else {
    loop().remove_timer(ev_write);
  }
}

void FdStream::on_output_added() {
  if (!wants_write() || fd() < 0 || is_connecting() || is_waiting_writable()) return;
  // A maximum that the program set holds for each turn of the loop, and the flush may run twice in
  // one.
  if (has_max_single_write()) {
    wait_writable();
  } else {
    flush_soon();
  }
}

EndOutput FdStream::shut_down_descriptor() noexcept {
  if (is_connecting()) return EndOutput::in_progress;
  if (::shutdown(fd(), SHUT_WR) == 0) return EndOutput::done;
  // A pipe or a tty knows no half close: its end is seen when it is closed.
  return errno == ENOTSOCK ? EndOutput::done : EndOutput::failed;
}

// --- events ---

void FdStream::read_event(int, short what, void* self) {
  FdStream& stream = *static_cast<FdStream*>(self);
  from_loop(stream, [&] {
    if (what == EV_TIMEOUT) return stream.on_timeout(EV_READ);
    if (stream.connecting_ && (!stream.finish_connecting() || stream.is_freed())) return;
    stream.on_readable();
  });
}

void FdStream::write_event(int, short what, void* self) {
  FdStream& stream = *static_cast<FdStream*>(self);
  from_loop(stream, [&] {
    if (what == EV_TIMEOUT) return stream.on_timeout(EV_WRITE);
    // Output that waited for the connection is listed to leave then.
    if (stream.connecting_) return static_cast<void>(stream.finish_connecting());
    stream.on_writable();
  });
}

void FdStream::on_timeout(short direction) {
  if (direction == EV_READ && !connecting_ && waits_for_debt(Direction::read)) return;
  end_attempt();
  const short side = direction == EV_READ ? BEV_EVENT_READING : BEV_EVENT_WRITING;
  fail(static_cast<short>(BEV_EVENT_TIMEOUT | side), ETIMEDOUT);
}

// --- the end ---

void FdStream::leave_loop() noexcept {
  forget_attempt();
  Stream::leave_loop();
}

// The descriptor is the program's again, which may close it in the callback that we are in and make
// another of the same number.
void FdStream::give_back() noexcept {
  if (has_option(BEV_OPT_CLOSE_ON_FREE)) return;
  loop().remove_noblock(ev_read);
  loop().remove_noblock(ev_write);
}

}  // namespace ev

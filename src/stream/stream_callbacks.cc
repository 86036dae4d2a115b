// How a stream talks to the program: at once, or deferred to the loop's own stack.
#include <cerrno>

#include "stream/stream.h"

namespace ev {
namespace {

// Trigger options share the bits of the creation options (BEV_TRIG_DEFER_CALLBACKS is
// BEV_OPT_DEFER_CALLBACKS).
static_assert(static_cast<int>(BEV_TRIG_DEFER_CALLBACKS) ==
              static_cast<int>(BEV_OPT_DEFER_CALLBACKS));

}  // namespace

void Stream::set_callbacks(bufferevent_data_cb read, bufferevent_data_cb write,
                           bufferevent_event_cb event, void* arg) {
  readcb = read;
  writecb = write;
  errorcb = event;
  cbarg = arg;
}

void Stream::trigger(short what, int options) {
  if ((what & EV_READ) != 0) deliver_read(options);
  if ((what & EV_WRITE) != 0 && !freed_) deliver_write(options);
}

bool Stream::defers(int options) const noexcept {
  return ((options_ | options) & BEV_OPT_DEFER_CALLBACKS) != 0;
}

void Stream::call_or_defer_read(int options) {
  if (input_.size() < wm_read.low && (options & BEV_TRIG_IGNORE_WATERMARKS) == 0) return;
  if (!defers(options)) return call_data(readcb);
  read_callback_pending_ = true;
  defer_callbacks();
}

void Stream::call_or_defer_write(int options) {
  if (output_.size() > wm_write.low && (options & BEV_TRIG_IGNORE_WATERMARKS) == 0) return;
  if (!defers(options)) return call_data(writecb);
  write_callback_pending_ = true;
  defer_callbacks();
}

// While a shutdown waits for the peer's end, bytes that nobody will read must not hold it up.
void Stream::discard_unwanted_input() {
  const bool discards = rare()->shutdown != nullptr && rare()->shutdown->discards_input();
  if (discards) input_.take_front(input_.size());
}

void Stream::trigger_event(short what, int options) { raise_event(what, options); }

void Stream::raise_event(short what, int options) {
  tell_event(what, options);
  if (!freed_) note_event(what);
}

void Stream::tell_event(short what, int options) {
  if (errorcb == nullptr) return;
  const int error = errno;
  if (!defers(options)) {
    call_event(errorcb, what, error);
    return;
  }
  pending_events_ = static_cast<short>(pending_events_ | what);
  pending_errno_ = static_cast<short>(error);
  defer_callbacks();
}

void Stream::fail(short what, int error, int options) {
  disable(directions_of(what));
  errno = error;
  raise_event(what, options);
}

void Stream::defer_callbacks() noexcept { schedule(loop(), deferred_); }

void Stream::run_deferred(event_callback*, void* self) {
  Stream& stream = *static_cast<Stream*>(self);
  stream.lock().lock();
  if (stream.is_dead()) {  // freed from another thread; this is the loop's thread, so nothing else
                           // runs
    stream.lock().unlock();
    stream.destroy();
    return;
  }
  const Hold hold(stream, std::adopt_lock);
  stream.run_pending_callbacks();
  if (stream.rare() != nullptr) stream.note_callbacks_ran();
}

// The order is a promise: the connection is there before its bytes are, and its end comes after
// them. If bytes have come meanwhile that are to be told in the next run, so have events that came
// meanwhile: another thread may go on while callbacks run without the lock.
void Stream::run_pending_callbacks() {
  if (!call_pending_events(BEV_EVENT_CONNECTED)) return;
  const short came_before = pending_events_;
  if (read_callback_pending_) {
    read_callback_pending_ = false;
    if (readcb != nullptr) call_data(readcb);
    if (freed_) return;
  }
  if (write_callback_pending_) {
    write_callback_pending_ = false;
    if (writecb != nullptr) call_data(writecb);
    if (freed_) return;
  }
  const short others = static_cast<short>(~BEV_EVENT_CONNECTED);
  call_pending_events(read_callback_pending_ ? came_before : others);
}

// False when the program freed us meanwhile.
bool Stream::call_pending_events(short which) {
  const short what = static_cast<short>(pending_events_ & which);
  if (what == 0) return true;
  pending_events_ = static_cast<short>(pending_events_ & ~which);
  if (errorcb != nullptr) call_event(errorcb, what, pending_errno_);
  return !freed_;
}

void Stream::call_data(bufferevent_data_cb callback) {
  call_user([this, callback, arg = cbarg] { callback(this, arg); });
}

void Stream::call_event(bufferevent_event_cb callback, short what, int error) {
  call_user([this, callback, what, error, arg = cbarg] {
    errno = error;  // for EVUTIL_SOCKET_ERROR() in the callback
    callback(this, what, arg);
  });
}

}  // namespace ev

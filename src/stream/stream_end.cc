// The ends of a stream: shutting down, hearing that everything has left, and a limit on what may
// wait to leave.
#include <cerrno>

#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {

bool Stream::shut_down(bool wait_for_peer, const timeval* timeout, bevel_shutdown_cb done,
                       void* arg) {
  StreamExtras& state = extras();
  if (state.shutdown != nullptr) {
    errno = EALREADY;
    return false;
  }
  state.shutdown = std::make_unique<Shutdown>(*this, wait_for_peer, timeout, done, arg);
  // What was written has to leave, whatever the program enabled.
  return enable(EV_WRITE);
}

void Stream::end_shutdown() noexcept {
  if (rare() != nullptr) rare()->shutdown.reset();
}

// Only for streams with extras. Each of the two may free the stream.
void Stream::note_output() {
  StreamExtras& state = *rare();
  if (state.is_over_limit && output_.size() <= state.output_limit) state.is_over_limit = false;
  if (!state.is_drained && is_drained()) {
    state.is_drained = true;
    if (state.on_drained != nullptr && !freed_) state.on_drained(this, state.on_drained_arg);
    if (freed_) return;
  }
  if (rare()->shutdown != nullptr) rare()->shutdown->step();
}

void Stream::note_event(short what) {
  if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_WRITING) == 0) ended_ = true;
  if (rare() != nullptr && rare()->shutdown != nullptr) rare()->shutdown->on_event(what);
}

void Stream::set_drain_callback(bevel_drain_cb callback, void* arg) {
  StreamExtras& state = extras();
  state.on_drained = callback;
  state.on_drained_arg = arg;
  state.is_drained = is_drained();
}

void Stream::set_output_limit(std::size_t bytes) {
  extras().output_limit = bytes;
  extras().is_over_limit = false;
}

bool Stream::output_has_room(std::size_t bytes) const noexcept {
  if (rare() == nullptr || rare()->output_limit == 0) return true;
  const std::size_t limit = rare()->output_limit;
  return output_.size() <= limit && bytes <= limit - output_.size();
}

// One event for each time the limit is hit; the next one only after the output was below it again.
void Stream::check_output_limit() {
  StreamExtras& state = *rare();
  if (state.output_limit == 0 || state.is_over_limit || output_.size() < state.output_limit) return;
  state.is_over_limit = true;
  errno = ENOBUFS;
  raise_event(BEVEL_EVENT_OUTPUT_LIMIT, BEV_TRIG_DEFER_CALLBACKS);
}

}  // namespace ev

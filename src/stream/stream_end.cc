// The ends of a stream: shutting down, hearing that everything has left, and a limit on what may
// wait to leave.
#include <algorithm>
#include <cerrno>

#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {

bool Stream::shut_down(bool wait_for_peer, const timeval* timeout, bevel_shutdown_cb done,
                       void* arg) {
  link_layers();
  StreamExtras& state = extras();
  if (state.shutdown != nullptr) {
    errno = EALREADY;
    return false;
  }
  state.shutdown = std::make_unique<Shutdown>(*this, wait_for_peer, timeout, done, arg);
  // What was written has to leave, whatever the program enabled.
  for (Stream* lower = underlying(); lower != nullptr; lower = lower->underlying()) {
    lower->enable(EV_WRITE);
  }
  return enable(EV_WRITE);
}

void Stream::leave_to_shutdown() noexcept { rare()->shutdown->adopt_stream(); }

void Stream::end_shutdown() noexcept {
  if (rare() != nullptr) rare()->shutdown.reset();
}

Shutdown* Stream::shutdown() const noexcept {
  return rare() != nullptr ? rare()->shutdown.get() : nullptr;
}

bool Stream::is_shut_down_by(const Shutdown& shutdown) const noexcept {
  return !is_freed() && this->shutdown() == &shutdown;
}

void Stream::end_shutdown_of(const void* arg) noexcept {
  if (shutdown() != nullptr && shutdown()->arg() == arg) end_shutdown();
}

// Only for streams with extras. Whoever waits goes on from the loop's stack: this may be the one of
// bufferevent_write(), or of another thread that took our bytes.
void Stream::note_output() {
  StreamExtras& state = *rare();
  if (state.drain_notice != nullptr) state.drain_notice->output_left();
  if (state.shutdown != nullptr) state.shutdown->step_soon();
  if (state.above == nullptr) return;
  // The layers above wait until nothing is left in this one, or until there is room.
  if (output_.empty()) state.above->output_progressed();
  state.above->on_progress_below();
}

void Stream::note_event(short what) {
  if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_WRITING) == 0) ended_ = true;
  if (shutdown() != nullptr) shutdown()->on_event(what);
}

void Stream::link_layers() {
  for (Stream* upper = this; Stream* lower = upper->underlying(); upper = lower) {
    lower->extras().above = upper;
  }
}

// In this layer and those above it.
template <class Call>
void Stream::for_each_shutdown_above(Call call) noexcept {
  for (Stream* layer = this; layer != nullptr;) {
    StreamExtras* state = layer->rare();
    if (state != nullptr && state->shutdown != nullptr) call(*state->shutdown);
    layer = state != nullptr ? state->above : nullptr;
  }
}

bool Stream::owes_callbacks() const noexcept {
  for (const Stream* layer = this; layer != nullptr; layer = layer->underlying()) {
    const bool owes = layer->read_callback_pending_ || layer->pending_events_ != 0;
    if (owes && !layer->freed_) return true;
  }
  return false;
}

void Stream::note_callbacks_ran() noexcept {
  for_each_shutdown_above([](Shutdown& shutdown) { shutdown.on_callbacks_ran(); });
}

void Stream::note_peer_gone() noexcept {
  ended_ = true;
  for_each_shutdown_above([](Shutdown& shutdown) { shutdown.step_soon(); });
}

void Stream::begin_anew() noexcept {
  forget_end();
  for_each_shutdown_above([](Shutdown& shutdown) { shutdown.end_soon(BEVEL_SHUTDOWN_ERROR); });
}

void Stream::set_drain_callback(bevel_drain_cb callback, void* arg) {
  const bool is_unknown = rare() == nullptr || rare()->drain_notice == nullptr;
  if (callback == nullptr && is_unknown) return;
  link_layers();
  StreamExtras& state = extras();
  if (state.drain_notice == nullptr) state.drain_notice = std::make_unique<DrainNotice>(*this);
  state.drain_notice->set(callback, arg);
}

void Stream::set_output_limit(std::size_t bytes) { extras().output_limit = bytes; }

bool Stream::output_has_room(std::size_t bytes) const noexcept {
  if (bytes == 0 || rare() == nullptr || rare()->output_limit == 0) return true;
  const std::size_t limit = rare()->output_limit;
  const std::size_t pending = pending_output();
  return pending <= limit && bytes <= limit - pending;
}

std::size_t Stream::pending_output() const noexcept {
  std::size_t sum = 0;
  for (const Stream* layer = this; layer != nullptr; layer = layer->underlying()) {
    sum += layer->output_.size() + layer->converted_output();
  }
  return sum;
}

// One event for each time the limit is hit, by what was just added.
void Stream::check_output_limit(std::size_t added) {
  const std::size_t limit = rare()->output_limit;
  if (limit == 0) return;
  const std::size_t pending = pending_output();
  const bool was_below = pending - std::min(pending, added) < limit;
  if (!was_below || pending < limit) return;
  errno = ENOBUFS;
  raise_event(BEVEL_EVENT_OUTPUT_LIMIT, BEV_TRIG_DEFER_CALLBACKS);
}

}  // namespace ev

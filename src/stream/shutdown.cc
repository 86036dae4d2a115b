#include "stream/shutdown.h"

#include "loop/event.h"
#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {
namespace {

bool is_no_time(const timeval& time) noexcept {
  return time.tv_sec < 0 || (time.tv_sec == 0 && time.tv_usec <= 0);
}

unsigned layers_below(const Stream& stream) noexcept {
  unsigned count = 0;
  const Stream* lower = stream.underlying();
  for (; lower != nullptr; lower = lower->underlying()) count++;
  return count;
}

}  // namespace

Shutdown::Shutdown(Stream& stream, bool wait_for_peer, const timeval* timeout,
                   bevel_shutdown_cb done, void* arg)
    : stream_(stream),
      done_(done),
      arg_(arg),
      wait_for_peer_(wait_for_peer),
      has_timeout_(timeout != nullptr) {
  step_.assign(run_step, &stream, static_cast<std::uint8_t>(stream.priority()));
  assign(timer_, &stream.loop(), -1, 0, on_timeout, &stream);
  if (timeout != nullptr) stream.loop().add(timer_, timeout);
  if (timeout != nullptr && is_no_time(*timeout)) turns_left_ = layers_below(stream);
  step_soon();
}

Shutdown::~Shutdown() {
  stream_.loop().remove_noblock(timer_);
  cancel(stream_.loop(), step_);
  disinherit(stream_.loop(), legacy_);
}

void Shutdown::adopt_stream() noexcept {
  legacy_.assign_release(free_stream, this);
  bequeath(stream_.loop(), legacy_);
}

void Shutdown::free_stream(event_callback*, void* self) {
  Stream& stream = static_cast<Shutdown*>(self)->stream_;
  stream.lock().lock();
  stream.free_and_unlock();
}

void Shutdown::step_soon() { schedule(stream_.loop(), step_); }

void Shutdown::run_step(event_callback*, void* stream) {
  Stream& ending = *static_cast<Stream*>(stream);
  from_loop(ending, [&] {
    if (Shutdown* shutdown = ending.shutdown()) shutdown->step();
  });
}

// May end this object, and so may what the stream does in it: a filter function that frees the
// stream on top, for which this one is shut down.
void Shutdown::step() {
  Stream& stream = stream_;
  if (stream.is_freed()) return;
  if (stage_ == Stage::over) return finish();
  if (stage_ == Stage::draining) {
    if (!stream.is_ready_to_end()) {
      if (stream.is_cut_off()) end(BEVEL_SHUTDOWN_ERROR);
      return;
    }
    stage_ = Stage::ending;
  }
  if (stage_ == Stage::ending) {
    const EndOutput ended = stream.end_output();
    if (!stream.is_shut_down_by(*this)) return;
    if (stage_ == Stage::over) return;  // meanwhile, and another step comes
    if (ended == EndOutput::in_progress) return;
    if (ended == EndOutput::failed) return end(BEVEL_SHUTDOWN_ERROR);
    if (!wait_for_peer_) return end(BEVEL_SHUTDOWN_CLEAN);
    begin_waiting();
    if (!stream.is_shut_down_by(*this)) return;
  }
  const bool is_over = stream.has_ended() || stream.is_abandoned();
  if (stage_ == Stage::waiting && is_over) end(BEVEL_SHUTDOWN_CLEAN);
}

// The same.
void Shutdown::begin_waiting() {
  Stream& stream = stream_;
  stage_ = Stage::waiting;
  if (stream.has_ended()) return;
  // The peer's end comes behind its last bytes, so they have to be read.
  if (stream.readcb == nullptr) stream.input->take_front(stream.input->size());
  stream.enable(EV_READ);
}

void Shutdown::on_event(short what) {
  if ((what & BEV_EVENT_EOF) != 0) {
    // The end of our reading is what we wait for; the end of our writing is a peer that takes no
    // more.
    if ((what & BEV_EVENT_WRITING) != 0) return end_soon(BEVEL_SHUTDOWN_ERROR);
    return step_soon();
  }
  if ((what & (BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) != 0) {
    end_soon((what & BEV_EVENT_TIMEOUT) != 0 ? BEVEL_SHUTDOWN_TIMEOUT : BEVEL_SHUTDOWN_ERROR);
  }
}

void Shutdown::on_callbacks_ran() {
  if (stage_ == Stage::over) step_soon();
}

// Behind the callbacks that tell the program why.
void Shutdown::end_soon(bevel_shutdown_outcome outcome) {
  if (stage_ == Stage::over) return;
  stage_ = Stage::over;
  outcome_ = outcome;
  step_soon();
}

void Shutdown::on_timeout(int, short, void* stream) {
  Stream& ending = *static_cast<Stream*>(stream);
  from_loop(ending, [&] {
    Shutdown* shutdown = ending.shutdown();
    if (shutdown == nullptr || ending.is_freed() || !shutdown->has_timed_out()) return;
    shutdown->time_out();
  });
}

// Without any time every layer still has a turn, in which it hands on what it holds.
void Shutdown::time_out() {
  if (turns_left_ == 0) return end_soon(BEVEL_SHUTDOWN_TIMEOUT);
  turns_left_--;
  constexpr timeval next_turn{0, 0};
  stream_.loop().add(timer_, &next_turn);
}

// It may have been the time of one before us.
bool Shutdown::has_timed_out() const noexcept {
  return has_timeout_ && !has_flag(timer_, EVLIST_TIMEOUT);
}

void Shutdown::end(bevel_shutdown_outcome outcome) {
  stage_ = Stage::over;
  outcome_ = outcome;
  finish();
}

// The program may free the stream now: what it is owed comes before that, and then the next step.
void Shutdown::finish() {
  Stream& stream = stream_;
  if (stream.owes_callbacks()) return;
  const bevel_shutdown_cb done = done_;
  const bevel_shutdown_outcome outcome = outcome_;
  void* arg = arg_;
  stream.end_shutdown();  // that was this object
  if (done != nullptr) stream.call_user([&] { done(&stream, outcome, arg); });
}

}  // namespace ev

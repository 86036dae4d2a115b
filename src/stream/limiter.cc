#include "stream/limiter.h"

#include "loop/event.h"
#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {

Limiter::Limiter(Stream& stream) : stream_(stream) {
  throttle_.emplace(*this);
  enter_loop();
}

Limiter::~Limiter() { retire(); }

void Limiter::retire() noexcept {
  throttle_.reset();
  leave_loop();
}

void Limiter::enter_loop() noexcept {
  assign(timer_, &stream_.loop(), -1, 0, on_timer, &stream_);
  resume_.assign(run_resume, &stream_, static_cast<std::uint8_t>(stream_.priority()));
  set_flag(timer_, fetch_ahead);
  set_flag(resume_.callback, fetch_ahead);
}

void Limiter::leave_loop() noexcept {
  stream_.loop().remove_noblock(timer_);
  cancel(stream_.loop(), resume_);
}

void Limiter::resume(Direction direction) {
  due_.fetch_or(static_cast<std::uint8_t>(1U << index_of(direction)));
  schedule(stream_.loop(), resume_);
}

void Limiter::arm(std::optional<TimePoint> when) { stream_.loop().set_timer(timer_, when); }

// In one go: a deferred call for each stream would cost as much again.
void Limiter::on_timer(int, short, void* limited) {
  Stream& stream = *static_cast<Stream*>(limited);
  from_loop(stream, [&] { go_on(stream, stream.throttle()->on_timer(stream.loop().now())); });
}

void Limiter::run_resume(event_callback*, void* limited) {
  Stream& stream = *static_cast<Stream*>(limited);
  from_loop(stream, [&] { go_on(stream, stream.limiter()->due_.exchange(0)); });
}

void Limiter::go_on(Stream& stream, unsigned due) {
  for (const Direction direction : both_directions) {
    if (stream.is_freed()) return;
    if ((due & (1U << index_of(direction))) != 0) stream.go_on(direction);
  }
}

}  // namespace ev

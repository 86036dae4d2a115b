#include "stream/timer_stream.h"

#include <cerrno>

#include "loop/event.h"
#include "stream/from_loop.h"

namespace ev {

TimerStream::TimerStream(Loop& loop, int options) : Stream(loop, options) {
  assign(ev_read, &loop, -1, EV_PERSIST, read_event, this);
  assign(ev_write, &loop, -1, EV_PERSIST, write_event, this);
}

void TimerStream::adjust_timeouts() {
  restart_read_timeout();
  restart_write_timeout();
  look_for_tokens();
}

void TimerStream::look_for_tokens() {
  if (throttle() == nullptr || !has_flag(ev_read, EVLIST_TIMEOUT)) return;
  if (allowance(Direction::read, std::size_t{1} << read_size_shift_) > 0) spend(Direction::read, 0);
}

// A timeout runs only while the stream would really move bytes.
void TimerStream::run_timer(event& timer, const timeval& timeout, bool is_moving) {
  if (is_moving && can_move() && timerisset(&timeout)) {
    loop().add(timer, &timeout);
  } else if (has_flag(timer, EVLIST_TIMEOUT)) {
    loop().remove_noblock(timer);
  }
}

void TimerStream::run_read_timer() { run_timer(ev_read, timeout_read, wants_read()); }

void TimerStream::run_write_timer() {
  run_timer(ev_write, timeout_write, connecting_ || (wants_write() && !output->empty()));
}

void TimerStream::read_event(int, short, void* self) {
  TimerStream& stream = *static_cast<TimerStream*>(self);
  from_loop(stream, [&] {
    if (stream.waits_for_debt(Direction::read)) return;
    stream.fail(BEV_EVENT_TIMEOUT | BEV_EVENT_READING, ETIMEDOUT);
  });
}

void TimerStream::write_event(int, short what, void* self) {
  TimerStream& stream = *static_cast<TimerStream*>(self);
  from_loop(stream, [&] {
    if (what != EV_TIMEOUT) return stream.on_flush();
    if (stream.connecting_) stream.give_up_connecting();
    stream.fail(BEV_EVENT_TIMEOUT | BEV_EVENT_WRITING, ETIMEDOUT);
  });
}

}  // namespace ev

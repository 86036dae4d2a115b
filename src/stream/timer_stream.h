// A stream without a descriptor: its two events are the timers of its timeouts, and ev_write also
// brings the work that was put off with Loop::flush_soon().
#pragma once

#include "loop/event.h"
#include "stream/stream.h"

namespace ev {

class TimerStream : public Stream {
 protected:
  TimerStream(Loop& loop, int options);

  void adjust_timeouts() override;
  // For when there is nothing more to read. While the limits would let no byte in, the time does
  // not count: we wait for tokens even so, as a socket does by trying. May suspend reading.
  void look_for_tokens();
  virtual void on_flush() {}
  // The time is over, and the program will be told.
  virtual void give_up_connecting() {}
  // False when no byte will come or go any more: then no timeout tells of it either.
  virtual bool can_move() const noexcept { return true; }
  // Bytes moved: the time begins anew.
  void restart_read_timeout() {
    if (may_run(ev_read, timeout_read)) run_read_timer();
  }
  void restart_write_timeout() {
    if (may_run(ev_write, timeout_write)) run_write_timer();
  }

 private:
  static bool may_run(const event& timer, const timeval& timeout) noexcept {
    return timerisset(&timeout) || has_flag(timer, EVLIST_TIMEOUT);
  }
  void run_timer(event& timer, const timeval& timeout, bool is_moving);
  void run_read_timer();
  void run_write_timer();
  static void read_event(int, short, void* self);
  static void write_event(int, short what, void* self);
};

}  // namespace ev

// A stream without a descriptor: its two events are the timers of its timeouts, and ev_write also
// brings the work that was put off with Loop::flush_soon().
#pragma once

#include "stream/stream.h"

namespace ev {

class TimerStream : public Stream {
 protected:
  TimerStream(Loop& loop, int options);

  void adjust_timeouts() override;
  virtual void on_flush() {}
  // Bytes moved: the time begins anew.
  void restart_read_timeout();
  void restart_write_timeout();

 private:
  static void read_event(int, short, void* self);
  static void write_event(int, short what, void* self);
};

}  // namespace ev

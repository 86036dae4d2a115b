// Ending a stream without losing a byte: drain the output, mark its end (a filter's trailer,
// close_notify, FIN) in this layer and those below, then wait for the peer's end. One object per
// stream that is being shut down, owned by it; each layer of a stack has its own and tells the one
// above.
#pragma once

#include <event2/bevel.h>
#include <event2/event_struct.h>

#include <cstdint>

#include "loop/deferred.h"
#include "sys/memory.h"

namespace ev {

class Stream;

// Everything happens on the loop's stack: what a step follows from may be on the program's own, or
// in another thread. The callback runs once and may free the stream.
class Shutdown : public Allocated {
 public:
  // `wait_for_peer`: it is over when the peer has ended too. Timeout null: no limit. Throws
  // std::bad_alloc.
  Shutdown(Stream& stream, bool wait_for_peer, const timeval* timeout, bevel_shutdown_cb done,
           void* arg);
  ~Shutdown();
  Shutdown(const Shutdown&) = delete;
  Shutdown& operator=(const Shutdown&) = delete;

  // The output shrank, the layer below finished, or the peer ended.
  void step_soon();
  // Deferred callbacks of the stream, or of one below it, have run.
  void on_callbacks_ran();
  // An event of the stream (BEV_EVENT_*).
  void on_event(short what);
  // Unless it is decided already.
  void end_soon(bevel_shutdown_outcome outcome);
  void forget_callback() noexcept { done_ = nullptr; }
  const void* arg() const noexcept { return arg_; }
  // Nobody but this object refers to the stream any more: if the loop is freed first, the stream goes
  // with it.
  void adopt_stream() noexcept;
  // Bytes arrive that nobody will read: they are dropped, as the kernel would drop them after
  // close().
  bool discards_input() const noexcept { return stage_ == Stage::waiting; }

 private:
  enum class Stage : std::uint8_t { draining, ending, waiting, over };

  void step();
  bool has_timed_out() const noexcept;
  void begin_waiting();
  void end(bevel_shutdown_outcome outcome);
  void finish();
  static void run_step(event_callback*, void* stream);
  static void on_timeout(int, short, void* stream);
  void time_out();
  static void free_stream(event_callback*, void* self);

  // The loop calls with the stream: another thread may have ended us before we have the lock.
  Stream& stream_;
  bevel_shutdown_cb done_;
  void* arg_;
  event timer_{};
  Deferred step_;
  Deferred legacy_;
  unsigned turns_left_ = 0;  // of those without any time
  Stage stage_ = Stage::draining;
  bevel_shutdown_outcome outcome_ = BEVEL_SHUTDOWN_CLEAN;
  bool wait_for_peer_;
  bool has_timeout_;
};

}  // namespace ev

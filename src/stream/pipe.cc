#include "stream/pipe.h"

#include <algorithm>
#include <cerrno>
#include <memory>
#include <utility>

#include "loop/deferred.h"
#include "stream/from_loop.h"
#include "stream/stream.h"
#include "sys/door.h"
#include "sys/raised.h"

namespace ev {
namespace {

// What may wait in one side's output before the other side's reading stops, and in the input of
// that one then: pairs hand over all that fits.
constexpr std::size_t most_waiting = 256 * 1024;

// Lives until both directions have ended, one side broke, or the program freed a side; keeps both
// streams in memory until then. The callbacks only note what happened: the work needs both streams
// and so both locks, which a thread that holds one of them must not wait for. Where there are no
// locks it is done at once.
class Pipe : public Allocated {
 public:
  Pipe(Stream& a, Stream& b, int flags, bevel_pipe_cb done, void* arg)
      : sides_{{*this, a}, {*this, b}},
        flags_(flags),
        done_(done),
        arg_(arg),
        has_locks_(a.lock() || b.lock()) {
    sides_[0].other = &sides_[1];
    sides_[1].other = &sides_[0];
    work_.assign_release(run_work, this);
  }

  // With both locks held. Throws std::bad_alloc before anything is changed.
  void begin() {
    for (Side& side : sides_) {
      side.stream.reserve_extras();
      side.stream.enable(EV_READ | EV_WRITE);
    }
    for (Side& side : sides_) {
      side.stream.retain();
      side.stream.set_callbacks(on_read, on_write, on_event, &side);
      side.stream.set_owner_of_callbacks(on_stream_gone, &side);
      // A low mark would keep bytes here.
      side.marks = side.stream.wm_read;
      side.stream.set_watermarks(EV_READ, 0, most_waiting);
      side.has_ended = side.stream.has_ended();
    }
    schedule(loop(), work_);
  }

 private:
  struct Side {
    Pipe& pipe;
    Stream& stream;
    Side* other = nullptr;
    event_watermark marks{};      // the program's, which it gets back
    bool has_ended = false;       // nothing more will be read
    bool is_passing_end = false;  // the end of this side is on its way out of the other one
    bool is_gone = false;         // the program freed it
  };

  Loop& loop() const noexcept { return sides_[0].stream.loop(); }

  void wake() {
    if (has_locks_) {
      schedule(loop(), work_);
    } else if (work()) {
      finish();
    }
  }

  static void on_read(bufferevent*, void* side) { static_cast<Side*>(side)->pipe.wake(); }
  static void on_write(bufferevent*, void* side) { static_cast<Side*>(side)->pipe.wake(); }

  static void on_event(bufferevent*, short what, void* arg) {
    Side& side = *static_cast<Side*>(arg);
    const int error = errno;
    if ((what & (BEV_EVENT_EOF | BEV_EVENT_ERROR | BEV_EVENT_TIMEOUT)) == 0) return;
    if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_WRITING) == 0) {
      side.has_ended = true;
    } else {
      side.pipe.error_ = error != 0 ? error : EPIPE;
    }
    side.pipe.wake();
  }

  static void on_end_passed(bufferevent*, bevel_shutdown_outcome outcome, void* arg) {
    Pipe& pipe = static_cast<Side*>(arg)->pipe;
    if (outcome == BEVEL_SHUTDOWN_CLEAN) {
      pipe.ends_passed_++;
    } else if (pipe.error_ == 0) {
      pipe.error_ = EPIPE;
    }
    pipe.wake();
  }

  static void on_stream_gone(void* arg) {
    Side& side = *static_cast<Side*>(arg);
    side.is_gone = true;
    side.pipe.wake();
  }

  static void run_work(event_callback*, void* self) {
    Pipe& pipe = *static_cast<Pipe*>(self);
    bool is_over = false;
    Stream& a = pipe.sides_[0].stream;
    Stream& b = pipe.sides_[1].stream;
    const bool in_order = a.lock().comes_before(b.lock());
    from_loop(in_order ? a : b, [&] {
      const Hold hold(in_order ? b : a);
      is_over = pipe.work();
    });
    if (is_over) pipe.finish();
  }

  // With both locks. True when the pipe is over. Moving bytes may call us back: then there is
  // another round.
  bool work() {
    if (is_working_) {
      again_ = true;
      return false;
    }
    const Raised working(is_working_);
    do {
      again_ = false;
      for (Side& side : sides_) {
        if (!is_over() && status([&] { pass_on(side); }) != 0) error_ = ENOMEM;
      }
    } while (again_ && !is_over());
    return is_over();
  }

  bool is_over() const noexcept {
    return error_ != 0 || ends_passed_ == 2 || sides_[0].is_gone || sides_[1].is_gone;
  }

  // Moves what one side has read to the other's output, as much as may wait there.
  static void pass_on(Side& from) {
    Stream& to = from.other->stream;
    evbuffer& input = *from.stream.input;
    const std::size_t room = most_waiting - std::min(to.output->size(), most_waiting);
    input.move_front_to(*to.output, std::min(input.size(), room));
    if (from.pipe.is_over()) return;
    if (is_stuck(from)) {
      from.pipe.error_ = EPIPE;
      return;
    }
    if (to.output->size() >= most_waiting) {
      from.stream.suspend_read(Suspend::backpressure);
    } else {
      from.stream.resume_read(Suspend::backpressure);
    }
    if (from.has_ended && input.empty()) pass_on_end(from);
  }

  // What waits in the other side's output never leaves, since nobody is there to take it, and all
  // that may still go the other way has gone.
  static bool is_stuck(const Side& from) noexcept {
    const Stream& to = from.other->stream;
    const bool is_alone = !from.other->has_ended || from.pipe.ends_passed_ > 0;
    return to.is_abandoned() && !to.output->empty() && is_alone;
  }

  static void pass_on_end(Side& from) {
    if (std::exchange(from.is_passing_end, true)) return;
    const bool begun = from.other->stream.shut_down(false, nullptr, on_end_passed, from.other);
    if (!begun) from.pipe.error_ = errno;
  }

  // Gives a stream back to the program, which may have set callbacks of its own meanwhile.
  static void let_go(Side& side) {
    Stream& stream = side.stream;
    const Hold hold(stream);
    stream.end_shutdown_of(&side);
    stream.set_owner_of_callbacks(nullptr, nullptr);
    if (stream.cbarg == &side) stream.set_callbacks(nullptr, nullptr, nullptr, nullptr);
    stream.resume_read(Suspend::backpressure);
    const event_watermark& now = stream.wm_read;
    if (now.low == 0 && now.high == most_waiting)
      stream.set_watermarks(EV_READ, side.marks.low, side.marks.high);
  }

  static void end(Stream& stream) {
    stream.lock().lock();
    if (stream.is_freed()) {
      stream.lock().unlock();
    } else {
      stream.free_and_unlock();
    }
  }

  static void release(Stream& stream) {
    stream.lock().lock();
    stream.release_and_unlock();
  }

  // Ends this object. The program is told without a lock of ours.
  void finish() {
    Stream& a = sides_[0].stream;
    Stream& b = sides_[1].stream;
    const std::unique_ptr<Pipe> self(this);
    for (Side& side : sides_) let_go(side);
    cancel(loop(), work_);
    if (!sides_[0].is_gone && !sides_[1].is_gone) {
      if (done_ != nullptr) done_(&a, &b, error_, arg_);
      if ((flags_ & BEVEL_PIPE_CLOSE_ON_END) != 0) {
        end(a);
        end(b);
      }
    }
    release(a);
    release(b);
  }

  Side sides_[2];
  const int flags_;
  const bevel_pipe_cb done_;
  void* const arg_;
  const bool has_locks_;
  Deferred work_;
  int ends_passed_ = 0;
  int error_ = 0;
  bool is_working_ = false;
  bool again_ = false;
};

}  // namespace

void splice(Stream& a, Stream& b, int flags, bevel_pipe_cb done, void* arg) {
  auto pipe = std::make_unique<Pipe>(a, b, flags, done, arg);
  pipe->begin();
  pipe.release();
}

}  // namespace ev

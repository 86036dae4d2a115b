#include "stream/pipe.h"

#include <cerrno>
#include <memory>

#include "stream/from_loop.h"
#include "stream/stream.h"

namespace ev {
namespace {

// What may wait in one side's output before the other side's reading stops.
constexpr std::size_t most_waiting = 256 * 1024;

// Lives until both directions have ended, one side broke, or the program took the callbacks back or
// freed a side.
class Pipe : public Allocated {
 public:
  Pipe(Stream& a, Stream& b, int flags, bevel_pipe_cb done, void* arg)
      : sides_{{*this, a}, {*this, b}}, flags_(flags), done_(done), arg_(arg) {
    sides_[0].other = &sides_[1];
    sides_[1].other = &sides_[0];
  }

  void begin() {
    for (Side& side : sides_) {
      side.stream.set_callbacks(on_read, on_write, on_event, &side);
      side.stream.set_owner_of_callbacks(on_stream_gone, &side);
    }
    for (Side& side : sides_) {
      side.stream.enable(EV_READ | EV_WRITE);
      pass_on(side);
    }
  }

 private:
  struct Side {
    Pipe& pipe;
    Stream& stream;
    Side* other = nullptr;
    bool has_ended = false;
  };

  // Moves what one side has read to the other's output.
  static void pass_on(Side& from) {
    Stream& to = from.other->stream;
    from.stream.input->move_front_to(*to.output, from.stream.input->size());
    if (to.output->size() >= most_waiting) from.stream.suspend_read(Suspend::backpressure);
  }

  static void on_read(bufferevent*, void* side) { pass_on(*static_cast<Side*>(side)); }

  static void on_write(bufferevent*, void* arg) {
    Side& side = *static_cast<Side*>(arg);
    if (side.stream.output->size() < most_waiting) {
      side.other->stream.resume_read(Suspend::backpressure);
    }
  }

  static void on_event(bufferevent*, short what, void* arg) {
    Side& side = *static_cast<Side*>(arg);
    const int error = errno;
    if ((what & BEV_EVENT_CONNECTED) != 0) return;
    if ((what & BEV_EVENT_EOF) != 0 && (what & BEV_EVENT_WRITING) == 0) {
      return side.pipe.pass_on_end(side);
    }
    side.pipe.finish(error != 0 ? error : EPIPE);
  }

  void pass_on_end(Side& from) {
    pass_on(from);
    from.has_ended = true;
    const bool begun = from.other->stream.shut_down(false, nullptr, on_end_passed, from.other);
    if (!begun) finish(errno);
  }

  static void on_end_passed(bufferevent*, bevel_shutdown_outcome outcome, void* arg) {
    Side& side = *static_cast<Side*>(arg);
    Pipe& pipe = side.pipe;
    if (outcome != BEVEL_SHUTDOWN_CLEAN) return pipe.finish(EPIPE);
    pipe.ends_passed_++;
    if (pipe.ends_passed_ == 2) pipe.finish(0);
  }

  // A side was freed under us: the other one is the program's again.
  static void on_stream_gone(void* arg) {
    Side& side = *static_cast<Side*>(arg);
    side.pipe.let_go(side.other->stream);
    delete &side.pipe;
  }

  static void let_go(Stream& stream) {
    stream.set_owner_of_callbacks(nullptr, nullptr);
    stream.set_callbacks(nullptr, nullptr, nullptr, nullptr);
    stream.resume_read(Suspend::backpressure);
  }

  void finish(int error) {
    const std::unique_ptr<Pipe> self(this);
    Stream& a = sides_[0].stream;
    Stream& b = sides_[1].stream;
    const Hold hold_a(a);
    const Hold hold_b(b);
    let_go(a);
    let_go(b);
    if (done_ != nullptr) done_(&a, &b, error, arg_);
    if ((flags_ & BEVEL_PIPE_CLOSE_ON_END) == 0) return;
    for (Stream* stream : {&a, &b}) {
      if (stream->is_freed()) continue;
      stream->lock().lock();
      stream->free_and_unlock();
    }
  }

  Side sides_[2];
  int flags_;
  bevel_pipe_cb done_;
  void* arg_;
  int ends_passed_ = 0;
};

}  // namespace

void splice(Stream& a, Stream& b, int flags, bevel_pipe_cb done, void* arg) {
  auto pipe = std::make_unique<Pipe>(a, b, flags, done, arg);
  a.reserve_extras();
  b.reserve_extras();
  pipe.release()->begin();
}

}  // namespace ev

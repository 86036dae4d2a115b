#include "stream/socket_stream.h"

#include <algorithm>

#include "stream/fd_stream.h"

namespace ev {
namespace {

// A read asks for 16 KiB at first and for up to 256 KiB after reads that were filled: bulk gets big
// reads, and a thousand small connections do not each touch 256 KiB of cold memory.
constexpr std::uint8_t smallest_read_shift = 14;
constexpr std::uint8_t largest_read_shift = 18;

class SocketStream final : public FdStream {
 public:
  SocketStream(Loop& loop, int fd, int options) : FdStream(loop, fd, options) {}

  bool start(short what) override {
    if (fd() < 0) return true;
    if ((what & EV_READ) != 0 && !wait_readable()) return false;
    if ((what & EV_WRITE) == 0) return true;
    if (is_connecting()) return wait_writable();
    // Also without output: the program is told once that it may write.
    if (!is_waiting_writable()) flush_soon();
    return true;
  }

 private:
  void on_readable() override {
    if (!wants_read()) {
      loop().remove_noblock(ev_read);
      return;
    }
    std::size_t left = left_this_turn(Direction::read);
    read_some(left);
    if (throttle() != nullptr) read_on(left);
  }

  // Bytes are probably waiting: asking for them costs no more than asking to be told.
  void unpause(short what) override {
    if ((what & EV_WRITE) != 0) start(EV_WRITE);
    if ((what & EV_READ) == 0) return;
    if (fd() >= 0 && !is_connecting()) read_on(left_this_turn(Direction::read));
    if (!is_freed() && wants_read()) start(EV_READ);
  }

  // A limited stream reads until it has to wait for tokens or for bytes. So one that has always
  // more to read goes from one portion of tokens to the next without ever being registered.
  void read_on(std::size_t left) {
    while (left > 0 && !is_freed() && fd() >= 0 && wants_read() && read_some(left)) {
    }
  }

  // Takes what it read off `left`. True when there is probably more. May free the stream.
  bool read_some(std::size_t& left) {
    const std::size_t size = std::size_t{1} << read_size_shift_;
    const std::size_t wanted = allowance(Direction::read, std::min({left, read_room(), size}));
    if (wanted == 0) return false;
    const IoResult got = input->read_from(fd(), wanted, wanted);
    const std::size_t count = got.ok() ? static_cast<std::size_t>(got.count) : 0;
    spend(Direction::read, count);
    count_this_turn(Direction::read, count);
    if (got.would_block()) return false;
    if (!got.ok()) {
      fail_io(BEV_EVENT_READING, got);
      return false;
    }
    left -= count;
    adapt_read_size(count, size);
    deliver_read();
    return count == wanted;
  }

  void on_writable() override {
    if (!wants_write()) {
      loop().remove_noblock(ev_write);
      return;
    }
    if (!output->empty() && !send()) return;
    if (!output->empty()) {
      if (wants_write() && !is_waiting_writable()) wait_writable();
    } else if (is_waiting_writable()) {
      loop().remove_noblock(ev_write);
    }
    deliver_write();
    if (!is_freed()) output_progressed();
  }

  // False when nothing left; the program may have been told why. A limited stream sends until it
  // has to wait for tokens or for room, so that it need not be registered meanwhile.
  bool send() {
    std::size_t left = left_this_turn(Direction::write);
    bool progressed = false;
    for (;;) {
      const std::size_t room = allowance(Direction::write, std::min(left, output->size()));
      if (room == 0) {
        if (left == 0 && !progressed) wait_writable();
        return progressed;
      }
      const IoResult sent = output->write_to(fd(), room);
      const std::size_t count = sent.ok() ? static_cast<std::size_t>(sent.count) : 0;
      spend(Direction::write, count);
      count_this_turn(Direction::write, count);
      if (sent.would_block()) {
        wait_writable();
        return progressed;
      }
      if (!sent.ok()) {
        fail_io(BEV_EVENT_WRITING, sent);
        return false;
      }
      progressed = true;
      left -= count;
      if (count < room || throttle() == nullptr) return true;
    }
  }

  EndOutput end_output() override { return shut_down_descriptor(); }

  void fail_io(short side, IoResult result) {
    const short what = result.end_of_stream() ? BEV_EVENT_EOF : BEV_EVENT_ERROR;
    fail(static_cast<short>(what | side), result.error);
  }

  void adapt_read_size(std::size_t got, std::size_t wanted) noexcept {
    if (got == wanted) {
      if (read_size_shift_ < largest_read_shift) read_size_shift_++;
    } else if (got < wanted / 8 && read_size_shift_ > smallest_read_shift) {
      read_size_shift_--;
    }
  }
};

}  // namespace

bufferevent* new_socket_stream(event_base& loop, int fd, int options) {
  return new SocketStream(loop, fd, options);
}

}  // namespace ev

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
    const std::size_t room = allowance(Direction::read, read_room());
    if (room == 0) return;
    const std::size_t wanted = std::min(room, std::size_t{1} << read_size_shift_);
    const IoResult got = input->read_from(fd(), room, wanted);
    spend(Direction::read, got.ok() ? static_cast<std::size_t>(got.count) : 0);
    if (got.would_block()) return;
    if (!got.ok()) return fail_io(BEV_EVENT_READING, got);
    adapt_read_size(static_cast<std::size_t>(got.count), wanted);
    deliver_read();
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

  // False when nothing left; the program may have been told why.
  bool send() {
    const std::size_t room =
        allowance(Direction::write, std::min(max_single_write(), output->size()));
    if (room == 0) return false;
    const IoResult sent = output->write_to(fd(), room);
    spend(Direction::write, sent.ok() ? static_cast<std::size_t>(sent.count) : 0);
    if (sent.ok()) return true;
    if (sent.would_block()) {
      wait_writable();
    } else {
      fail_io(BEV_EVENT_WRITING, sent);
    }
    return false;
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

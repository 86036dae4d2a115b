// Between buffers and descriptors: one system call per call, and never a SIGPIPE.
#include <signal.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "buffer/buffer.h"
#include "buffer/chain.h"
#include "buffer/file_segment.h"

using ev::Chain;
using ev::IoResult;

namespace {

constexpr int most_vectors = 128;
constexpr IoResult nothing_to_do = {-1, EAGAIN};

// Keeps SIGPIPE from this thread, for calls that have no MSG_NOSIGNAL.
class SigpipeBlock {
 public:
  SigpipeBlock() noexcept {
    sigemptyset(&sigpipe_);
    sigaddset(&sigpipe_, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &sigpipe_, &before_);
  }
  SigpipeBlock(const SigpipeBlock&) = delete;
  SigpipeBlock& operator=(const SigpipeBlock&) = delete;
  ~SigpipeBlock() {
    // A program that blocks SIGPIPE itself may keep it pending.
    if (sigismember(&before_, SIGPIPE) == 0) pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

  IoResult swallow(ssize_t returned) const noexcept {
    const IoResult result = IoResult::of(returned);
    if (result.error == EPIPE && sigismember(&before_, SIGPIPE) == 0) {
      const timespec at_once = {0, 0};
      sigtimedwait(&sigpipe_, nullptr, &at_once);
    }
    return result;
  }

 private:
  sigset_t sigpipe_;
  sigset_t before_;
};

IoResult write_quietly(int fd, const iovec* vectors, int count) noexcept {
  const SigpipeBlock block;
  return block.swallow(writev(fd, vectors, count));
}

ssize_t send_vectors(int fd, iovec* vectors, int count) noexcept {
  if (count == 1) return send(fd, vectors->iov_base, vectors->iov_len, MSG_NOSIGNAL);
  msghdr message{};
  message.msg_iov = vectors;
  message.msg_iovlen = static_cast<std::size_t>(count);
  return sendmsg(fd, &message, MSG_NOSIGNAL);
}

}  // namespace

// --- Reading ---

IoResult evbuffer::read(int fd, ssize_t most) {
  if (frozen(ev::End::back)) return {-1, EPERM};
  if (most == 0) return {0, 0};
  if (total_ == max_size) return {-1, EOVERFLOW};
  const std::size_t wanted = most < 0 ? max_read() : static_cast<std::size_t>(most);
  return read_from(fd, wanted, max_read());
}

IoResult evbuffer::read_from(int fd, std::size_t most, std::size_t read_size) {
  const std::size_t wanted = std::min({most, read_size, max_size - total_});
  if (wanted == 0) return nothing_to_do;
  Chain* chunk = Chain::make(wanted);
  const IoResult result = IoResult::of(receive(fd, chunk->memory, wanted));
  if (result.count <= 0) {
    chunk->release();
    return result;
  }
  take_in(*chunk, static_cast<std::size_t>(result.count));
  changed(static_cast<std::size_t>(result.count), 0);
  return result;
}

// recv() costs less than read(), but knows sockets only.
ssize_t evbuffer::receive(int fd, void* into, std::size_t most) noexcept {
  if (fd != plain_fd_) {
    const ssize_t got = recv(fd, into, most, 0);
    if (got >= 0 || errno != ENOTSOCK) return got;
    plain_fd_ = fd;  // see send_bytes()
  }
  return ::read(fd, into, most);
}

// A well filled chunk stays as it is. Less goes into room that is there, and little into a chain that
// fits; then the chunk stays hot for the next read. In between, copying would cost more than the
// memory is worth, most of which was never touched.
void evbuffer::take_in(Chain& chunk, std::size_t size) noexcept {
  if (2 * size < chunk.capacity && room() >= size) {
    std::copy_n(chunk.memory, size, last_->tail());
    add_to_tail(size);
    return chunk.release();
  }
  Chain* kept = &chunk;
  if (4 * size < chunk.capacity) kept = moved_to_smaller(chunk, size);
  kept->length = size;
  link_back(kept);
}

// The chunk itself when no smaller one is to be had.
Chain* evbuffer::moved_to_smaller(Chain& chunk, std::size_t size) noexcept {
  const std::size_t enough = grown(size, last_);
  if (ev::class_for(enough) >= chunk.size_class) return &chunk;
  Chain* copy = Chain::try_make(enough);
  if (copy == nullptr) return &chunk;
  std::copy_n(chunk.memory, size, copy->memory);
  chunk.release();
  return copy;
}

// --- Writing ---

IoResult evbuffer::write(int fd, ssize_t most) {
  if (frozen(ev::End::front)) return {-1, EPERM};
  if (most == 0 || empty()) return {-1, EINVAL};  // not EAGAIN: there is nothing to wait for
  return write_to(fd, most < 0 ? total_ : static_cast<std::size_t>(most));
}

IoResult evbuffer::write_to(int fd, std::size_t most) {
  const std::size_t wanted = std::min(most, total_);
  if (wanted == 0) return nothing_to_do;
  const IoResult result =
      first_->goes_by_sendfile() ? send_file(fd, wanted) : send_bytes(fd, wanted);
  if (result.count > 0) take_front(static_cast<std::size_t>(result.count));
  return result;
}

IoResult evbuffer::send_bytes(int fd, std::size_t most) noexcept {
  iovec vectors[most_vectors];
  int count = 0;
  for (Chain* chain = first_; most > 0 && count < most_vectors; chain = chain->next) {
    if (chain->goes_by_sendfile()) break;
    const std::size_t size = std::min(most, chain->length);
    vectors[count++] = {chain->data(), size};
    most -= size;
  }
  if (fd != plain_fd_) {
    const IoResult result = IoResult::of(send_vectors(fd, vectors, count));
    if (result.count >= 0 || result.error != ENOTSOCK) return result;
    // Remembered, to spare the next write this detour. When the number has become a socket's since,
    // only speed is lost.
    plain_fd_ = fd;
  }
  return write_quietly(fd, vectors, count);
}

IoResult evbuffer::send_file(int fd, std::size_t most) noexcept {
  Chain::FilePart& part = first_->payload.file;
  off_t position = part.segment->offset() + static_cast<off_t>(part.start + first_->offset);
  IoResult result;
  {
    const SigpipeBlock block;
    result =
        block.swallow(sendfile(fd, part.segment->fd(), &position, std::min(most, first_->length)));
  }
  // The file has become shorter: nobody can ever send these bytes.
  if (result.count == 0) return {-1, EIO};
  const bool cannot = result.error == EINVAL || result.error == ENOSYS ||
                      result.error == EOPNOTSUPP || result.error == EOVERFLOW;
  if (result.count > 0 || !cannot) return result;
  if (!first_->make_readable()) return {-1, errno};
  part.by_sendfile = false;
  return send_bytes(fd, most);
}

#include "loop/wakeup.h"

#include <sys/eventfd.h>

#include <cerrno>
#include <cstdint>

namespace ev {

bool Wakeup::open() noexcept {
  Fd made(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!made) return false;
  fd_ = std::move(made);
  rung_ = false;
  return true;
}

void Wakeup::ring() noexcept {
  if (rung_ || !fd_) return;
  rung_ = true;
  ring_from_signal(fd_.get());
}

void Wakeup::answer() noexcept {
  rung_ = false;
  std::uint64_t rings;
  // Nothing to read means that the ring was meant for an older descriptor.
  [[maybe_unused]] const ssize_t got = ::read(fd_.get(), &rings, sizeof rings);
}

void Wakeup::ring_from_signal(int fd) noexcept {
  const int saved = errno;
  const std::uint64_t one = 1;
  // A full counter refuses, but then the descriptor is readable as well.
  [[maybe_unused]] const ssize_t put = ::write(fd, &one, sizeof one);
  errno = saved;
}

}  // namespace ev

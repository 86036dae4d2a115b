// poll(2): for descriptors that epoll refuses, and kernels without it.
#include <poll.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <climits>
#include <vector>

#include "loop/backend/table.h"

namespace ev {
namespace {

class PollBackend final : public Backend {
 public:
  bool change(int fd, Interest before, Interest now) override;
  bool wait(std::optional<Duration> timeout, Lock& lock, ReadySink& sink) override;

 private:
  using PollFds = std::vector<pollfd, Allocator<pollfd>>;

  void add(int fd, short events);
  void remove(std::size_t place) noexcept;

  PollFds fds_;
  std::vector<int, Allocator<int>> places_;  // of each descriptor in fds_; -1: not there
  PollFds waiting_;                          // what poll() works on while other threads change fds_
};

short to_poll(Interest interest) noexcept {
  return static_cast<short>((any(interest & Interest::read) ? POLLIN : 0) |
                            (any(interest & Interest::write) ? POLLOUT : 0) |
                            (any(interest & Interest::closed) ? POLLRDHUP : 0));
}

// A descriptor that is invalid, broken or hung up wakes readers and writers: their next call tells.
Interest from_poll(short events) noexcept {
  Interest what = (events & POLLRDHUP) != 0 ? Interest::closed : Interest::none;
  if ((events & (POLLERR | POLLHUP | POLLNVAL)) != 0) events |= POLLIN | POLLOUT;
  if ((events & POLLIN) != 0) what = what | Interest::read;
  if ((events & POLLOUT) != 0) what = what | Interest::write;
  return what;
}

void PollBackend::add(int fd, short events) {
  if (static_cast<std::size_t>(fd) >= places_.size()) {
    places_.resize(std::bit_ceil(std::max<std::size_t>(static_cast<std::size_t>(fd) + 1, 64)), -1);
  }
  fds_.push_back({fd, events, 0});
  places_[static_cast<std::size_t>(fd)] = static_cast<int>(fds_.size()) - 1;
}

// The last one takes the place of the one that goes.
void PollBackend::remove(std::size_t place) noexcept {
  places_[static_cast<std::size_t>(fds_.back().fd)] = static_cast<int>(place);
  places_[static_cast<std::size_t>(fds_[place].fd)] = -1;
  fds_[place] = fds_.back();
  fds_.pop_back();
}

bool PollBackend::change(int fd, Interest, Interest now) {
  const auto index = static_cast<std::size_t>(fd);
  const int place = index < places_.size() ? places_[index] : -1;
  if (place < 0) {
    if (any(now)) add(fd, to_poll(now));
    return any(now);
  }
  if (any(now)) {
    fds_[static_cast<std::size_t>(place)].events = to_poll(now);
  } else {
    remove(static_cast<std::size_t>(place));
  }
  return true;
}

bool PollBackend::wait(std::optional<Duration> timeout, Lock& lock, ReadySink& sink) {
  waiting_ = fds_;
  const timespec span = to_timespec(timeout.value_or(Duration::zero()));
  lock.unlock();
  int count = ppoll(waiting_.data(), waiting_.size(), timeout ? &span : nullptr, nullptr);
  const int error = errno;
  lock.lock();
  if (count == -1) {
    errno = error;
    return error == EINTR;
  }
  for (const pollfd& one : waiting_) {
    if (count == 0) break;
    if (one.revents == 0) continue;
    count--;
    sink.ready(one.fd, from_poll(one.revents));
  }
  return true;
}

}  // namespace

std::unique_ptr<Backend> make_poll_backend() { return std::make_unique<PollBackend>(); }

}  // namespace ev

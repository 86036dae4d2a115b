// Level-triggered epoll, which keeps every registration in the kernel: a turn is one system call.
// Each registration carries the tag that its descriptor had when it was made, and the descriptor
// gets another one when it is registered anew or removed. So one whose file outlived its descriptor
// (dup(), fork()) is not taken for the file that has the number now. Neither is a late report: the
// kernel made it before another thread, which held the lock, changed or removed the descriptor.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <climits>
#include <vector>

#include "loop/backend/table.h"
#include "sys/fd.h"

namespace ev {
namespace {

constexpr int most_events = 512;  // per wait: a larger batch delays the callbacks of its end

std::uint32_t to_epoll(Interest interest) noexcept {
  std::uint32_t events = 0;
  if (any(interest & Interest::read)) events |= EPOLLIN;
  if (any(interest & Interest::write)) events |= EPOLLOUT;
  if (any(interest & Interest::closed)) events |= EPOLLRDHUP;
  if (any(interest & Interest::edge)) events |= EPOLLET;
  return events;
}

// An error or a hang-up wakes readers and writers: their next system call tells which it was.
Interest from_epoll(std::uint32_t events) noexcept {
  Interest what = (events & EPOLLRDHUP) != 0 ? Interest::closed : Interest::none;
  const bool hung_up = (events & EPOLLHUP) != 0 && (events & EPOLLRDHUP) == 0;
  if ((events & EPOLLERR) != 0 || hung_up) return what | Interest::read | Interest::write;
  if ((events & EPOLLIN) != 0) what = what | Interest::read;
  if ((events & EPOLLOUT) != 0) what = what | Interest::write;
  return what;
}

class EpollBackend final : public Backend {
 public:
  explicit EpollBackend(Fd epoll) noexcept : epoll_(std::move(epoll)) {}

  bool change(int fd, Interest before, Interest now) override;
  bool wait(std::optional<Duration> timeout, Lock& lock, ReadySink& sink) override;

 private:
  bool control(int operation, int fd, Interest interest) noexcept;
  bool register_anew(int fd, Interest interest);
  int wait_for_events(std::optional<Duration> timeout) noexcept;
  int wait_for_milliseconds(std::optional<Duration> timeout) noexcept;
  void report(const epoll_event& event, ReadySink& sink) const;

  struct Tag {
    std::uint32_t value = 0;
    std::uint32_t wait = 0;  // since when: the number of the wait that was the last to begin
  };
  Tag& tag(int fd) noexcept { return tags_[static_cast<std::size_t>(fd)]; }
  void change_tag(int fd) noexcept { tag(fd) = {tag(fd).value + 1, waits_}; }

  Fd epoll_;
  bool has_nanoseconds_ = true;  // epoll_pwait2() works
  std::vector<Tag, Allocator<Tag>> tags_;
  std::uint32_t waits_ = 0;  // begun
  std::array<epoll_event, most_events> events_;
};

bool EpollBackend::control(int operation, int fd, Interest interest) noexcept {
  epoll_event event{};
  event.events = to_epoll(interest);
  event.data.u64 = std::uint64_t{tag(fd).value} << 32 | static_cast<std::uint32_t>(fd);
  return epoll_ctl(epoll_.get(), operation, fd, &event) == 0;
}

bool EpollBackend::register_anew(int fd, Interest interest) {
  if (static_cast<std::size_t>(fd) >= tags_.size()) {
    tags_.resize((static_cast<std::size_t>(fd) / 64 + 1) * 64);
  }
  change_tag(fd);
  if (control(EPOLL_CTL_ADD, fd, interest)) return true;
  // It is there already: the file of an earlier number was duplicated onto this one.
  return errno == EEXIST && control(EPOLL_CTL_MOD, fd, interest);
}

bool EpollBackend::change(int fd, Interest before, Interest now) {
  if (!any(before)) return register_anew(fd, now);
  if (!any(now)) {
    change_tag(fd);  // also if the kernel refuses: what it cannot find may live on
    return control(EPOLL_CTL_DEL, fd, now);
  }
  if (control(EPOLL_CTL_MOD, fd, now)) return true;
  // The descriptor was closed, which ended its registration, and opened again.
  return errno == ENOENT && register_anew(fd, now);
}

int EpollBackend::wait_for_milliseconds(std::optional<Duration> timeout) noexcept {
  int milliseconds = -1;
  if (timeout) {
    const auto rounded_up = std::chrono::ceil<std::chrono::milliseconds>(*timeout).count();
    milliseconds = static_cast<int>(std::min<std::int64_t>(rounded_up, INT_MAX));
  }
  return epoll_wait(epoll_.get(), events_.data(), most_events, milliseconds);
}

int EpollBackend::wait_for_events(std::optional<Duration> timeout) noexcept {
  if (!has_nanoseconds_ || !timeout || *timeout == Duration::zero()) {
    return wait_for_milliseconds(timeout);
  }
  const timespec span = to_timespec(*timeout);
  const int count = epoll_pwait2(epoll_.get(), events_.data(), most_events, &span, nullptr);
  // EPERM: a filter of system calls that does not know this one.
  if (count != -1 || (errno != ENOSYS && errno != EPERM)) return count;
  has_nanoseconds_ = false;
  return wait_for_milliseconds(timeout);
}

// A tag that went during this very wait tells nothing: the report may be older than that. What is
// really still registered under it is reported again.
void EpollBackend::report(const epoll_event& event, ReadySink& sink) const {
  const auto fd = static_cast<std::uint32_t>(event.data.u64);
  const auto value = static_cast<std::uint32_t>(event.data.u64 >> 32);
  // A number that is unknown here comes from a forked process, which shares our kernel object.
  const Tag current = fd < tags_.size() ? tags_[fd] : Tag{};
  if (value == current.value) {
    sink.ready(static_cast<int>(fd), from_epoll(event.events));
  } else if (current.wait != waits_) {
    sink.haunted();
  }
}

bool EpollBackend::wait(std::optional<Duration> timeout, Lock& lock, ReadySink& sink) {
  waits_++;
  lock.unlock();
  const int count = wait_for_events(timeout);
  const int error = errno;
  lock.lock();
  if (count == -1) {
    errno = error;
    return error == EINTR;
  }
  for (int i = 0; i < count; i++) report(events_[static_cast<std::size_t>(i)], sink);
  return true;
}

}  // namespace

std::unique_ptr<Backend> make_epoll_backend() {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  if (!epoll) return nullptr;
  return std::make_unique<EpollBackend>(std::move(epoll));
}

}  // namespace ev

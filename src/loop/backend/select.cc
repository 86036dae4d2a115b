// select(2): the last resort. The sets are as large as the largest descriptor, not FD_SETSIZE.
#include <sys/select.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <vector>

#include "loop/backend/table.h"

namespace ev {
namespace {

// One bit per descriptor, laid out as the kernel expects.
class FdBits {
 public:
  void make_room(int fd) {
    const auto words = static_cast<std::size_t>(fd) / bits_per_word + 1;
    if (words > words_.size()) words_.resize(std::bit_ceil(words));
  }
  void set(int fd, bool on) noexcept {
    if (on) {
      word(fd) |= bit(fd);
    } else {
      word(fd) &= ~bit(fd);
    }
  }
  bool has(int fd) const noexcept {
    const auto index = static_cast<std::size_t>(fd) / bits_per_word;
    return index < words_.size() && (words_[index] & bit(fd)) != 0;
  }
  fd_set* raw() noexcept { return reinterpret_cast<fd_set*>(words_.data()); }

 private:
  using Word = unsigned long;
  static constexpr std::size_t bits_per_word = 8 * sizeof(Word);

  static Word bit(int fd) noexcept {
    return Word{1} << (static_cast<std::size_t>(fd) % bits_per_word);
  }
  Word& word(int fd) noexcept { return words_[static_cast<std::size_t>(fd) / bits_per_word]; }

  std::vector<Word, Allocator<Word>> words_;
};

class SelectBackend final : public Backend {
 public:
  bool change(int fd, Interest before, Interest now) override;
  bool wait(std::optional<Duration> timeout, Lock& lock, ReadySink& sink) override;

 private:
  void report(int highest, ReadySink& sink);
  void find_highest() noexcept;

  FdBits readers_, writers_;
  FdBits ready_readers_,
      ready_writers_;  // what select() works on while other threads change the others
  int highest_ = -1;   // descriptor in either set
};

bool SelectBackend::change(int fd, Interest, Interest now) {
  if (!any(now) && !readers_.has(fd) && !writers_.has(fd)) return false;
  readers_.make_room(fd);
  writers_.make_room(fd);
  readers_.set(fd, any(now & Interest::read));
  writers_.set(fd, any(now & Interest::write));
  if (any(now)) {
    highest_ = std::max(highest_, fd);
  } else if (fd == highest_) {
    find_highest();
  }
  return true;
}

void SelectBackend::find_highest() noexcept {
  while (highest_ >= 0 && !readers_.has(highest_) && !writers_.has(highest_)) highest_--;
}

bool SelectBackend::wait(std::optional<Duration> timeout, Lock& lock, ReadySink& sink) {
  ready_readers_ = readers_;
  ready_writers_ = writers_;
  const int highest = highest_;
  const timespec span = to_timespec(timeout.value_or(Duration::zero()));
  lock.unlock();
  const int count = pselect(highest + 1, ready_readers_.raw(), ready_writers_.raw(), nullptr,
                            timeout ? &span : nullptr, nullptr);
  const int error = errno;
  lock.lock();
  if (count == -1) {
    errno = error;
    return error == EINTR;
  }
  if (count > 0) report(highest, sink);
  return true;
}

void SelectBackend::report(int highest, ReadySink& sink) {
  for (int fd = 0; fd <= highest; fd++) {
    const Interest what = (ready_readers_.has(fd) ? Interest::read : Interest::none) |
                          (ready_writers_.has(fd) ? Interest::write : Interest::none);
    if (any(what)) sink.ready(fd, what);
  }
}

}  // namespace

std::unique_ptr<Backend> make_select_backend() { return std::make_unique<SelectBackend>(); }

}  // namespace ev

#include "buffer/file_segment.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <mutex>

#include "sys/log.h"

namespace {

// Below this, reading is cheaper than mapping, faulting and unmapping.
constexpr std::size_t worth_mapping = 64 * 1024;

bool is_plain_file(int fd) noexcept {
  struct stat status;
  return fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode));
}

// Touching a mapping behind the end of the file kills the process.
bool reaches_past_the_end(int fd, ev_off_t end) noexcept {
  struct stat status;
  return fstat(fd, &status) != 0 || (S_ISREG(status.st_mode) && end > status.st_size);
}

bool resolve_length(int fd, ev_off_t offset, ev_off_t& length) noexcept {
  if (length == -1) {
    struct stat status;
    if (fstat(fd, &status) != 0) return false;
    length = status.st_size > offset ? status.st_size - offset : 0;
  }
  const bool sane = offset >= 0 && length >= 0 && length <= EV_SSIZE_MAX - offset;
  if (!sane) errno = EINVAL;
  return sane;
}

// Asks the kernel even for no bytes at all: it knows what can be read at an offset, and pipes
// cannot.
bool read_exactly(int fd, std::byte* to, std::size_t size, ev_off_t offset) noexcept {
  for (;;) {
    const ssize_t got = pread(fd, to, size, offset);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    const auto count = static_cast<std::size_t>(got);
    if (count == size) return true;
    if (count == 0) {
      errno = EINVAL;  // the file is shorter than was asked for
      return false;
    }
    to += count;
    size -= count;
    offset += got;
  }
}

}  // namespace

evbuffer_file_segment* evbuffer_file_segment::make(int fd, ev_off_t offset, ev_off_t length,
                                                   unsigned flags) {
  if (!resolve_length(fd, offset, length)) return nullptr;
  struct Release {
    void operator()(evbuffer_file_segment* segment) const noexcept { delete segment; }
  };
  // The caller keeps its descriptor until we have succeeded.
  const unsigned until_made = flags & ~unsigned{EVBUF_FS_CLOSE_ON_FREE};
  std::unique_ptr<evbuffer_file_segment, Release> made(
      new evbuffer_file_segment(fd, offset, static_cast<std::size_t>(length), until_made));
  if ((flags & EVBUF_FS_DISABLE_LOCKING) == 0) made->lock_ = ev::Lock::make();
  if ((flags & EVBUF_FS_DISABLE_SENDFILE) == 0) {
    made->sendable_ = is_plain_file(fd);
  } else if (made->bytes() == nullptr) {
    return nullptr;
  }
  made->flags_ = flags;
  return made.release();
}

evbuffer_file_segment::~evbuffer_file_segment() {
  if (mapping_ != nullptr) {
    munmap(mapping_, mapping_size_);
  } else {
    ev::release(bytes_);
  }
  if ((flags_ & EVBUF_FS_CLOSE_ON_FREE) != 0 && fd_ >= 0 && ::close(fd_) != 0) {
    ev::log_errno(errno, "closing the file of a segment");
  }
}

void evbuffer_file_segment::release() noexcept {
  if (count_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // The callback gets a segment that it can still look at, with its file open.
  if (cleanup_ != nullptr) cleanup_(this, static_cast<int>(flags_), cleanup_argument_);
  delete this;
}

void evbuffer_file_segment::set_cleanup(evbuffer_file_segment_cleanup_cb callback,
                                        void* argument) noexcept {
  cleanup_ = callback;
  cleanup_argument_ = argument;
}

std::byte* evbuffer_file_segment::bytes() noexcept {
  std::lock_guard guard(lock_);
  if (bytes_ == nullptr) bytes_ = map();
  if (bytes_ == nullptr) bytes_ = read_all();
  return bytes_;
}

std::byte* evbuffer_file_segment::map() noexcept {
  if ((flags_ & EVBUF_FS_DISABLE_MMAP) != 0 || size_ < worth_mapping) return nullptr;
  if (reaches_past_the_end(fd_, offset_ + static_cast<ev_off_t>(size_))) return nullptr;
  const auto page = static_cast<ev_off_t>(sysconf(_SC_PAGESIZE));
  const ev_off_t lead = offset_ % page;
  const std::size_t whole = size_ + static_cast<std::size_t>(lead);
  // Private and writable: evbuffer_pullup() hands out pointers that programs write through.
  void* start = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd_,
                     offset_ - lead);
  if (start == MAP_FAILED) return nullptr;
  mapping_ = start;
  mapping_size_ = whole;
  return static_cast<std::byte*>(start) + lead;
}

std::byte* evbuffer_file_segment::read_all() noexcept {
  auto* bytes = static_cast<std::byte*>(ev::try_allocate(size_));
  if (bytes == nullptr || read_exactly(fd_, bytes, size_, offset_)) return bytes;
  ev::release(bytes);
  return nullptr;
}

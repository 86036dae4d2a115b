#include "sys/secure_random.h"

#include <sys/mman.h>
#include <sys/random.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "sys/log.h"

namespace ev {
namespace {

bool ask_kernel(void* memory, std::size_t size, unsigned flags) noexcept {
  auto* at = static_cast<char*>(memory);
  while (size > 0) {
    const ssize_t got = ::getrandom(at, size, flags);
    if (got < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    at += got;
    size -= static_cast<std::size_t>(got);
  }
  return true;
}

void ask_kernel_or_die(void* memory, std::size_t size) noexcept {
  if (!ask_kernel(memory, size, 0)) {
    log_fatal("no random bytes from the kernel: %s", std::strerror(errno));
  }
}

// Bytes of the kernel that this thread has not handed out yet. They are on a page that the kernel
// clears in a child process, so that parent and child never hand out the same bytes: all zero means
// empty.
class RandomPage {
 public:
  RandomPage() {
    void* memory = ::mmap(nullptr, sizeof(Content), PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return;
    if (::madvise(memory, sizeof(Content), MADV_WIPEONFORK) == 0) {
      content_ = static_cast<Content*>(memory);
    } else {
      ::munmap(memory, sizeof(Content));
    }
  }
  ~RandomPage() {
    if (content_ != nullptr) ::munmap(content_, sizeof(Content));
  }
  RandomPage(const RandomPage&) = delete;
  RandomPage& operator=(const RandomPage&) = delete;

  bool serves(std::size_t size) const noexcept { return content_ != nullptr && size <= most; }

  void take(void* memory, std::size_t size) noexcept {
    if (content_->left < size) {
      ask_kernel_or_die(content_->bytes, sizeof content_->bytes);
      content_->left = sizeof content_->bytes;
    }
    std::byte* from = content_->bytes + sizeof content_->bytes - content_->left;
    std::memcpy(memory, from, size);
    ::explicit_bzero(from, size);
    content_->left -= static_cast<std::uint32_t>(size);
  }

 private:
  // Larger requests gain nothing from the detour.
  static constexpr std::size_t most = 64;

  struct Content {
    std::uint32_t left;
    std::byte bytes[1024];
  };
  Content* content_ = nullptr;
};

}  // namespace

bool random_is_available() noexcept {
  std::byte probe;
  return ask_kernel(&probe, 1, GRND_NONBLOCK);
}

void fill_with_random(void* memory, std::size_t size) noexcept {
  thread_local RandomPage page;
  if (size == 0) return;
  if (page.serves(size)) {
    page.take(memory, size);
  } else {
    ask_kernel_or_die(memory, size);
  }
}

}  // namespace ev

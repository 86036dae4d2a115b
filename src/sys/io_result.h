// What a system call that moves bytes said, as a value: no errno after the fact.
#pragma once

#include <sys/types.h>

#include <cerrno>

namespace ev {

struct IoResult {
  ssize_t count = 0;  // bytes moved; 0 from a read is the end of the stream; -1: see error
  int error = 0;      // errno when count is -1

  bool ok() const noexcept { return count > 0; }
  bool end_of_stream() const noexcept { return count == 0; }
  bool would_block() const noexcept { return count < 0 && is_retry(error); }

  // Not an error: ask again when the kernel says that the descriptor is ready.
  static bool is_retry(int error) noexcept {
    return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
  }
  static IoResult of(ssize_t returned) noexcept { return {returned, returned < 0 ? errno : 0}; }
};

}  // namespace ev

// Options of a socket that rate limits ask for.
#pragma once

#include <cstddef>

namespace ev {

// Payload bytes of a full segment of the connection as the kernel knows it; 0: no TCP connection
// (errno).
std::size_t max_segment_size(int fd) noexcept;

// The kernel buffers and announces no more than this, above its own minimum. False: errno.
bool clamp_receive_window(int fd, std::size_t bytes) noexcept;

}  // namespace ev

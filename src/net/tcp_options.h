// Options of a socket that rate limits ask for.
#pragma once

#include <cstddef>

namespace ev {

// Payload bytes of a full segment of the connection as the kernel knows it; 0: no TCP connection
// (errno).
std::size_t max_segment_size(int fd) noexcept;

// The kernel buffers and announces no more than this, above its own minimum. False: errno.
bool clamp_receive_window(int fd, std::size_t bytes) noexcept;
// With a smaller one the kernel sends in fits and starts: on loopback, where a segment is 64 KiB, it
// reached a tenth of the rates that it was small for.
inline constexpr std::size_t least_receive_window = 32768;

}  // namespace ev

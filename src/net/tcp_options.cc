#include "net/tcp_options.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>

namespace ev {

std::size_t max_segment_size(int fd) noexcept {
  int size = 0;
  socklen_t length = sizeof size;
  if (getsockopt(fd, IPPROTO_TCP, TCP_MAXSEG, &size, &length) != 0) return 0;
  return static_cast<std::size_t>(std::max(size, 1));
}

bool clamp_receive_window(int fd, std::size_t bytes) noexcept {
  // The kernel keeps twice as much for its own bookkeeping.
  const int size = static_cast<int>(std::min<std::size_t>(bytes, INT_MAX / 2));
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) != 0) return false;
#ifdef TCP_WINDOW_CLAMP
  // Other kinds of sockets have no window, and need none.
  setsockopt(fd, IPPROTO_TCP, TCP_WINDOW_CLAMP, &size, sizeof size);
#endif
  return true;
}

}  // namespace ev

// A bufferevent on a socket (or a pipe, a tty: whatever read() and write() work on).
#pragma once

struct bufferevent;
struct event_base;

namespace ev {

// fd may be -1: set_fd() or connect() brings one. Throws std::bad_alloc.
bufferevent* new_socket_stream(event_base& loop, int fd, int options);

}  // namespace ev

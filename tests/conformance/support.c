#include "support.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

struct flag_name {
  int flag;
  const char* name;
};

static const char* join_names(int what, const struct flag_name* names) {
  static char slots[8][160];
  static unsigned next;
  char* out = slots[next++ % 8];
  out[0] = '\0';
  for (; names->name; ++names) {
    if (!(what & names->flag)) continue;
    if (out[0]) strcat(out, "|");
    strcat(out, names->name);
    what &= ~names->flag;
  }
  if (what) sprintf(out + strlen(out), "%s0x%x", out[0] ? "|" : "", (unsigned)what & 0xffffu);
  return out[0] ? out : "0";
}

const char* ev_names(short what) {
  static const struct flag_name names[] = {
      {EV_TIMEOUT, "TIMEOUT"},   {EV_READ, "READ"},       {EV_WRITE, "WRITE"},
      {EV_SIGNAL, "SIGNAL"},     {EV_PERSIST, "PERSIST"}, {EV_ET, "ET"},
      {EV_FINALIZE, "FINALIZE"}, {EV_CLOSED, "CLOSED"},   {0, NULL}};
  return join_names(what, names);
}

const char* bev_names(short what) {
  static const struct flag_name names[] = {{BEV_EVENT_CONNECTED, "CONNECTED"},
                                           {BEV_EVENT_EOF, "EOF"},
                                           {BEV_EVENT_ERROR, "ERROR"},
                                           {BEV_EVENT_TIMEOUT, "TIMEOUT"},
                                           {BEV_EVENT_READING, "READING"},
                                           {BEV_EVENT_WRITING, "WRITING"},
                                           {0, NULL}};
  return join_names(what, names);
}

const char* errno_name(int error) {
  switch (error) {
    case 0:
      return "0";
    case EAGAIN:
      return "EAGAIN";
    case EBADF:
      return "EBADF";
    case ECONNREFUSED:
      return "ECONNREFUSED";
    case ECONNRESET:
      return "ECONNRESET";
    case EEXIST:
      return "EEXIST";
    case EINPROGRESS:
      return "EINPROGRESS";
    case EINVAL:
      return "EINVAL";
    case ENOENT:
      return "ENOENT";
    case EPERM:
      return "EPERM";
    case EPIPE:
      return "EPIPE";
    default:
      return "other";
  }
}

void see_bytes(const char* label, const void* bytes, size_t length) {
  const unsigned char* p = bytes;
  char out[4 * 120 + 1];
  size_t i, used = 0;
  if (length > 120) {
    unsigned long sum = 0;
    for (i = 0; i < length; ++i) sum = (sum * 31 + p[i]) & 0xffffffffu;
    obs("%s = %zu bytes, sum %08lx", label, length, sum);
    return;
  }
  for (i = 0; i < length; ++i) {
    if (p[i] >= ' ' && p[i] < 127 && p[i] != '\\') {
      out[used++] = (char)p[i];
    } else {
      used += (size_t)sprintf(out + used, "\\x%02x", p[i]);
    }
  }
  out[used] = '\0';
  obs("%s = \"%s\"", label, out);
}

void see_content(const char* label, struct evbuffer* buffer) {
  size_t length = evbuffer_get_length(buffer);
  char* bytes = malloc(length + 1);
  if (evbuffer_copyout(buffer, bytes, length) != (ev_ssize_t)length) {
    obs("%s: not all of %zu bytes could be copied", label, length);
  } else {
    see_bytes(label, bytes, length);
  }
  free(bytes);
}

void fill_pattern(char* bytes, size_t length) {
  size_t i;
  for (i = 0; i < length; ++i) bytes[i] = (char)(i % 251);
}

struct evbuffer* patterned_buffer(size_t length) {
  struct evbuffer* buffer = evbuffer_new();
  char* bytes = malloc(length + 1);
  fill_pattern(bytes, length);
  evbuffer_add(buffer, bytes, length);
  free(bytes);
  return buffer;
}

struct evbuffer* chained_buffer(const char* first, ...) {
  struct evbuffer* buffer = evbuffer_new();
  const char* s;
  va_list ap;
  va_start(ap, first);
  for (s = first; s; s = va_arg(ap, const char*)) {
    evbuffer_add_reference(buffer, s, strlen(s), NULL, NULL);
  }
  va_end(ap);
  return buffer;
}

static void require(int ok, const char* what) {
  if (ok) return;
  obs("the system refused: %s", what);
  abort();
}

void unix_pair(evutil_socket_t ends[2]) {
  require(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0, "socketpair");
  evutil_make_socket_nonblocking(ends[0]);
  evutil_make_socket_nonblocking(ends[1]);
}

evutil_socket_t listening_socket(struct sockaddr_storage* address, int* length) {
  struct sockaddr_in sin;
  socklen_t size = sizeof(*address);
  evutil_socket_t fd = socket(AF_INET, SOCK_STREAM, 0);
  memset(&sin, 0, sizeof(sin));
  sin.sin_family = AF_INET;
  sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(fd >= 0 && bind(fd, (struct sockaddr*)&sin, sizeof(sin)) == 0 && listen(fd, 16) == 0,
          "listen");
  memset(address, 0, sizeof(*address));
  require(getsockname(fd, (struct sockaddr*)address, &size) == 0, "getsockname");
  *length = (int)size;
  return fd;
}

void refused_address(struct sockaddr_storage* address, int* length) {
  evutil_closesocket(listening_socket(address, length));
}

void tcp_pair(evutil_socket_t ends[2]) {
  struct sockaddr_storage address;
  int length;
  evutil_socket_t listener = listening_socket(&address, &length);
  ends[0] = socket(AF_INET, SOCK_STREAM, 0);
  require(connect(ends[0], (struct sockaddr*)&address, (socklen_t)length) == 0, "connect");
  ends[1] = accept(listener, NULL, NULL);
  require(ends[1] >= 0, "accept");
  evutil_closesocket(listener);
  evutil_make_socket_nonblocking(ends[0]);
  evutil_make_socket_nonblocking(ends[1]);
}

const struct timeval* msec(int milliseconds) {
  static struct timeval slots[8];
  static unsigned next;
  struct timeval* tv = &slots[next++ % 8];
  tv->tv_sec = milliseconds / 1000;
  tv->tv_usec = (milliseconds % 1000) * 1000;
  return tv;
}

void run_for(struct event_base* base, int milliseconds) {
  event_base_loopexit(base, msec(milliseconds));
  event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
}

/* Short turns instead of one long one: the condition is the case's, not the loop's. */
static void turn(struct event_base* base) { run_for(base, 2); }

enum { patience_turns = 2500 };

int run_until(struct event_base* base, const int* flag, int goal) {
  int i;
  for (i = 0; i < patience_turns && *flag < goal; ++i) turn(base);
  return *flag >= goal;
}

int run_until_length(struct event_base* base, struct evbuffer* buffer, size_t length) {
  int i;
  for (i = 0; i < patience_turns && evbuffer_get_length(buffer) < length; ++i) turn(base);
  return evbuffer_get_length(buffer) >= length;
}

void log_read(struct bufferevent* bev, void* name) {
  obs("%s: read callback, input %zu", (const char*)name,
      evbuffer_get_length(bufferevent_get_input(bev)));
}

void log_write(struct bufferevent* bev, void* name) {
  obs("%s: write callback, output %zu", (const char*)name,
      evbuffer_get_length(bufferevent_get_output(bev)));
}

void log_event(struct bufferevent* bev, short what, void* name) {
  obs("%s: event callback %s, enabled %s", (const char*)name, bev_names(what),
      ev_names(bufferevent_get_enabled(bev)));
}

// The functions of event2/util.h, in its order.
#include <event2/util.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "net/address.h"
#include "net/lookup.h"
#include "net/socket.h"
#include "sys/ascii.h"
#include "sys/date.h"
#include "sys/door.h"
#include "sys/log.h"
#include "sys/monotonic_timer.h"
#include "sys/secure_random.h"

namespace {

int refused(int error) {
  errno = error;
  return -1;
}

int logged(bool done, const char* change, int fd) {
  if (done) return 0;
  const int error = errno;
  ev::log_errno(error, "cannot change descriptor %d to %s", fd, change);
  return refused(error);
}

}  // namespace

int evutil_date_rfc1123(char* date, const size_t datelen, const struct tm* tm) {
  return ev::format_rfc1123(date, datelen, tm);
}

struct evutil_monotonic_timer* evutil_monotonic_timer_new(void) {
  return ev::made_or_null([] { return new evutil_monotonic_timer; });
}

void evutil_monotonic_timer_free(struct evutil_monotonic_timer* timer) { delete timer; }

int evutil_configure_monotonic_time(struct evutil_monotonic_timer* timer, int flags) {
  if (timer == nullptr) return refused(EINVAL);
  timer->configure(flags);
  return 0;
}

int evutil_gettime_monotonic(struct evutil_monotonic_timer* timer, struct timeval* tp) {
  if (timer == nullptr || tp == nullptr) return refused(EINVAL);
  *tp = timer->now();
  return 0;
}

int evutil_socketpair(int d, int type, int protocol, evutil_socket_t sv[2]) {
  return ev::status([=] { return ev::make_socket_pair(d, type, protocol, sv); });
}

int evutil_make_socket_nonblocking(evutil_socket_t sock) {
  return logged(ev::make_nonblocking(sock), "be non-blocking", sock);
}

int evutil_make_listen_socket_reuseable(evutil_socket_t sock) {
  return ev::status([=] { return ev::allow_address_reuse(sock); });
}

int evutil_make_listen_socket_reuseable_port(evutil_socket_t sock) {
  return ev::status([=] { return ev::allow_port_sharing(sock); });
}

int evutil_make_listen_socket_ipv6only(evutil_socket_t sock) {
  return ev::status([=] { return ev::set_ipv6_only(sock, true); });
}

int evutil_make_socket_closeonexec(evutil_socket_t sock) {
  return logged(ev::make_close_on_exec(sock), "be closed by exec", sock);
}

int evutil_make_tcp_listen_socket_deferred(evutil_socket_t sock) {
  return ev::status([=] { return ev::defer_accept(sock); });
}

int evutil_closesocket(evutil_socket_t sock) { return ::close(sock); }

ev_int64_t evutil_strtoll(const char* s, char** endptr, int base) {
  return std::strtoll(s, endptr, base);
}

int evutil_snprintf(char* buf, size_t buflen, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int length = evutil_vsnprintf(buf, buflen, format, arguments);
  va_end(arguments);
  return length;
}

// Unlike the C library's, it measures nothing when there is no room: 0.
int evutil_vsnprintf(char* buf, size_t buflen, const char* format, va_list ap) {
  if (buf == nullptr || buflen == 0) return 0;
  const int length = std::vsnprintf(buf, buflen, format, ap);
  if (length < 0) *buf = '\0';
  return length;
}

const char* evutil_inet_ntop(int af, const void* src, char* dst, size_t len) {
  return ev::format_ip(af, src, dst, len);
}

int evutil_inet_pton_scope(int af, const char* src, void* dst, unsigned* indexp) {
  unsigned zone = 0;
  int parsed = 0;
  if (af == AF_INET6 && src != nullptr && dst != nullptr) {
    in6_addr address;
    parsed = ev::parse_ipv6_with_zone(src, address, zone) ? 1 : 0;
    if (parsed == 1) std::memcpy(dst, &address, sizeof address);
  } else {
    parsed = evutil_inet_pton(af, src, dst);
  }
  if (indexp != nullptr) *indexp = zone;
  return parsed;
}

int evutil_inet_pton(int af, const char* src, void* dst) { return ev::parse_ip(af, src, dst); }

int evutil_parse_sockaddr_port(const char* str, struct sockaddr* out, int* outlen) {
  ev::SocketAddress address;
  if (out == nullptr || outlen == nullptr || !ev::parse_address(str, address)) return -1;
  const int needed = static_cast<int>(address.length);
  if (*outlen < needed) return -1;
  std::memcpy(out, address.get(), address.length);
  *outlen = needed;
  return 0;
}

int evutil_sockaddr_cmp(const struct sockaddr* sa1, const struct sockaddr* sa2, int include_port) {
  if (sa1 == nullptr || sa2 == nullptr) return (sa1 != nullptr) - (sa2 != nullptr);
  return ev::compare_addresses(*sa1, *sa2, include_port != 0);
}

int evutil_ascii_strcasecmp(const char* str1, const char* str2) {
  return ev::compare_ignoring_case(str1, str2);
}

int evutil_ascii_strncasecmp(const char* str1, const char* str2, size_t n) {
  return ev::compare_ignoring_case(str1, str2, n);
}

int evutil_getaddrinfo(const char* nodename, const char* servname,
                       const struct evutil_addrinfo* hints_in, struct evutil_addrinfo** res) {
  if (res == nullptr) {
    errno = EINVAL;
    return EVUTIL_EAI_SYSTEM;
  }
  return ev::look_up(nodename, servname, hints_in, *res);
}

void evutil_freeaddrinfo(struct evutil_addrinfo* ai) {
  if (ai != nullptr) ::freeaddrinfo(ai);
}

const char* evutil_gai_strerror(int err) { return ev::lookup_error_text(err); }

void evutil_secure_rng_get_bytes(void* buf, size_t n) { ev::fill_with_random(buf, n); }

int evutil_secure_rng_init(void) {
  return ev::status([] { return ev::random_is_available(); });
}

// The kernel's generator is asked directly: there is no device whose name could be changed.
int evutil_secure_rng_set_urandom_device_file(char*) { return refused(ENOSYS); }

// The kernel's generator needs no help, and taking bytes from elsewhere could only weaken it.
void evutil_secure_rng_add_bytes(const char*, size_t) {}

/* evutil: strings, numbers, sockets, time, random bytes. */
#include <errno.h>
#include <event2/event.h>
#include <event2/util.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "harness.h"
#include "support.h"

static int sign(int value) { return (value > 0) - (value < 0); }

static void case_insensitive_compare(void) {
  static const char* pairs[][2] = {{"abc", "ABC"},   {"abc", "abd"}, {"abd", "ABC"}, {"", ""},
                                   {"", "a"},        {"a", ""},      {"abc", "ab"},  {"[", "{"},
                                   {"\xe4", "\xc4"}, {"z", "_"},     {"Z", "_"},     {"\xff", "a"}};
  size_t i;
  for (i = 0; i < sizeof(pairs) / sizeof(pairs[0]); ++i) {
    obs("pair %zu: %d, 2 bytes %d, 0 bytes %d", i,
        sign(evutil_ascii_strcasecmp(pairs[i][0], pairs[i][1])),
        sign(evutil_ascii_strncasecmp(pairs[i][0], pairs[i][1], 2)),
        sign(evutil_ascii_strncasecmp(pairs[i][0], pairs[i][1], 0)));
  }
}

static void string_to_64_bit(void) {
  static const char* texts[] = {"0",
                                "42",
                                "-42",
                                "  7",
                                "0x1f",
                                "017",
                                "12abc",
                                "abc",
                                "",
                                "+5",
                                "9223372036854775807",
                                "9223372036854775808",
                                "-9223372036854775808",
                                "99999999999999999999"};
  static const int bases[] = {10, 0, 16, 8};
  size_t i, j;
  for (i = 0; i < sizeof(texts) / sizeof(texts[0]); ++i) {
    for (j = 0; j < sizeof(bases) / sizeof(bases[0]); ++j) {
      char* end = NULL;
      long long value = evutil_strtoll(texts[i], &end, bases[j]);
      obs("\"%s\" base %d: %lld, rest \"%s\"", texts[i], bases[j], value, end);
    }
  }
  SEE(evutil_strtoll("5", NULL, 10));
}

static int through_vsnprintf(char* out, size_t room, const char* format, ...) {
  va_list ap;
  int n;
  va_start(ap, format);
  n = evutil_vsnprintf(out, room, format, ap);
  va_end(ap);
  return n;
}

static void bounded_printf(void) {
  char out[8] = "#######";
  SEE(evutil_snprintf(out, sizeof(out), "%s", "abc"));
  SEE_STR(out);
  SEE(evutil_snprintf(out, sizeof(out), "%s", "0123456789"));
  SEE_STR(out);
  SEE(evutil_snprintf(out, 1, "%d", 42));
  SEE_STR(out);
  out[0] = '#';
  SEE(evutil_snprintf(out, 0, "%d", 42));
  SEE(out[0]);
  SEE(through_vsnprintf(out, sizeof(out), "%c%c%c%c%c%c%c%c", 1, 2, 3, 4, 5, 6, 7, 8));
  SEE(out[7]);
}

static void time_macros(void) {
  struct timeval a = {5, 600000}, b = {3, 700000}, r;
  evutil_timeradd(&a, &b, &r);
  obs("%ld.%06ld", (long)r.tv_sec, (long)r.tv_usec);
  evutil_timersub(&a, &b, &r);
  obs("%ld.%06ld", (long)r.tv_sec, (long)r.tv_usec);
  SEE(evutil_timercmp(&a, &b, >));
  SEE(evutil_timercmp(&a, &a, ==));
  SEE(evutil_timerisset(&a));
  evutil_timerclear(&a);
  SEE(evutil_timerisset(&a));
}

static void rfc1123_dates(void) {
  static const time_t times[] = {0, 784111777, 951782400, 1709164800, 2147483647};
  char out[64];
  size_t i;
  for (i = 0; i < sizeof(times) / sizeof(times[0]); ++i) {
    struct tm tm;
    gmtime_r(&times[i], &tm);
    obs("%d: %s", evutil_date_rfc1123(out, sizeof(out), &tm), out);
  }
  obs("of now: %d", evutil_date_rfc1123(out, sizeof(out), NULL));
}

static void rfc1123_needs_room(void) {
  char out[64] = "";
  struct tm tm;
  time_t zero = 0;
  gmtime_r(&zero, &tm);
  SEE(evutil_date_rfc1123(out, 30, &tm));
  SEE_STR(out);
  SEE(evutil_date_rfc1123(out, 10, &tm));
  SEE(strlen(out) < 10);
}

static void socket_pairs(void) {
  evutil_socket_t ends[2] = {-1, -1};
  char c = 0;
  SEE(evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
  SEE(write(ends[0], "x", 1));
  SEE(read(ends[1], &c, 1));
  SEE(c);
  SEE(evutil_closesocket(ends[0]));
  SEE(evutil_closesocket(ends[0]));
  SEE(evutil_socketpair(AF_UNIX, SOCK_DGRAM, 0, ends));
  SEE(evutil_socketpair(12345, SOCK_STREAM, 0, ends));
}

static void socket_pair_of(int family) {
  evutil_socket_t ends[2] = {-1, -1};
  char c = 0;
  SEE(evutil_socketpair(family, SOCK_STREAM, 0, ends));
  SEE(write(ends[0], "x", 1));
  SEE(read(ends[1], &c, 1));
}

static void socket_pair_over_loopback(void) { socket_pair_of(AF_INET); }

static void see_severity(int severity, const char* message) {
  (void)message;
  obs("logged with severity %d", severity);
}

static void make_nonblocking(void) {
  evutil_socket_t ends[2];
  evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  SEE((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
  SEE(evutil_make_socket_nonblocking(ends[0]));
  SEE(evutil_make_socket_nonblocking(ends[0]));
  SEE((fcntl(ends[0], F_GETFL) & O_NONBLOCK) != 0);
  event_set_log_callback(see_severity);
  SEE(evutil_make_socket_nonblocking(-1));
}

static void make_closeonexec(void) {
  evutil_socket_t ends[2];
  evutil_socketpair(AF_UNIX, SOCK_STREAM, 0, ends);
  SEE((fcntl(ends[0], F_GETFD) & FD_CLOEXEC) != 0);
  SEE(evutil_make_socket_closeonexec(ends[0]));
  SEE((fcntl(ends[0], F_GETFD) & FD_CLOEXEC) != 0);
  event_set_log_callback(see_severity);
  SEE(evutil_make_socket_closeonexec(-1));
}

static int option_of(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  getsockopt(fd, level, name, &value, &size);
  return value;
}

static void listen_socket_options(void) {
  int v4 = socket(AF_INET, SOCK_STREAM, 0), v6 = socket(AF_INET6, SOCK_STREAM, 0);
  SEE(evutil_make_listen_socket_reuseable(v4));
  SEE(option_of(v4, SOL_SOCKET, SO_REUSEADDR));
  SEE(evutil_make_listen_socket_reuseable_port(v4));
  SEE(option_of(v4, SOL_SOCKET, SO_REUSEPORT));
  SEE(evutil_make_tcp_listen_socket_deferred(v4));
  SEE(option_of(v4, IPPROTO_TCP, TCP_DEFER_ACCEPT) > 0);
  if (v6 >= 0) {
    SEE(evutil_make_listen_socket_ipv6only(v6));
    SEE(option_of(v6, IPPROTO_IPV6, IPV6_V6ONLY));
  }
  SEE(evutil_make_listen_socket_ipv6only(v4));
  SEE(evutil_make_listen_socket_reuseable(-1));
  SEE(evutil_make_listen_socket_reuseable_port(-1));
  SEE(evutil_make_tcp_listen_socket_deferred(-1));
  SEE(evutil_make_listen_socket_ipv6only(-1));
}

static void socket_error_macros(void) {
  evutil_socket_t fd = socket(AF_INET, SOCK_STREAM, 0);
  errno = EAGAIN;
  SEE(EVUTIL_SOCKET_ERROR() == EAGAIN);
  EVUTIL_SET_SOCKET_ERROR(EPIPE);
  SEE(errno == EPIPE);
  EVUTIL_SET_SOCKET_ERROR(EINVAL);
  SEE(fd >= 0 && evutil_socket_geterror(fd) == EINVAL);
  SEE_STR(evutil_socket_error_to_string(ENOENT));
}

static void random_bytes(void) {
  unsigned char a[64], b[64];
  size_t i, zeros = 0;
  SEE(evutil_secure_rng_init());
  memset(a, 0, sizeof(a));
  memset(b, 0, sizeof(b));
  evutil_secure_rng_get_bytes(a, sizeof(a));
  evutil_secure_rng_get_bytes(b, sizeof(b));
  SEE(memcmp(a, b, sizeof(a)) != 0);
  for (i = 0; i < sizeof(a); ++i) zeros += !a[i];
  SEE(zeros < 16);
  evutil_secure_rng_get_bytes(a, 0);
#ifdef EVENT__HAVE_ARC4RANDOM_ADDRANDOM
  evutil_secure_rng_add_bytes("seed", 4);
#endif
}

static void random_bytes_leave_neighbours_alone(void) {
  unsigned char a[32];
  memset(a, 0x55, sizeof(a));
  evutil_secure_rng_get_bytes(a + 8, 16);
  SEE(a[0] == 0x55 && a[7] == 0x55 && a[24] == 0x55 && a[31] == 0x55);
}

static void urandom_device_file(void) {
  SEE(evutil_secure_rng_set_urandom_device_file((char*)"/dev/urandom"));
  SEE(evutil_secure_rng_init());
}

static void monotonic_timers(void) {
  static const int flags[] = {0, EV_MONOT_PRECISE, EV_MONOT_FALLBACK,
                              EV_MONOT_PRECISE | EV_MONOT_FALLBACK};
  size_t i;
  for (i = 0; i < 4; ++i) {
    struct evutil_monotonic_timer* timer = evutil_monotonic_timer_new();
    struct timeval a, b;
    int made = evutil_configure_monotonic_time(timer, flags[i]);
    int first = evutil_gettime_monotonic(timer, &a), second;
    usleep(20000);
    second = evutil_gettime_monotonic(timer, &b);
    obs("flags %d: %d %d %d, goes on %d", flags[i], made, first, second,
        evutil_timercmp(&a, &b, <));
    evutil_monotonic_timer_free(timer);
  }
}

static void gettimeofday_macro(void) {
  struct timeval tv = {0, 0};
  SEE(evutil_gettimeofday(&tv, NULL));
  SEE(tv.tv_sec > 1000000000);
}

static void integer_types(void) {
  SEE(sizeof(ev_uint64_t) == 8 && sizeof(ev_int32_t) == 4 && sizeof(ev_uint16_t) == 2);
  SEE(sizeof(ev_ssize_t) == sizeof(size_t));
  SEE(EV_SSIZE_MAX > 0);
  SEE(EV_SIZE_MAX == (size_t)-1);
  SEE(EV_INT64_MAX);
  SEE(EV_INT32_MIN);
  SEE(EV_UINT16_MAX);
  SEE(evutil_offsetof(struct timeval, tv_usec) == sizeof(time_t));
}

static void gai_errors_have_words(void) {
  static const int errors[] = {EVUTIL_EAI_ADDRFAMILY,
                               EVUTIL_EAI_AGAIN,
                               EVUTIL_EAI_BADFLAGS,
                               EVUTIL_EAI_FAIL,
                               EVUTIL_EAI_FAMILY,
                               EVUTIL_EAI_MEMORY,
                               EVUTIL_EAI_NODATA,
                               EVUTIL_EAI_NONAME,
                               EVUTIL_EAI_SERVICE,
                               EVUTIL_EAI_SOCKTYPE,
                               EVUTIL_EAI_SYSTEM,
                               EVUTIL_EAI_CANCEL,
                               0,
                               123456};
  size_t i;
  for (i = 0; i < sizeof(errors) / sizeof(errors[0]); ++i) {
    const char* text = evutil_gai_strerror(errors[i]);
    obs("error %zu: %s", i, text && *text ? "words" : "nothing");
  }
}

const struct conf_case conf_cases[] = {
    CASE(case_insensitive_compare),
    CASE(string_to_64_bit),
    CASE(bounded_printf),
    CASE(time_macros),
    CASE(rfc1123_dates),
    CASE(rfc1123_needs_room),
    CASE(socket_pairs),
    EXCEPTION(socket_pair_over_loopback, "better: stock leaves it to the system, which refuses",
              "evutil_socketpair(family, SOCK_STREAM, 0, ends) = 0\n"
              "write(ends[0], \"x\", 1) = 1\n"
              "read(ends[1], &c, 1) = 1"),
    CASE(make_nonblocking),
    CASE(make_closeonexec),
    CASE(listen_socket_options),
    CASE(socket_error_macros),
    CASE(random_bytes),
    CASE(random_bytes_leave_neighbours_alone),
    CASE(urandom_device_file),
    CASE(monotonic_timers),
    CASE(gettimeofday_macro),
    CASE(integer_types),
    CASE(gai_errors_have_words),
    CASES_END};

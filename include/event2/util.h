#ifndef EVENT2_UTIL_H_INCLUDED_
#define EVENT2_UTIL_H_INCLUDED_

#include <errno.h>
#include <event2/event-config.h>
#include <event2/visibility.h>
#include <netdb.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ev_uint64_t uint64_t
#define ev_int64_t int64_t
#define ev_uint32_t uint32_t
#define ev_int32_t int32_t
#define ev_uint16_t uint16_t
#define ev_int16_t int16_t
#define ev_uint8_t uint8_t
#define ev_int8_t int8_t
#define ev_uintptr_t uintptr_t
#define ev_intptr_t intptr_t
#define ev_ssize_t ssize_t
#define ev_off_t ev_int64_t
#define ev_socklen_t socklen_t
#define evutil_socket_t int
#define EVUTIL_INVALID_SOCKET -1

#define EV_UINT64_MAX UINT64_MAX
#define EV_INT64_MAX INT64_MAX
#define EV_INT64_MIN INT64_MIN
#define EV_UINT32_MAX UINT32_MAX
#define EV_INT32_MAX INT32_MAX
#define EV_INT32_MIN INT32_MIN
#define EV_UINT16_MAX UINT16_MAX
#define EV_INT16_MAX INT16_MAX
#define EV_INT16_MIN INT16_MIN
#define EV_UINT8_MAX UINT8_MAX
#define EV_INT8_MAX INT8_MAX
#define EV_INT8_MIN INT8_MIN
#define EV_SIZE_MAX EV_UINT64_MAX
#define EV_SSIZE_MAX EV_INT64_MAX
#define EV_SSIZE_MIN ((-EV_SSIZE_MAX) - 1)

struct evutil_monotonic_timer;

#define EV_MONOT_PRECISE 1
#define EV_MONOT_FALLBACK 2

EVENT2_EXPORT_SYMBOL
int evutil_date_rfc1123(char* date, const size_t datelen, const struct tm* tm);

EVENT2_EXPORT_SYMBOL
struct evutil_monotonic_timer* evutil_monotonic_timer_new(void);

EVENT2_EXPORT_SYMBOL
void evutil_monotonic_timer_free(struct evutil_monotonic_timer* timer);

EVENT2_EXPORT_SYMBOL
int evutil_configure_monotonic_time(struct evutil_monotonic_timer* timer, int flags);

EVENT2_EXPORT_SYMBOL
int evutil_gettime_monotonic(struct evutil_monotonic_timer* timer, struct timeval* tp);

EVENT2_EXPORT_SYMBOL
int evutil_socketpair(int d, int type, int protocol, evutil_socket_t sv[2]);

EVENT2_EXPORT_SYMBOL
int evutil_make_socket_nonblocking(evutil_socket_t sock);

EVENT2_EXPORT_SYMBOL
int evutil_make_listen_socket_reuseable(evutil_socket_t sock);

EVENT2_EXPORT_SYMBOL
int evutil_make_listen_socket_reuseable_port(evutil_socket_t sock);

EVENT2_EXPORT_SYMBOL
int evutil_make_listen_socket_ipv6only(evutil_socket_t sock);

EVENT2_EXPORT_SYMBOL
int evutil_make_socket_closeonexec(evutil_socket_t sock);

EVENT2_EXPORT_SYMBOL
int evutil_make_tcp_listen_socket_deferred(evutil_socket_t sock);

EVENT2_EXPORT_SYMBOL
int evutil_closesocket(evutil_socket_t sock);

#define EVUTIL_CLOSESOCKET(s) evutil_closesocket(s)
#define EVUTIL_SOCKET_ERROR() (errno)
#define EVUTIL_SET_SOCKET_ERROR(errcode) \
  do {                                   \
    errno = (errcode);                   \
  } while (0)
#define evutil_socket_geterror(sock) (errno)
#define evutil_socket_error_to_string(errcode) (strerror(errcode))

#define evutil_timeradd(tvp, uvp, vvp)                \
  do {                                                \
    (vvp)->tv_sec = (tvp)->tv_sec + (uvp)->tv_sec;    \
    (vvp)->tv_usec = (tvp)->tv_usec + (uvp)->tv_usec; \
    if ((vvp)->tv_usec >= 1000000) {                  \
      (vvp)->tv_sec++;                                \
      (vvp)->tv_usec -= 1000000;                      \
    }                                                 \
  } while (0)
#define evutil_timersub(tvp, uvp, vvp)                \
  do {                                                \
    (vvp)->tv_sec = (tvp)->tv_sec - (uvp)->tv_sec;    \
    (vvp)->tv_usec = (tvp)->tv_usec - (uvp)->tv_usec; \
    if ((vvp)->tv_usec < 0) {                         \
      (vvp)->tv_sec--;                                \
      (vvp)->tv_usec += 1000000;                      \
    }                                                 \
  } while (0)
#define evutil_timerclear(tvp) ((tvp)->tv_sec = (tvp)->tv_usec = 0)
#define evutil_timerisset(tvp) ((tvp)->tv_sec || (tvp)->tv_usec)
#define evutil_timercmp(tvp, uvp, cmp)                                   \
  (((tvp)->tv_sec == (uvp)->tv_sec) ? ((tvp)->tv_usec cmp(uvp)->tv_usec) \
                                    : ((tvp)->tv_sec cmp(uvp)->tv_sec))
#define evutil_gettimeofday(tv, tz) gettimeofday((tv), (tz))
#define evutil_offsetof(type, field) offsetof(type, field)

EVENT2_EXPORT_SYMBOL
ev_int64_t evutil_strtoll(const char* s, char** endptr, int base);

EVENT2_EXPORT_SYMBOL
int evutil_snprintf(char* buf, size_t buflen, const char* format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

EVENT2_EXPORT_SYMBOL
int evutil_vsnprintf(char* buf, size_t buflen, const char* format, va_list ap)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 0)))
#endif
    ;

EVENT2_EXPORT_SYMBOL
const char* evutil_inet_ntop(int af, const void* src, char* dst, size_t len);

EVENT2_EXPORT_SYMBOL
int evutil_inet_pton_scope(int af, const char* src, void* dst, unsigned* indexp);

EVENT2_EXPORT_SYMBOL
int evutil_inet_pton(int af, const char* src, void* dst);

EVENT2_EXPORT_SYMBOL
int evutil_parse_sockaddr_port(const char* str, struct sockaddr* out, int* outlen);

EVENT2_EXPORT_SYMBOL
int evutil_sockaddr_cmp(const struct sockaddr* sa1, const struct sockaddr* sa2, int include_port);

EVENT2_EXPORT_SYMBOL
int evutil_ascii_strcasecmp(const char* str1, const char* str2);

EVENT2_EXPORT_SYMBOL
int evutil_ascii_strncasecmp(const char* str1, const char* str2, size_t n);

#define evutil_addrinfo addrinfo
struct evutil_addrinfo;

#define EVUTIL_EAI_BADFLAGS (-1)
#define EVUTIL_EAI_NONAME (-2)
#define EVUTIL_EAI_AGAIN (-3)
#define EVUTIL_EAI_FAIL (-4)
#define EVUTIL_EAI_NODATA (-5)
#define EVUTIL_EAI_FAMILY (-6)
#define EVUTIL_EAI_SOCKTYPE (-7)
#define EVUTIL_EAI_SERVICE (-8)
#define EVUTIL_EAI_ADDRFAMILY (-9)
#define EVUTIL_EAI_MEMORY (-10)
#define EVUTIL_EAI_SYSTEM (-11)
#define EVUTIL_EAI_CANCEL (-90001)

#define EVUTIL_AI_PASSIVE 0x0001
#define EVUTIL_AI_CANONNAME 0x0002
#define EVUTIL_AI_NUMERICHOST 0x0004
#define EVUTIL_AI_V4MAPPED 0x0008
#define EVUTIL_AI_ALL 0x0010
#define EVUTIL_AI_ADDRCONFIG 0x0020
#define EVUTIL_AI_NUMERICSERV 0x0400

EVENT2_EXPORT_SYMBOL
int evutil_getaddrinfo(const char* nodename, const char* servname,
                       const struct evutil_addrinfo* hints_in, struct evutil_addrinfo** res);

EVENT2_EXPORT_SYMBOL
void evutil_freeaddrinfo(struct evutil_addrinfo* ai);

EVENT2_EXPORT_SYMBOL
const char* evutil_gai_strerror(int err);

EVENT2_EXPORT_SYMBOL
void evutil_secure_rng_get_bytes(void* buf, size_t n);

EVENT2_EXPORT_SYMBOL
int evutil_secure_rng_init(void);

EVENT2_EXPORT_SYMBOL
int evutil_secure_rng_set_urandom_device_file(char* fname);

EVENT2_EXPORT_SYMBOL
void evutil_secure_rng_add_bytes(const char* dat, size_t datlen);

#ifdef __cplusplus
}
#endif

#endif

#ifndef EVENT2_UTIL_H_INCLUDED_
#define EVENT2_UTIL_H_INCLUDED_

/**
 * @file event2/util.h
 *
 * Types, limits and small functions that hide differences between systems. All functions here may
 * be called from every thread, and depend on no other object than their arguments.
 *
 * Conventions for results and pointers: see event2/event.h.
 */

/* First, as it says which names the headers of the system shall declare. clang-format off */
#include <event2/event-config.h>
/* clang-format on */
#include <errno.h>
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

/** @name Types of the interface, and their limits. Macros, since programs test them with #ifdef. */
/**@{*/
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
#define ev_off_t ev_int64_t    /**< a position in a file; 64 bits everywhere */
#define ev_socklen_t socklen_t /**< the size of a socket address */
#define evutil_socket_t int    /**< a socket, or another file descriptor */
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
/**@}*/

/** @name A clock that never goes back */
/**@{*/

/** A clock. One thread at a time. */
struct evutil_monotonic_timer;

#define EV_MONOT_PRECISE 1  /**< the finest clock, even if it takes longer to read */
#define EV_MONOT_FALLBACK 2 /**< for tests: the system's clock, held when it is set back */

/** Make a clock, to be configured before it is read. */
EVENT2_EXPORT_SYMBOL struct evutil_monotonic_timer* evutil_monotonic_timer_new(void);

/** Free a clock. NULL is ignored. */
EVENT2_EXPORT_SYMBOL void evutil_monotonic_timer_free(struct evutil_monotonic_timer* timer);

/**
 * Choose the source of a clock.
 *
 * @param flags EV_MONOT_* or 0
 */
EVENT2_EXPORT_SYMBOL int evutil_configure_monotonic_time(struct evutil_monotonic_timer* timer,
                                                         int flags);

/** Read a clock: the time since a point in the past that stays the same while the system runs. */
EVENT2_EXPORT_SYMBOL int evutil_gettime_monotonic(struct evutil_monotonic_timer* timer,
                                                  struct timeval* tp);
/**@}*/

/** @name Sockets. On failure EVUTIL_SOCKET_ERROR() tells why. */
/**@{*/

/**
 * Make two sockets that are connected to each other.
 *
 * @param d AF_UNIX; or AF_INET or AF_INET6 for a TCP connection over the loopback interface
 * @param type SOCK_STREAM; with AF_UNIX also the other types it has
 * @param protocol 0
 * @param sv receives the two sockets, which the caller closes
 */
EVENT2_EXPORT_SYMBOL int evutil_socketpair(int d, int type, int protocol, evutil_socket_t sv[2]);

/** Let reads and writes fail with EAGAIN instead of waiting. */
EVENT2_EXPORT_SYMBOL int evutil_make_socket_nonblocking(evutil_socket_t sock);

/** Close the socket in programs that this one executes. */
EVENT2_EXPORT_SYMBOL int evutil_make_socket_closeonexec(evutil_socket_t sock);

/** Let a server bind its port while old connections to it linger (SO_REUSEADDR). */
EVENT2_EXPORT_SYMBOL int evutil_make_listen_socket_reuseable(evutil_socket_t sock);

/** Let several sockets bind the same port and share its connections (SO_REUSEPORT). */
EVENT2_EXPORT_SYMBOL int evutil_make_listen_socket_reuseable_port(evutil_socket_t sock);

/** Let an IPv6 socket accept no IPv4 connections (IPV6_V6ONLY). Before it is bound. */
EVENT2_EXPORT_SYMBOL int evutil_make_listen_socket_ipv6only(evutil_socket_t sock);

/** Report a TCP connection only when its first data has arrived (TCP_DEFER_ACCEPT). */
EVENT2_EXPORT_SYMBOL int evutil_make_tcp_listen_socket_deferred(evutil_socket_t sock);

/** Close a socket. */
EVENT2_EXPORT_SYMBOL int evutil_closesocket(evutil_socket_t sock);
#define EVUTIL_CLOSESOCKET(s) evutil_closesocket(s)

/** The error of the last socket operation of this thread. */
#define EVUTIL_SOCKET_ERROR() (errno)
/** Set it. */
#define EVUTIL_SET_SOCKET_ERROR(errcode) \
  do {                                   \
    errno = (errcode);                   \
  } while (0)
/** The error of the last operation, where systems keep one per socket. */
#define evutil_socket_geterror(sock) (errno)
/** Such an error in words: a string that the next call may overwrite. */
#define evutil_socket_error_to_string(errcode) (strerror(errcode))
/**@}*/

/** @name Durations and points in time: pointers to struct timeval */
/**@{*/
#define evutil_timeradd(tvp, uvp, vvp)                \
  do {                                                \
    (vvp)->tv_sec = (tvp)->tv_sec + (uvp)->tv_sec;    \
    (vvp)->tv_usec = (tvp)->tv_usec + (uvp)->tv_usec; \
    if ((vvp)->tv_usec >= 1000000) {                  \
      (vvp)->tv_sec++;                                \
      (vvp)->tv_usec -= 1000000;                      \
    }                                                 \
  } while (0) /**< *vvp = *tvp + *uvp */
#define evutil_timersub(tvp, uvp, vvp)                \
  do {                                                \
    (vvp)->tv_sec = (tvp)->tv_sec - (uvp)->tv_sec;    \
    (vvp)->tv_usec = (tvp)->tv_usec - (uvp)->tv_usec; \
    if ((vvp)->tv_usec < 0) {                         \
      (vvp)->tv_sec--;                                \
      (vvp)->tv_usec += 1000000;                      \
    }                                                 \
  } while (0) /**< *vvp = *tvp - *uvp */
#define evutil_timerclear(tvp) ((tvp)->tv_sec = (tvp)->tv_usec = 0)
#define evutil_timerisset(tvp) ((tvp)->tv_sec || (tvp)->tv_usec)
/** Compare with any of the operators <, <=, ==, !=, >=, >: evutil_timercmp(&a, &b, <). */
#define evutil_timercmp(tvp, uvp, cmp)                                   \
  (((tvp)->tv_sec == (uvp)->tv_sec) ? ((tvp)->tv_usec cmp(uvp)->tv_usec) \
                                    : ((tvp)->tv_sec cmp(uvp)->tv_sec))
#define evutil_gettimeofday(tv, tz) gettimeofday((tv), (tz))

/**
 * Write a date as HTTP and mail do: "Sun, 22 Nov 2026 08:49:37 GMT", in English whatever the
 * locale is.
 *
 * @param datelen the size of date; 30 is enough for the years 0 to 9999
 * @param tm the time in UTC; NULL means now
 * @return the length of the complete text, which was cut off if that is not less than datelen; 0 if
 *   datelen is 0; -1 if tm_mon or tm_wday names none. The other fields are written as they are
 */
EVENT2_EXPORT_SYMBOL int evutil_date_rfc1123(char* date, const size_t datelen, const struct tm* tm);
/**@}*/

/** @name Strings and numbers */
/**@{*/

/** The offset of a member in a structure, in bytes. */
#define evutil_offsetof(type, field) offsetof(type, field)

/** strtoll(). */
EVENT2_EXPORT_SYMBOL ev_int64_t evutil_strtoll(const char* s, char** endptr, int base);

/**
 * snprintf() as C99 has it.
 *
 * @return the length of the complete text, which was cut off if that is not less than buflen; 0 if
 *   buflen is 0; -1 if the format cannot be converted
 */
EVENT2_EXPORT_SYMBOL int evutil_snprintf(char* buf, size_t buflen, const char* format, ...)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/** evutil_snprintf() with the arguments as va_list. */
EVENT2_EXPORT_SYMBOL int evutil_vsnprintf(char* buf, size_t buflen, const char* format, va_list ap)
#ifdef __GNUC__
    __attribute__((format(printf, 3, 0)))
#endif
    ;

/** strcasecmp() that knows the letters A to Z only, whatever the locale is. */
EVENT2_EXPORT_SYMBOL int evutil_ascii_strcasecmp(const char* str1, const char* str2);

/** evutil_ascii_strcasecmp() of the first n characters at most. */
EVENT2_EXPORT_SYMBOL int evutil_ascii_strncasecmp(const char* str1, const char* str2, size_t n);
/**@}*/

/** @name Addresses */
/**@{*/

/**
 * Write an IP address.
 *
 * @param af AF_INET or AF_INET6
 * @param src a struct in_addr or struct in6_addr
 * @param len the size of dst
 * @return dst; NULL if it is too small or the family unknown
 */
EVENT2_EXPORT_SYMBOL const char* evutil_inet_ntop(int af, const void* src, char* dst, size_t len);

/**
 * Read an IP address.
 *
 * @param dst receives a struct in_addr or struct in6_addr
 * @return 1 for success, 0 if the text is not an address of the family, -1 for an unknown family
 */
EVENT2_EXPORT_SYMBOL int evutil_inet_pton(int af, const char* src, void* dst);

/**
 * evutil_inet_pton() that allows an IPv6 address to end in "%" and an interface's name or number.
 *
 * @param indexp receives the interface's number, 0 if there was none
 */
EVENT2_EXPORT_SYMBOL int evutil_inet_pton_scope(int af, const char* src, void* dst,
                                                unsigned* indexp);

/**
 * Read an IP address that may have a port: "1.2.3.4:80", "1.2.3.4", "[2001:db8::1]:80",
 * "[2001:db8::1]" or "2001:db8::1". An IPv6 address may have a scope, as in "fe80::1%eth0". Names are
 * not resolved.
 *
 * @param out receives a struct sockaddr_in or sockaddr_in6; without a port its port is 0
 * @param outlen the size of out; receives the size of what was written
 * @return -1 if the text is none of these, the port is not 1 to 65535, or out is too small
 */
EVENT2_EXPORT_SYMBOL int evutil_parse_sockaddr_port(const char* str, struct sockaddr* out,
                                                    int* outlen);

/**
 * Compare two addresses, IPv4 or IPv6, in an order of no particular meaning.
 *
 * @param include_port whether the ports count
 * @return 0 if they are equal, else less or greater than 0
 */
EVENT2_EXPORT_SYMBOL int evutil_sockaddr_cmp(const struct sockaddr* sa1, const struct sockaddr* sa2,
                                             int include_port);

/** The list of addresses that evutil_getaddrinfo() makes: the system's own type. */
#define evutil_addrinfo addrinfo
struct evutil_addrinfo;

/* The system's values, as numbers because <netdb.h> hides some of the names from strict programs.
 */
#define EVUTIL_EAI_BADFLAGS (-1)   /**< the flags of the hints make no sense */
#define EVUTIL_EAI_NONAME (-2)     /**< there is no such name */
#define EVUTIL_EAI_AGAIN (-3)      /**< the name server does not answer now */
#define EVUTIL_EAI_FAIL (-4)       /**< the name server failed */
#define EVUTIL_EAI_NODATA (-5)     /**< the name has no address */
#define EVUTIL_EAI_FAMILY (-6)     /**< the family is not supported */
#define EVUTIL_EAI_SOCKTYPE (-7)   /**< the socket type is not supported */
#define EVUTIL_EAI_SERVICE (-8)    /**< there is no such service for the socket type */
#define EVUTIL_EAI_ADDRFAMILY (-9) /**< the name has no address of the family */
#define EVUTIL_EAI_MEMORY (-10)    /**< out of memory */
#define EVUTIL_EAI_SYSTEM (-11)    /**< see errno */
#define EVUTIL_EAI_CANCEL (-90001) /**< the request was cancelled */

#define EVUTIL_AI_PASSIVE 0x0001     /**< without a name, the address to listen on */
#define EVUTIL_AI_CANONNAME 0x0002   /**< fill in ai_canonname */
#define EVUTIL_AI_NUMERICHOST 0x0004 /**< the name is an address; do not resolve */
#define EVUTIL_AI_V4MAPPED 0x0008    /**< IPv4 addresses as IPv6 ones, if there is no other */
#define EVUTIL_AI_ALL 0x0010         /**< with V4MAPPED: both kinds */
#define EVUTIL_AI_ADDRCONFIG 0x0020  /**< only families this machine has an address of */
#define EVUTIL_AI_NUMERICSERV 0x0400 /**< the service is a number */

/**
 * getaddrinfo(): find the addresses of a host and a service. Waits for name servers, so it does not
 * belong in a callback; bufferevent_socket_connect_hostname() resolves without waiting.
 *
 * @param nodename a name or an address; NULL means this machine
 * @param servname a service or a port; NULL means none
 * @param hints_in what is wanted; NULL means everything
 * @param res receives a list for evutil_freeaddrinfo()
 * @return 0 or EVUTIL_EAI_*
 */
EVENT2_EXPORT_SYMBOL int evutil_getaddrinfo(const char* nodename, const char* servname,
                                            const struct evutil_addrinfo* hints_in,
                                            struct evutil_addrinfo** res);

/** Free a list of evutil_getaddrinfo(). */
EVENT2_EXPORT_SYMBOL void evutil_freeaddrinfo(struct evutil_addrinfo* ai);

/** EVUTIL_EAI_* in words: a static string. */
EVENT2_EXPORT_SYMBOL const char* evutil_gai_strerror(int err);
/**@}*/

/** @name Random numbers that cannot be guessed. The system seeds the generator. */
/**@{*/

/** Fill memory with random bytes. Ends the process if the system has none to give. */
EVENT2_EXPORT_SYMBOL void evutil_secure_rng_get_bytes(void* buf, size_t n);

/** Make sure that the generator works. Optional. @return -1 if there is no source of randomness */
EVENT2_EXPORT_SYMBOL int evutil_secure_rng_init(void);

/** Name another device than /dev/urandom. @return -1, since the system's generator needs none */
EVENT2_EXPORT_SYMBOL int evutil_secure_rng_set_urandom_device_file(char* fname);

/** Accepted and without effect: the system's generator needs no help. */
EVENT2_EXPORT_SYMBOL void evutil_secure_rng_add_bytes(const char* dat, size_t datlen);
/**@}*/

#ifdef __cplusplus
}
#endif

#endif

/* evutil: addresses as text, comparing them, getaddrinfo. */
#include <arpa/inet.h>
#include <event2/util.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "harness.h"
#include "support.h"

static const char* address_text(const struct sockaddr* sa) {
  static char out[128];
  char host[INET6_ADDRSTRLEN] = "";
  if (sa->sa_family == AF_INET) {
    const struct sockaddr_in* sin = (const void*)sa;
    inet_ntop(AF_INET, &sin->sin_addr, host, sizeof(host));
    snprintf(out, sizeof(out), "%s port %d", host, ntohs(sin->sin_port));
  } else if (sa->sa_family == AF_INET6) {
    const struct sockaddr_in6* sin6 = (const void*)sa;
    inet_ntop(AF_INET6, &sin6->sin6_addr, host, sizeof(host));
    snprintf(out, sizeof(out), "[%s] port %d", host, ntohs(sin6->sin6_port));
  } else {
    snprintf(out, sizeof(out), "family %d", sa->sa_family);
  }
  return out;
}

static void parse_all(const char* const* texts, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) {
    struct sockaddr_storage ss;
    int length = sizeof(ss), result;
    memset(&ss, 0, sizeof(ss));
    result = evutil_parse_sockaddr_port(texts[i], (struct sockaddr*)&ss, &length);
    if (result == 0) {
      obs("\"%s\": %s, length %d", texts[i], address_text((struct sockaddr*)&ss), length);
    } else {
      obs("\"%s\": %d", texts[i], result);
    }
  }
}

static void parse_good_addresses(void) {
  static const char* const texts[] = {"127.0.0.1",
                                      "127.0.0.1:80",
                                      "1.2.3.4:65535",
                                      "[::1]",
                                      "[::1]:80",
                                      "::1",
                                      "1:2::3",
                                      "::",
                                      "[ffff::1]:1000",
                                      "[1:2:3:4:5:6:7:8]",
                                      "255.255.255.255:1",
                                      "[::ffff:1.2.3.4]:5",
                                      "::1.2.3.4"};
  parse_all(texts, sizeof(texts) / sizeof(texts[0]));
}

static void parse_bad_addresses(void) {
  static const char* const texts[] = {"",
                                      "hello",
                                      "hello:80",
                                      "256.1.1.1",
                                      "1.2.3",
                                      "1.2.3.4:",
                                      "1.2.3.4:0",
                                      "1.2.3.4:65536",
                                      "1.2.3.4:x",
                                      "1.2.3.4:-1",
                                      "[::1",
                                      "[::1]:",
                                      "[::1]:0",
                                      "[::1]:65536",
                                      "[]",
                                      "[]:80",
                                      "[1.2.3.4]:80",
                                      "::1:80:x",
                                      ":80",
                                      ":",
                                      "1.2.3.4.5",
                                      "1.2.3.4 ",
                                      "[[::1]]:5",
                                      "1:2:3:4:5:6:7:8:9",
                                      "0x7f.1",
                                      "[::g]"};
  parse_all(texts, sizeof(texts) / sizeof(texts[0]));
}

static void parse_refuses_what_surrounds_an_address(void) {
  static const char* const texts[] = {"[::1]80", " 1.2.3.4", "[::1]:80x", "1.2.3.4:80x"};
  parse_all(texts, sizeof(texts) / sizeof(texts[0]));
}

static void parse_very_long_text(void) {
  char text[600];
  const char* p = text;
  memset(text, '1', sizeof(text));
  text[0] = '[';
  text[sizeof(text) - 2] = ']';
  text[sizeof(text) - 1] = '\0';
  {
    struct sockaddr_storage ss;
    int length = sizeof(ss);
    SEE(evutil_parse_sockaddr_port(p, (struct sockaddr*)&ss, &length));
    text[0] = '1';
    SEE(evutil_parse_sockaddr_port(p, (struct sockaddr*)&ss, &length));
  }
}

static void parse_into_too_little_room(void) {
  struct sockaddr_storage ss;
  int length = (int)sizeof(struct sockaddr_in) - 1;
  SEE(evutil_parse_sockaddr_port("1.2.3.4:80", (struct sockaddr*)&ss, &length));
  length = sizeof(struct sockaddr_in);
  SEE(evutil_parse_sockaddr_port("1.2.3.4:80", (struct sockaddr*)&ss, &length));
  SEE(evutil_parse_sockaddr_port("[::1]:80", (struct sockaddr*)&ss, &length));
}

static void text_to_ipv4(void) {
  static const char* texts[] = {"1.2.3.4",  "0.0.0.0",   "255.255.255.255", "256.0.0.1",
                                "1.2.3",    "1.2.3.4.5", "a.b.c.d",         "",
                                "1.2.3.4x", "1..2.3",    "-1.2.3.4",        "1.2.3.999"};
  size_t i;
  for (i = 0; i < sizeof(texts) / sizeof(texts[0]); ++i) {
    unsigned char a[4] = {0, 0, 0, 0};
    int result = evutil_inet_pton(AF_INET, texts[i], a);
    if (result == 1) {
      obs("\"%s\": %d.%d.%d.%d", texts[i], a[0], a[1], a[2], a[3]);
    } else {
      obs("\"%s\": %d", texts[i], result);
    }
  }
}

static void text_to_ipv4_is_strict(void) {
  unsigned char a[4];
  SEE(evutil_inet_pton(AF_INET, " 1.2.3.4", a));
  SEE(evutil_inet_pton(AF_INET, "01.02.03.04", a));
}

static void text_to_ipv6(void) {
  static const char* texts[] = {"::",
                                "::1",
                                "1::",
                                "1:2:3:4:5:6:7:8",
                                "1::8",
                                "::ffff:1.2.3.4",
                                "1:2:3:4:5:6:1.2.3.4",
                                "abcd:EF01::",
                                "1:2",
                                ":1",
                                "1:::2",
                                "1::2::3",
                                "12345::",
                                "g::",
                                "",
                                "1:2:3:4:5:6:7:8:9",
                                "::1.2.3",
                                "1.2.3.4",
                                ":::",
                                "1:2:3:4:5:6:7:",
                                "::1 ",
                                "fe80::1%lo"};
  size_t i;
  for (i = 0; i < sizeof(texts) / sizeof(texts[0]); ++i) {
    unsigned char a[16];
    char out[64] = "";
    int result = evutil_inet_pton(AF_INET6, texts[i], a);
    if (result == 1) evutil_inet_ntop(AF_INET6, a, out, sizeof(out));
    obs("\"%s\": %d %s", texts[i], result, out);
  }
}

static void text_to_unknown_family(void) {
  unsigned char a[16];
  SEE(evutil_inet_pton(AF_UNIX, "1.2.3.4", a));
  SEE_NULL(evutil_inet_ntop(AF_UNIX, a, (char*)a, sizeof(a)));
}

static void scoped_addresses(void) {
  static const char* texts[] = {"fe80::1%lo",       "fe80::1%1",     "fe80::1",
                                "fe80::1%nosuchif", "fe80::1%99999", "::1%lo"};
  size_t i;
  for (i = 0; i < sizeof(texts) / sizeof(texts[0]); ++i) {
    struct in6_addr a;
    unsigned scope = 77;
    char out[64] = "";
    int result = evutil_inet_pton_scope(AF_INET6, texts[i], &a, &scope);
    if (result == 1) evutil_inet_ntop(AF_INET6, &a, out, sizeof(out));
    obs("\"%s\": %d %s scope %u", texts[i], result, out, scope);
  }
}

static void scope_must_not_be_empty(void) {
  struct in6_addr a;
  unsigned scope = 77;
  SEE(evutil_inet_pton_scope(AF_INET6, "fe80::1%", &a, &scope));
}

static void ipv4_with_scope_function(void) {
  unsigned char a[4];
  unsigned scope = 77;
  SEE(evutil_inet_pton_scope(AF_INET, "1.2.3.4", a, &scope));
  SEE(scope);
}

static void addresses_to_text(void) {
  static const unsigned char v6[][16] = {{0},
                                         {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1},
                                         {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1},
                                         {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4},
                                         {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4},
                                         {0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0},
                                         {0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},
                                         {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}};
  static const unsigned char v4[4] = {192, 168, 0, 255};
  char out[64];
  size_t i;
  for (i = 0; i < sizeof(v6) / sizeof(v6[0]); ++i) {
    SEE_STR(evutil_inet_ntop(AF_INET6, v6[i], out, sizeof(out)));
  }
  SEE_STR(evutil_inet_ntop(AF_INET, v4, out, sizeof(out)));
  SEE_STR(evutil_inet_ntop(AF_INET, v4, out, 14));
  SEE_NULL(evutil_inet_ntop(AF_INET, v4, out, 13));
  SEE_NULL(evutil_inet_ntop(AF_INET6, v6[7], out, 10));
}

static int sign(int value) { return (value > 0) - (value < 0); }

static struct sockaddr_storage parsed(const char* text) {
  struct sockaddr_storage ss;
  int length = sizeof(ss);
  memset(&ss, 0, sizeof(ss));
  evutil_parse_sockaddr_port(text, (struct sockaddr*)&ss, &length);
  return ss;
}

static void comparing_addresses(void) {
  static const char* texts[] = {"1.2.3.4:80", "1.2.3.4:81", "1.2.3.5:80",   "[::1]:80", "[::1]:81",
                                "[::2]:80",   "[::1]:256",  "200.2.3.4:80", "4.3.2.1:1"};
  const size_t count = sizeof(texts) / sizeof(texts[0]);
  size_t i, j;
  for (i = 0; i < count; ++i) {
    for (j = 0; j < count; ++j) {
      struct sockaddr_storage a = parsed(texts[i]), b = parsed(texts[j]);
      int with = evutil_sockaddr_cmp((struct sockaddr*)&a, (struct sockaddr*)&b, 1);
      int without = evutil_sockaddr_cmp((struct sockaddr*)&a, (struct sockaddr*)&b, 0);
      int back = evutil_sockaddr_cmp((struct sockaddr*)&b, (struct sockaddr*)&a, 1);
      obs("%s and %s: %d, %d without port, antisymmetric %d", texts[i], texts[j], sign(with),
          sign(without), sign(with) == -sign(back));
    }
  }
}

static void see_answers(const char* label, int result, struct evutil_addrinfo* answers) {
  struct evutil_addrinfo* ai;
  obs("%s: %d", label, result);
  if (result != 0) return;
  for (ai = answers; ai; ai = ai->ai_next) {
    obs("  %s, family %d, type %d, protocol %d, length %d, name %s", address_text(ai->ai_addr),
        ai->ai_family, ai->ai_socktype, ai->ai_protocol, (int)ai->ai_addrlen,
        ai->ai_canonname ? ai->ai_canonname : "(null)");
  }
  evutil_freeaddrinfo(answers);
}

static void ask(const char* node, const char* service, int family, int type, int protocol,
                int flags) {
  struct evutil_addrinfo hints, *answers = NULL;
  char label[160];
  int result;
  memset(&hints, 0, sizeof(hints));
  hints.ai_family = family;
  hints.ai_socktype = type;
  hints.ai_protocol = protocol;
  hints.ai_flags = flags;
  snprintf(label, sizeof(label), "%s %s family %d type %d protocol %d flags 0x%x",
           node ? node : "-", service ? service : "-", family, type, protocol, (unsigned)flags);
  result = evutil_getaddrinfo(node, service, &hints, &answers);
  see_answers(label, result, answers);
}

static void numeric_lookups(void) {
  ask("1.2.3.4", NULL, PF_INET, SOCK_STREAM, 0, EVUTIL_AI_NUMERICHOST);
  ask("1.2.3.4", "80", PF_UNSPEC, SOCK_STREAM, IPPROTO_TCP, 0);
  ask("1.2.3.4", "80", PF_INET, SOCK_DGRAM, 0, 0);
  ask("1.2.3.4", "80", PF_INET, 0, IPPROTO_UDP, 0);
  ask("::1", "80", PF_UNSPEC, SOCK_STREAM, 0, 0);
  ask("::1", "80", PF_INET6, SOCK_STREAM, 0, EVUTIL_AI_NUMERICSERV);
  ask("::1", "80", PF_INET, SOCK_STREAM, 0, EVUTIL_AI_NUMERICHOST);
  ask("1.2.3.4", "80", PF_INET6, SOCK_STREAM, 0, EVUTIL_AI_NUMERICHOST);
}

static void all_socket_types_when_none_is_asked_for(void) {
  ask("1.2.3.4", "80", PF_INET, 0, 0, 0);
  ask("1.2.3.4", NULL, PF_INET, 0, 0, EVUTIL_AI_NUMERICHOST);
}

static void passive_lookups(void) {
  ask(NULL, "80", PF_INET, SOCK_STREAM, 0, EVUTIL_AI_PASSIVE);
  ask(NULL, "80", PF_INET, SOCK_STREAM, 0, 0);
  ask(NULL, "80", PF_INET6, SOCK_STREAM, 0, EVUTIL_AI_PASSIVE);
  ask(NULL, "80", PF_INET6, SOCK_STREAM, 0, 0);
  ask(NULL, NULL, PF_UNSPEC, SOCK_STREAM, 0, 0);
}

static void failing_lookups(void) {
  ask("not numeric", "80", PF_UNSPEC, SOCK_STREAM, 0, EVUTIL_AI_NUMERICHOST);
  ask("www.example.com", NULL, PF_INET, SOCK_STREAM, 0, EVUTIL_AI_NUMERICHOST);
  ask("1.2.3.4", "not-a-service", PF_INET, SOCK_STREAM, 0, EVUTIL_AI_NUMERICSERV);
  ask("1.2.3.4", "80", 9999, SOCK_STREAM, 0, 0);
  ask("1.2.3.4", "65536", PF_INET, SOCK_STREAM, 0, EVUTIL_AI_NUMERICSERV);
}

static void service_by_name(void) { ask("1.2.3.4", "http", PF_INET, SOCK_STREAM, 0, 0); }

static void canonical_name_of_a_number(void) {
  ask("1.2.3.4", "80", PF_INET, SOCK_STREAM, 0, EVUTIL_AI_CANONNAME | EVUTIL_AI_NUMERICHOST);
}

static void lookup_without_hints(void) {
  struct evutil_addrinfo *answers = NULL, *ai;
  int result = evutil_getaddrinfo("1.2.3.4", "80", NULL, &answers), streams = 0;
  SEE(result);
  for (ai = answers; ai; ai = ai->ai_next) streams += ai->ai_socktype == SOCK_STREAM;
  SEE(streams > 0);
  if (result == 0) evutil_freeaddrinfo(answers);
}

static void localhost_by_name(void) {
  struct evutil_addrinfo hints, *answers = NULL;
  memset(&hints, 0, sizeof(hints));
  hints.ai_family = PF_INET;
  hints.ai_socktype = SOCK_STREAM;
  SEE(evutil_getaddrinfo("localhost", "80", &hints, &answers));
  SEE_STR(address_text(answers->ai_addr));
  evutil_freeaddrinfo(answers);
}

const struct conf_case conf_cases[] = {
    CASE(parse_good_addresses),
    CASE(parse_bad_addresses),
    EXCEPTION(parse_refuses_what_surrounds_an_address, "better: stock ignores it",
              "\"[::1]80\": -1\n"
              "\" 1.2.3.4\": -1\n"
              "\"[::1]:80x\": -1\n"
              "\"1.2.3.4:80x\": -1"),
    CASE(parse_very_long_text),
    CASE(parse_into_too_little_room),
    CASE(text_to_ipv4),
    EXCEPTION(text_to_ipv4_is_strict, "better: as POSIX inet_pton, stock is laxer",
              "evutil_inet_pton(AF_INET, \" 1.2.3.4\", a) = 0\n"
              "evutil_inet_pton(AF_INET, \"01.02.03.04\", a) = 0"),
    CASE(text_to_ipv6),
    CASE(text_to_unknown_family),
    CASE(scoped_addresses),
    EXCEPTION(scope_must_not_be_empty, "better: stock takes it for no scope",
              "evutil_inet_pton_scope(AF_INET6, \"fe80::1%\", &a, &scope) = 0"),
    CASE(ipv4_with_scope_function),
    CASE(addresses_to_text),
    CASE(comparing_addresses),
    CASE(numeric_lookups),
    CASE(all_socket_types_when_none_is_asked_for),
    CASE(passive_lookups),
    CASE(failing_lookups),
    CASE(service_by_name),
    CASE(canonical_name_of_a_number),
    CASE(lookup_without_hints),
    CASE(localhost_by_name),
    CASES_END};

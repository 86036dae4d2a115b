#include "net/address.h"

#include <arpa/inet.h>
#include <net/if.h>

#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <optional>
#include <string_view>

namespace ev {
namespace {

// An address with a zone: no longer text can be one, whatever the length of the input.
using HostText = char[INET6_ADDRSTRLEN + 1 + IF_NAMESIZE];

// What inet_pton() wants: a NUL behind it.
bool copy_host(std::string_view host, HostText& text) noexcept {
  if (host.empty() || host.size() >= sizeof text) return false;
  std::memcpy(text, host.data(), host.size());
  text[host.size()] = '\0';
  return true;
}

template <class Number>
std::optional<Number> parse_number(std::string_view text) noexcept {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stop != end) return {};
  return number;
}

std::optional<in_port_t> parse_port(std::string_view text) noexcept {
  const std::optional<std::uint16_t> port = parse_number<std::uint16_t>(text);
  if (!port || *port == 0) return {};
  return htons(*port);
}

// "2" or "eth0". No zone has an empty name.
std::optional<unsigned> parse_zone(const char* text) noexcept {
  if (const auto number = parse_number<std::uint32_t>(text)) return number;
  const unsigned index = ::if_nametoindex(text);
  if (index == 0) return {};
  return index;
}

template <class Sockaddr>
void store(const Sockaddr& from, SocketAddress& address) noexcept {
  address = {};
  std::memcpy(&address.storage, &from, sizeof from);
  address.length = sizeof from;
}

bool parse_ipv4(std::string_view host, in_port_t port, SocketAddress& address) noexcept {
  HostText text;
  sockaddr_in parsed{};
  parsed.sin_family = AF_INET;
  parsed.sin_port = port;
  if (!copy_host(host, text) || ::inet_pton(AF_INET, text, &parsed.sin_addr) != 1) return false;
  store(parsed, address);
  return true;
}

bool parse_ipv6(std::string_view host, in_port_t port, SocketAddress& address) noexcept {
  HostText text;
  sockaddr_in6 parsed{};
  parsed.sin6_family = AF_INET6;
  parsed.sin6_port = port;
  if (!copy_host(host, text)) return false;
  if (!parse_ipv6_with_zone(text, parsed.sin6_addr, parsed.sin6_scope_id)) return false;
  store(parsed, address);
  return true;
}

bool parse_bracketed(std::string_view text, SocketAddress& address) noexcept {
  const std::size_t close = text.find(']');
  if (close == text.npos) return false;
  const std::string_view host = text.substr(1, close - 1);
  const std::string_view rest = text.substr(close + 1);
  if (rest.empty()) return parse_ipv6(host, 0, address);
  if (rest.front() != ':') return false;
  const std::optional<in_port_t> port = parse_port(rest.substr(1));
  return port && parse_ipv6(host, *port, address);
}

template <class Value>
int order(const Value& a, const Value& b) noexcept {
  return a == b ? 0 : a < b ? -1 : 1;
}

int sign(int value) noexcept { return order(value, 0); }

// The caller's sockaddr may lie anywhere: read by copying.
template <class Sockaddr>
Sockaddr as(const sockaddr& address) noexcept {
  Sockaddr copy;
  std::memcpy(&copy, &address, sizeof copy);
  return copy;
}

// Programs have seen lists sorted like this: numbers as they lie in memory, not as they are meant.
int compare_ipv4(const sockaddr_in& a, const sockaddr_in& b, bool with_port) noexcept {
  if (const int host = order(a.sin_addr.s_addr, b.sin_addr.s_addr)) return host;
  return with_port ? order(a.sin_port, b.sin_port) : 0;
}

int compare_ipv6(const sockaddr_in6& a, const sockaddr_in6& b, bool with_port) noexcept {
  if (const int host = std::memcmp(&a.sin6_addr, &b.sin6_addr, sizeof a.sin6_addr))
    return sign(host);
  return with_port ? order(a.sin6_port, b.sin6_port) : 0;
}

// "::1017:0" looks to the C library like an IPv4 address in the long abandoned form "::16.23.0.0".
bool is_short_ipv6(const in6_addr& address) noexcept {
  static constexpr unsigned char zeros[12] = {};
  const unsigned char* byte = address.s6_addr;
  return std::memcmp(byte, zeros, sizeof zeros) == 0 && (byte[12] | byte[13]) != 0 &&
         (byte[14] | byte[15]) == 0;
}

}  // namespace

bool parse_address(const char* text, SocketAddress& address) noexcept {
  if (text == nullptr) return false;
  const std::string_view all(text);
  if (all.starts_with('[')) return parse_bracketed(all, address);
  const std::size_t colon = all.find(':');
  if (colon == all.npos) return parse_ipv4(all, 0, address);
  if (all.find(':', colon + 1) != all.npos) return parse_ipv6(all, 0, address);
  const std::optional<in_port_t> port = parse_port(all.substr(colon + 1));
  return port && parse_ipv4(all.substr(0, colon), *port, address);
}

bool parse_ipv6_with_zone(const char* text, in6_addr& address, unsigned& zone) noexcept {
  if (text == nullptr) return false;
  const std::string_view all(text);
  const std::size_t percent = all.find('%');
  HostText host;
  if (!copy_host(all.substr(0, percent), host)) return false;
  std::optional<unsigned> index = 0;
  if (percent != all.npos) index = parse_zone(text + percent + 1);
  if (!index || ::inet_pton(AF_INET6, host, &address) != 1) return false;
  zone = *index;
  return true;
}

int parse_ip(int family, const char* text, void* address) noexcept {
  if (text == nullptr || address == nullptr) return 0;
  return ::inet_pton(family, text, address);
}

const char* format_ip(int family, const void* address, char* text, std::size_t size) noexcept {
  if (address == nullptr || text == nullptr) {
    errno = EINVAL;
    return nullptr;
  }
  char whole[INET6_ADDRSTRLEN];
  const auto* ipv6 = static_cast<const in6_addr*>(address);
  if (family == AF_INET6 && is_short_ipv6(*ipv6)) {
    std::snprintf(whole, sizeof whole, "::%x:0", ipv6->s6_addr[12] << 8 | ipv6->s6_addr[13]);
  } else if (::inet_ntop(family, address, whole, sizeof whole) == nullptr) {
    return nullptr;
  }
  const std::size_t needed = std::strlen(whole) + 1;
  if (needed > size) {
    errno = ENOSPC;
    return nullptr;
  }
  return static_cast<const char*>(std::memcpy(text, whole, needed));
}

int compare_addresses(const sockaddr& a, const sockaddr& b, bool with_port) noexcept {
  if (a.sa_family != b.sa_family) return order(a.sa_family, b.sa_family);
  switch (a.sa_family) {
    case AF_INET:
      return compare_ipv4(as<sockaddr_in>(a), as<sockaddr_in>(b), with_port);
    case AF_INET6:
      return compare_ipv6(as<sockaddr_in6>(a), as<sockaddr_in6>(b), with_port);
    default:
      return 1;
  }
}

}  // namespace ev

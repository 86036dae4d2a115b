// Addresses as text and as numbers. Values only: nothing is looked up except the names of network
// interfaces.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>

namespace ev {

// Big enough for every family, a unix path of 108 bytes with a NUL behind it included.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&storage); }
};

// "1.2.3.4", "1.2.3.4:80", "::1", "[::1]", "[::1]:80"; an IPv6 address may name its zone
// ("fe80::1%eth0"). The whole text has to match; a port is 1 to 65535, without one it is 0. False
// for everything else.
bool parse_address(const char* text, SocketAddress& address) noexcept;

// "fe80::1%eth0", "fe80::1%2", "::1": `zone` is the number of the interface, 0 without one.
bool parse_ipv6_with_zone(const char* text, in6_addr& address, unsigned& zone) noexcept;

// As inet_pton(): 1, 0 when the text is no such address, -1 and errno when there is no such family.
int parse_ip(int family, const char* text, void* address) noexcept;

// `text`, or null and errno when the family is neither AF_INET nor AF_INET6 or the text does not
// fit.
const char* format_ip(int family, const void* address, char* text, std::size_t size) noexcept;

// A total order of IPv4 and IPv6 addresses, by family, address and (if wanted) port. Other families
// are never equal.
int compare_addresses(const sockaddr& a, const sockaddr& b, bool with_port) noexcept;

}  // namespace ev

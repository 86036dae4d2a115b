// Reads its input as the text of an address. What is accepted must come back the same when it is
// written and read again, and agree with the C library.
#include <arpa/inet.h>
#include <event2/util.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <memory>
#include <string>

#include "input.h"

namespace {

using fuzz::demand;
using fuzz::Input;

// In memory of its own, of exactly its size: a look beyond the end is noticed.
class Text {
 public:
  explicit Text(std::string_view bytes) : copy_(new char[bytes.size() + 1]) {
    std::memcpy(copy_.get(), bytes.data(), bytes.size());
    copy_[bytes.size()] = '\0';
  }
  const char* get() const noexcept { return copy_.get(); }

 private:
  std::unique_ptr<char[]> copy_;
};

std::string written(const sockaddr_storage& address) {
  char host[INET6_ADDRSTRLEN];
  if (address.ss_family == AF_INET) {
    const auto& ipv4 = reinterpret_cast<const sockaddr_in&>(address);
    demand(evutil_inet_ntop(AF_INET, &ipv4.sin_addr, host, sizeof host) == host);
    const int port = ntohs(ipv4.sin_port);
    return port == 0 ? host : host + (":" + std::to_string(port));
  }
  demand(address.ss_family == AF_INET6);
  const auto& ipv6 = reinterpret_cast<const sockaddr_in6&>(address);
  demand(evutil_inet_ntop(AF_INET6, &ipv6.sin6_addr, host, sizeof host) == host);
  const std::string zone = ipv6.sin6_scope_id == 0 ? "" : "%" + std::to_string(ipv6.sin6_scope_id);
  const int port = ntohs(ipv6.sin6_port);
  return "[" + (host + zone) + "]" + (port == 0 ? "" : ":" + std::to_string(port));
}

void parse_with_port(const Text& text) {
  sockaddr_storage address{};
  int size = sizeof address;
  if (evutil_parse_sockaddr_port(text.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return;
  }
  const bool is_ipv4 = address.ss_family == AF_INET;
  demand(size == static_cast<int>(is_ipv4 ? sizeof(sockaddr_in) : sizeof(sockaddr_in6)));

  const Text again(written(address));
  sockaddr_storage other{};
  int other_size = sizeof other;
  auto* generic = reinterpret_cast<sockaddr*>(&other);
  demand(evutil_parse_sockaddr_port(again.get(), generic, &other_size) == 0);
  demand(other_size == size);
  demand(evutil_sockaddr_cmp(reinterpret_cast<sockaddr*>(&address), generic, 1) == 0);

  // Into exactly as much memory as it needs, and then less.
  auto exact = std::make_unique<unsigned char[]>(static_cast<std::size_t>(size));
  generic = reinterpret_cast<sockaddr*>(exact.get());
  demand(evutil_parse_sockaddr_port(text.get(), generic, &size) == 0);
  other_size = size - 1;
  demand(evutil_parse_sockaddr_port(text.get(), generic, &other_size) == -1);
}

void parse_ipv4(const Text& text) {
  in_addr ours{};
  in_addr theirs{};
  const int result = evutil_inet_pton(AF_INET, text.get(), &ours);
  demand(result == inet_pton(AF_INET, text.get(), &theirs));
  demand(result != 1 || std::memcmp(&ours, &theirs, sizeof ours) == 0);
}

void parse_ipv6(const Text& text) {
  in6_addr ours{};
  in6_addr theirs{};
  unsigned zone = 0;
  const bool has_zone = std::strchr(text.get(), '%') != nullptr;
  const int result = evutil_inet_pton_scope(AF_INET6, text.get(), &ours, &zone);
  demand(result == 0 || result == 1);
  if (has_zone) return;
  demand(zone == 0);
  demand(result == inet_pton(AF_INET6, text.get(), &theirs));
  demand(result != 1 || std::memcmp(&ours, &theirs, sizeof ours) == 0);
}

void write_into(std::string_view address, std::size_t room) {
  in6_addr bytes{};
  std::memcpy(&bytes, address.data(), std::min(address.size(), sizeof bytes));
  for (const int family : {AF_INET, AF_INET6}) {
    auto text = std::make_unique<char[]>(room);
    const char* result = evutil_inet_ntop(family, &bytes, text.get(), room);
    if (result == nullptr) continue;
    in6_addr back{};
    demand(evutil_inet_pton(family, result, &back) == 1);
    demand(std::memcmp(&back, &bytes, family == AF_INET ? sizeof(in_addr) : sizeof back) == 0);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::size_t room = 1 + input.below(64);
  const std::string_view bytes = input.rest();
  const Text text(bytes);
  parse_with_port(text);
  parse_ipv4(text);
  parse_ipv6(text);
  write_into(bytes, room);
  return 0;
}

#include "net/address_order.h"

namespace ev {

AddressOrder interleave_families(const addrinfo* list) {
  AddressOrder preferred;
  AddressOrder others;
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (at->ai_addr == nullptr) continue;
    const bool is_first_family = preferred.empty() || at->ai_family == preferred.front()->ai_family;
    (is_first_family ? preferred : others).push_back(at);
  }
  AddressOrder order;
  order.reserve(preferred.size() + others.size());
  for (std::size_t i = 0; i < preferred.size() || i < others.size(); i++) {
    if (i < preferred.size()) order.push_back(preferred[i]);
    if (i < others.size()) order.push_back(others[i]);
  }
  return order;
}

}  // namespace ev

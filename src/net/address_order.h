// The order in which the addresses of a name are tried.
#pragma once

#include <netdb.h>

#include <vector>

#include "sys/memory.h"

namespace ev {

using AddressOrder = std::vector<const addrinfo*, Allocator<const addrinfo*>>;

// The list's own order (the system sorts by RFC 6724), but so that the family of the first address
// and all others take turns (RFC 8305, section 4): a family that does not work costs one attempt,
// not all. Throws std::bad_alloc.
AddressOrder interleave_families(const addrinfo* list);

}  // namespace ev

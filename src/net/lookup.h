// Names to addresses, here and now: getaddrinfo() with arguments that cannot crash it. May block
// for seconds; the loop asks through net/resolver.h.
#pragma once

#include <netdb.h>

namespace ev {

// 0 and a list for freeaddrinfo(), or an EVUTIL_EAI_* and null. Null hints: both families, every
// socket type.
int look_up(const char* host, const char* service, const addrinfo* hints, addrinfo*& list) noexcept;

// The same for what needs nothing but arithmetic: numeric hosts (null included) with numeric
// services. Else EVUTIL_EAI_NONAME.
int look_up_numeric(const char* host, const char* service, const addrinfo& hints,
                    addrinfo*& list) noexcept;

// In English, never null.
const char* lookup_error_text(int gai_error) noexcept;

}  // namespace ev

#include "net/lookup.h"

#include <event2/util.h>

namespace ev {

int look_up(const char* host, const char* service, const addrinfo* hints,
            addrinfo*& list) noexcept {
  list = nullptr;
  // Without hints the C library would leave out families that this machine has no address of.
  static constexpr addrinfo anything{};
  return ::getaddrinfo(host, service, hints != nullptr ? hints : &anything, &list);
}

int look_up_numeric(const char* host, const char* service, const addrinfo& hints,
                    addrinfo*& list) noexcept {
  addrinfo numeric = hints;
  numeric.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
  return look_up(host, service, &numeric, list);
}

const char* lookup_error_text(int gai_error) noexcept {
  switch (gai_error) {
    case 0:
      return "No error";
    case EVUTIL_EAI_CANCEL:
      return "Request canceled";
    case EVUTIL_EAI_ADDRFAMILY:
      return "address family for nodename not supported";
    case EVUTIL_EAI_AGAIN:
      return "temporary failure in name resolution";
    case EVUTIL_EAI_BADFLAGS:
      return "invalid value for ai_flags";
    case EVUTIL_EAI_FAIL:
      return "non-recoverable failure in name resolution";
    case EVUTIL_EAI_FAMILY:
      return "ai_family not supported";
    case EVUTIL_EAI_MEMORY:
      return "memory allocation failure";
    case EVUTIL_EAI_NODATA:
      return "no address associated with nodename";
    case EVUTIL_EAI_NONAME:
      return "nodename nor servname provided, or not known";
    case EVUTIL_EAI_SERVICE:
      return "servname not supported for ai_socktype";
    case EVUTIL_EAI_SOCKTYPE:
      return "ai_socktype not supported";
    case EVUTIL_EAI_SYSTEM:
      return "system error";
    default:
      return "Unknown error";
  }
}

}  // namespace ev

// A bufferevent that transforms the bytes of another one.
#pragma once

#include <event2/bufferevent.h>

namespace ev {

class Stream;

struct FilterFunctions {
  bufferevent_filter_cb input = nullptr;   // null: bytes pass unchanged
  bufferevent_filter_cb output = nullptr;  // the same
  void (*free_context)(void*) = nullptr;   // called once, when the filter ends
  void* context = nullptr;
};

// Null with EINVAL if the underlying stream carries another. Throws std::bad_alloc. Either way it is
// untouched then and the context still the caller's.
bufferevent* new_filter(Stream& underlying, const FilterFunctions& functions, int options);

}  // namespace ev

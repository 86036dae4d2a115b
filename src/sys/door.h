// The two doors into the library, for user calls (capi/) and for event handlers: lock, run, and
// turn "no memory" into a value. The only place with a try.
#pragma once

#include <cerrno>
#include <mutex>
#include <new>
#include <type_traits>

namespace ev {

// Runs `call` (void or bool) and answers 0, or -1 when it said false or there was no memory (errno
// is ENOMEM).
template <class Call>
int status(Call call) noexcept {
  try {
    if constexpr (std::is_void_v<decltype(call())>) {
      call();
      return 0;
    } else {
      return call() ? 0 : -1;
    }
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    return -1;
  }
}

// The same under the object's lock. `object.lock()` is anything BasicLockable.
template <class Object, class Call>
int status(Object& object, Call call) noexcept {
  std::lock_guard guard(object.lock());
  return status(call);
}

// Runs `call` and answers its result, or `otherwise` when there was no memory.
template <class Result, class Call>
Result value_or(Result otherwise, Call call) noexcept {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    return otherwise;
  }
}

template <class Object, class Result, class Call>
Result value_or(Object& object, Result otherwise, Call call) noexcept {
  std::lock_guard guard(object.lock());
  return value_or(otherwise, call);
}

// For constructors: the new object, or null.
template <class Call>
auto made_or_null(Call call) noexcept -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    errno = ENOMEM;
    return nullptr;
  }
}

}  // namespace ev

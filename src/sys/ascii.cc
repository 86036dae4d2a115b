#include "sys/ascii.h"

#include <cstdint>

namespace ev {
namespace {

char lower(char c) noexcept { return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c); }

}  // namespace

int compare_ignoring_case(const char* a, const char* b) noexcept {
  return compare_ignoring_case(a, b, SIZE_MAX);
}

int compare_ignoring_case(const char* a, const char* b, std::size_t most) noexcept {
  if (most == 0 || a == b) return 0;
  if (a == nullptr || b == nullptr) return a == nullptr ? -1 : 1;
  for (; most > 0; a++, b++, most--) {
    const char x = lower(*a);
    const char y = lower(*b);
    if (x != y) return x < y ? -1 : 1;
    if (x == 0) break;
  }
  return 0;
}

}  // namespace ev

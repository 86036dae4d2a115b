// Finding bytes in chains. In time proportional to the bytes looked at, whatever the needle: first
// with memchr, then, when that stops at too many places, by comparing two bytes of the needle at a
// time at 16 or 32 places, and when even these agree too often, with a rolling hash.
#pragma once

#include <cstddef>
#include <span>

#include "buffer/chain.h"

namespace ev {

using Bytes = std::span<const std::byte>;

// A place in a list of readable chains, and how far it is from where the search began.
struct Found {
  const Chain* chain = nullptr;  // null: not found
  std::size_t at = 0;
  std::size_t distance = 0;
  explicit operator bool() const noexcept { return chain != nullptr; }
};

// The first place of `needle` (not empty) that begins at or after byte `at` of `chain` and ends
// within `limit` bytes from there. `chain` may be null when the limit is 0.
Found find(const Chain* chain, std::size_t at, std::size_t limit, Bytes needle) noexcept;

// The first of two bytes (which may be equal).
Found find_either(const Chain* chain, std::size_t at, std::size_t limit, std::byte one,
                  std::byte other) noexcept;

}  // namespace ev

// Where two bytes stand at a given distance: the filter in front of comparing whole needles.
#pragma once

#include <cstddef>

namespace ev {

struct BytePair {
  std::byte first;
  std::byte second;
  std::size_t apart;  // how far the second comes behind the first; may be 0
};

// The first place in [from, last] with the pair, or null. Everything up to last + apart is
// readable.
const std::byte* find_pair(const std::byte* from, const std::byte* last, BytePair pair) noexcept;

}  // namespace ev

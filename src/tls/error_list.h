// The errors of one connection that the program has not taken yet. The latest is taken first, as
// from libevent: what a failure means comes before what caused it. When it is full, later ones are
// dropped.
#pragma once

#include <array>
#include <cstddef>

namespace ev {

class ErrorList {
 public:
  void add(unsigned long code) noexcept {
    if (count_ < codes_.size()) codes_[count_++] = code;
  }

  // 0: none.
  unsigned long take() noexcept { return count_ == 0 ? 0 : codes_[--count_]; }

  void clear() noexcept { count_ = 0; }

 private:
  std::array<unsigned long, 8> codes_{};
  std::size_t count_ = 0;
};

}  // namespace ev

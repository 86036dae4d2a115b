// The errors of one connection that the program has not taken yet. The earliest is taken first: what
// caused a failure comes before what it led to. When it is full, later ones are dropped.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace ev {

class ErrorList {
 public:
  void add(unsigned long code) noexcept {
    if (count_ < codes_.size()) codes_[count_++] = code;
  }

  // 0: none.
  unsigned long take() noexcept {
    if (count_ == 0) return 0;
    const unsigned long first = codes_.front();
    std::copy_n(codes_.begin() + 1, --count_, codes_.begin());
    return first;
  }

  void clear() noexcept { count_ = 0; }

 private:
  std::array<unsigned long, 8> codes_{};
  std::size_t count_ = 0;
};

}  // namespace ev

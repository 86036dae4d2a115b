// The errors of one connection that the program has not taken yet, oldest first. When it is full,
// later ones are dropped: the first one is the cause.
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
    const unsigned long first = codes_[0];
    std::shift_left(codes_.begin(), codes_.end(), 1);
    count_--;
    return first;
  }

  void clear() noexcept { count_ = 0; }

 private:
  std::array<unsigned long, 8> codes_{};
  std::size_t count_ = 0;
};

}  // namespace ev

// How much a peer may make us expand: against little input that becomes endless output.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ev {

class ExpansionLimit {
 public:
  // 0: no limit.
  ExpansionLimit(std::uint64_t most_output, std::uint64_t most_ratio) noexcept
      : most_output_(most_output), most_ratio_(most_ratio) {}

  // False: it is too much.
  bool allows(std::size_t taken, std::size_t given) noexcept {
    taken_ += taken;
    given_ += given;
    if (most_output_ != 0 && given_ > most_output_) return false;
    return most_ratio_ == 0 || given_ <= free_output ||
           (given_ - free_output) / most_ratio_ <= taken_;
  }

 private:
  // Short streams may have any ratio.
  static constexpr std::uint64_t free_output = std::uint64_t{1} << 20;

  std::uint64_t most_output_;
  std::uint64_t most_ratio_;
  std::uint64_t taken_ = 0;
  std::uint64_t given_ = 0;
};

}  // namespace ev

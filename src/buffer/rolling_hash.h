// The hash of a window that slides over bytes: a polynomial modulo 2^61 - 1 at a random point, so
// that nobody can prepare bytes that collide.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sys/clock.h"

namespace ev {

class RollingHash {
 public:
  // For windows of `size` bytes.
  explicit RollingHash(std::size_t size) noexcept : point_(random_point()) {
    for (std::size_t i = 0; i < size; ++i) leaving_ = times(leaving_, point_);
  }

  std::uint64_t push(std::uint64_t value, std::byte in) const noexcept {
    return reduced(times(value, point_) + term(in));
  }
  std::uint64_t roll(std::uint64_t value, std::byte out, std::byte in) const noexcept {
    return reduced(push(value, in) + prime - times(term(out), leaving_));
  }

 private:
  static constexpr std::uint64_t prime = (std::uint64_t{1} << 61) - 1;
  __extension__ using Wide = unsigned __int128;

  static std::uint64_t term(std::byte byte) noexcept {
    return std::to_integer<std::uint64_t>(byte) + 1;
  }
  static std::uint64_t reduced(std::uint64_t value) noexcept {
    value = (value & prime) + (value >> 61);
    return value >= prime ? value - prime : value;
  }
  static std::uint64_t times(std::uint64_t a, std::uint64_t b) noexcept {
    const Wide product = static_cast<Wide>(a) * b;
    return reduced((static_cast<std::uint64_t>(product) & prime) +
                   static_cast<std::uint64_t>(product >> 61));
  }
  std::uint64_t random_point() const noexcept {
    const auto now = static_cast<std::uint64_t>(monotonic_now().time_since_epoch().count());
    const auto here = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(this));
    return reduced((now ^ here << 20) * 0x9e3779b97f4a7c15U >> 3 | 1U << 16);
  }

  std::uint64_t point_;
  std::uint64_t leaving_ = 1;  // what the oldest byte is multiplied with
};

}  // namespace ev

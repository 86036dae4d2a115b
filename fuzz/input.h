// What the fuzz targets share: their input, taken piece by piece, and how they complain.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

namespace fuzz {

// libFuzzer takes the abort for a finding.
inline void demand(bool holds, int line = __builtin_LINE(), const char* file = __builtin_FILE()) {
  if (holds) return;
  std::fprintf(stderr, "%s:%d: demanded in vain\n", file, line);
  std::abort();
}

// The bytes from the fuzzer. Zeros when they are used up, so that every input is a whole program.
class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) noexcept
      : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const noexcept { return rest_.empty(); }

  // 0 to limit - 1. Takes no more bytes than that needs, which keeps small changes small.
  std::size_t below(std::size_t limit) noexcept {
    std::size_t number = 0;
    for (std::size_t most = limit; most > 1; most >>= 8) number = number << 8 | byte();
    return number % limit;
  }

  bool one_in(std::size_t many) noexcept { return below(many) == many - 1; }

  // Below 2 to the power of `bits`, mostly small.
  std::size_t size(std::size_t bits = 16) noexcept {
    return below(std::size_t{1} << below(bits + 1));
  }

  // Some of the input as it is.
  std::string_view bytes(std::size_t most) noexcept {
    const std::string_view taken = rest_.substr(0, most);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() noexcept { return bytes(rest_.size()); }

  // A few bytes of the input, over and over.
  std::string text(std::size_t bits = 16) {
    const std::size_t wanted = size(bits);
    const std::string_view pattern = bytes(1 + below(7));
    std::string text;
    while (text.size() < wanted && !pattern.empty()) text += pattern;
    text.resize(wanted, '\n');
    return text;
  }

 private:
  std::uint8_t byte() noexcept {
    if (rest_.empty()) return 0;
    const auto value = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return value;
  }

  std::string_view rest_;
};

}  // namespace fuzz

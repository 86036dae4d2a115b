// The two ways that bytes go. Every limit exists once for each.
#pragma once

#include <cstddef>

namespace ev {

enum class Direction : unsigned char { read, write };

inline constexpr Direction both_directions[] = {Direction::read, Direction::write};

constexpr std::size_t index_of(Direction direction) { return static_cast<std::size_t>(direction); }

}  // namespace ev

// Buffers seen as strings, and what must always hold of one.
#pragma once

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "buffer/buffer.h"

namespace test {

inline std::vector<iovec> extents_of(const evbuffer& buffer) {
  std::vector<iovec> extents(static_cast<std::size_t>(buffer.peek(nullptr, 0, -1, nullptr)));
  const int most = static_cast<int>(extents.size());
  EXPECT_EQ(most, buffer.peek(extents.data(), most, -1, nullptr));
  return extents;
}

inline std::string contents_of(const evbuffer& buffer) {
  std::string bytes;
  for (const iovec& extent : extents_of(buffer)) {
    bytes.append(static_cast<const char*>(extent.iov_base), extent.iov_len);
  }
  return bytes;
}

inline void expect_sound(const evbuffer& buffer) {
  std::size_t sum = 0;
  for (const iovec& extent : extents_of(buffer)) {
    EXPECT_GT(extent.iov_len, 0U);
    sum += extent.iov_len;
  }
  EXPECT_EQ(sum, buffer.size());
  EXPECT_EQ(sum == 0, buffer.empty());
}

inline bool append(evbuffer& buffer, std::string_view bytes) {
  return buffer.append(bytes.data(), bytes.size());
}

inline bool prepend(evbuffer& buffer, std::string_view bytes) {
  return buffer.prepend(bytes.data(), bytes.size());
}

// One chain for each piece.
inline void append_chains(evbuffer& buffer, std::initializer_list<std::string_view> pieces) {
  for (const std::string_view piece : pieces) {
    buffer.append_reference(piece.data(), piece.size(), nullptr, nullptr);
  }
}

inline std::string remove(evbuffer& buffer, std::size_t most) {
  std::string bytes(most, '\0');
  const ssize_t count = buffer.remove(bytes.data(), most);
  bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
  return bytes;
}

}  // namespace test

#include <gtest/gtest.h>

#include "buffer/buffer.h"
#include "buffer/bytes.h"

namespace test {
namespace {

TEST(Peek, CountsAndFillsExtents) {
  evbuffer buffer;
  append_chains(buffer, {"abcdef", "ghij", "klm"});
  iovec vectors[4];
  EXPECT_EQ(buffer.peek(vectors, 4, -1, nullptr), 3);
  EXPECT_EQ(buffer.peek(vectors, 2, -1, nullptr), 2) << "as much as fits";
  EXPECT_EQ(buffer.peek(nullptr, 0, -1, nullptr), 3);
  EXPECT_EQ(buffer.peek(vectors, 4, 0, nullptr), 0);
  EXPECT_EQ(buffer.peek(vectors, 4, 6, nullptr), 1);
  EXPECT_EQ(buffer.peek(vectors, 4, 7, nullptr), 2);
  EXPECT_EQ(vectors[1].iov_len, 4U) << "whole extents";
  EXPECT_EQ(buffer.peek(vectors, 2, 11, nullptr), 3) << "how many it would take";
  EXPECT_EQ(buffer.peek(vectors, 4, 99, nullptr), 3);
}

TEST(Peek, FromAPosition) {
  evbuffer buffer;
  append_chains(buffer, {"abcdef", "ghij", "klm"});
  iovec vectors[4];
  evbuffer_ptr from{};
  ASSERT_TRUE(buffer.set_position(from, 8, EVBUFFER_PTR_SET));
  ASSERT_EQ(buffer.peek(vectors, 4, 3, &from), 2);
  EXPECT_EQ(std::string(static_cast<char*>(vectors[0].iov_base), vectors[0].iov_len), "ij");
  ASSERT_TRUE(buffer.set_position(from, 13, EVBUFFER_PTR_SET));
  EXPECT_EQ(buffer.peek(vectors, 4, -1, &from), 0);
}

TEST(Position, ReachesFromTheStartToTheEnd) {
  evbuffer buffer;
  append_chains(buffer, {"abc", "def"});
  evbuffer_ptr position{};
  EXPECT_TRUE(buffer.set_position(position, 6, EVBUFFER_PTR_SET));
  EXPECT_TRUE(buffer.set_position(position, 0, EVBUFFER_PTR_ADD));
  EXPECT_EQ(position.pos, 6);
  EXPECT_FALSE(buffer.set_position(position, 1, EVBUFFER_PTR_ADD));
  EXPECT_EQ(position.pos, -1);
  EXPECT_FALSE(buffer.set_position(position, 0, EVBUFFER_PTR_ADD)) << "from nowhere";
  EXPECT_FALSE(buffer.set_position(position, 7, EVBUFFER_PTR_SET));
  ASSERT_TRUE(buffer.set_position(position, 2, EVBUFFER_PTR_SET));
  EXPECT_FALSE(buffer.set_position(position, SIZE_MAX, EVBUFFER_PTR_ADD));
  EXPECT_EQ(position.pos, 2);
  EXPECT_FALSE(buffer.set_position(position, SIZE_MAX, EVBUFFER_PTR_SET));
}

TEST(Position, TheEndMovesOnWhenBytesCome) {
  evbuffer buffer;
  append(buffer, "abc");
  evbuffer_ptr end{};
  ASSERT_TRUE(buffer.set_position(end, 3, EVBUFFER_PTR_SET));
  append(buffer, "def");
  char out[3];
  EXPECT_EQ(buffer.copy_out_from(end, out, 3), 3);
  EXPECT_EQ(std::string(out, 3), "def");
}

TEST(PullUp, MakesTheFrontContiguous) {
  evbuffer buffer;
  append_chains(buffer, {"abc", "def", "ghi"});
  EXPECT_EQ(buffer.pull_up(0), nullptr);
  EXPECT_EQ(buffer.pull_up(10), nullptr);
  const std::byte* bytes = buffer.pull_up(4);
  ASSERT_NE(bytes, nullptr);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(bytes), 4), "abcd");
  EXPECT_EQ(buffer.contiguous_size(), 4U);
  EXPECT_EQ(contents_of(buffer), "abcdefghi");
  ASSERT_NE(buffer.pull_up(-5), nullptr) << "every negative size is everything";
  EXPECT_EQ(buffer.contiguous_size(), 9U);
}

TEST(PullUp, UsesRoomThatIsThere) {
  evbuffer buffer;
  append(buffer, "abc");
  append_chains(buffer, {"def"});
  const void* where = extents_of(buffer)[0].iov_base;
  ASSERT_NE(buffer.pull_up(-1), nullptr);
  EXPECT_EQ(extents_of(buffer)[0].iov_base, where);
  EXPECT_TRUE(append(buffer, "g"));
  EXPECT_EQ(contents_of(buffer), "abcdefg");
}

}  // namespace
}  // namespace test

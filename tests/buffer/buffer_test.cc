#include "buffer/buffer.h"

#include <gtest/gtest.h>

#include <limits>

#include "buffer/bytes.h"

namespace test {
namespace {

constexpr std::size_t huge = std::numeric_limits<std::size_t>::max();

TEST(Buffer, StartsEmptyAndOwnsNothing) {
  evbuffer buffer;
  EXPECT_TRUE(buffer.empty());
  EXPECT_EQ(buffer.contiguous_size(), 0U);
  EXPECT_EQ(remove(buffer, 5), "");
  EXPECT_TRUE(buffer.drain(7));
  EXPECT_EQ(buffer.pull_up(-1), nullptr);
}

TEST(Buffer, KeepsOrderAtBothEnds) {
  evbuffer buffer;
  EXPECT_TRUE(append(buffer, "cd"));
  EXPECT_TRUE(prepend(buffer, "ab"));
  EXPECT_TRUE(append(buffer, "ef"));
  EXPECT_EQ(contents_of(buffer), "abcdef");
  EXPECT_EQ(remove(buffer, 4), "abcd");
  EXPECT_TRUE(prepend(buffer, "xyz"));
  EXPECT_EQ(contents_of(buffer), "xyzef");
  expect_sound(buffer);
}

TEST(Buffer, TakesAndGivesAnySize) {
  for (const std::size_t size : {1U, 207U, 208U, 209U, 4096U, 65536U, 262144U, 262145U, 3000000U}) {
    evbuffer buffer;
    std::string bytes(size, 'x');
    bytes.back() = 'y';
    ASSERT_TRUE(append(buffer, bytes));
    EXPECT_EQ(buffer.contiguous_size(), size) << "one piece stays one piece";
    ASSERT_TRUE(append(buffer, bytes));
    ASSERT_TRUE(prepend(buffer, bytes));
    EXPECT_EQ(contents_of(buffer), bytes + bytes + bytes);
    EXPECT_EQ(remove(buffer, 4 * size), bytes + bytes + bytes);
    EXPECT_TRUE(buffer.empty());
  }
}

TEST(Buffer, CopiesOutWithoutTaking) {
  evbuffer buffer;
  append_chains(buffer, {"abc", "def", "ghi"});
  char out[9] = {};
  EXPECT_EQ(buffer.copy_out(out, 5), 5);
  EXPECT_EQ(std::string(out, 5), "abcde");
  evbuffer_ptr from{};
  ASSERT_TRUE(buffer.set_position(from, 4, EVBUFFER_PTR_SET));
  EXPECT_EQ(buffer.copy_out_from(from, out, 100), 5);
  EXPECT_EQ(std::string(out, 5), "efghi");
  EXPECT_EQ(buffer.size(), 9U);
}

TEST(Buffer, FrozenFrontRefusesTakingAndPrepending) {
  evbuffer buffer;
  evbuffer other;
  append(buffer, "hello\n");
  append(other, "x");
  char out[4];
  std::size_t length = 9;
  buffer.freeze(ev::End::front);
  EXPECT_FALSE(buffer.drain(0));
  EXPECT_EQ(buffer.remove(out, 2), -1);
  EXPECT_EQ(buffer.remove(out, 0), 0);
  EXPECT_EQ(buffer.copy_out(out, 2), -1);
  EXPECT_FALSE(prepend(buffer, "x"));
  EXPECT_TRUE(prepend(buffer, "")) << "nothing to do";
  EXPECT_FALSE(buffer.prepend_buffer(other));
  EXPECT_FALSE(other.append_buffer(buffer));
  EXPECT_FALSE(other.prepend_buffer(buffer));
  EXPECT_EQ(buffer.remove_to(other, 3), -1);
  EXPECT_EQ(buffer.remove_to(other, 0), 0);
  EXPECT_EQ(buffer.read_line(&length, EVBUFFER_EOL_LF), nullptr);
  EXPECT_EQ(length, 0U);
  EXPECT_EQ(buffer.write(1, -1).count, -1);
  EXPECT_EQ(contents_of(buffer), "hello\n");
  EXPECT_TRUE(append(buffer, "!"));
  EXPECT_TRUE(other.append_shared(buffer)) << "takes nothing away";
  EXPECT_NE(buffer.pull_up(3), nullptr);
  buffer.unfreeze(ev::End::front);
  EXPECT_TRUE(buffer.drain(1));
}

TEST(Buffer, FrozenBackRefusesAppending) {
  evbuffer buffer;
  evbuffer other;
  append(buffer, "ab");
  append(other, "cd");
  iovec vectors[2];
  buffer.freeze(ev::End::back);
  EXPECT_FALSE(append(buffer, "x"));
  EXPECT_FALSE(append(buffer, ""));
  EXPECT_FALSE(buffer.append_buffer(other));
  EXPECT_FALSE(buffer.append_shared(other));
  EXPECT_FALSE(buffer.append_reference("x", 1, nullptr, nullptr));
  EXPECT_EQ(other.remove_to(buffer, 1), -1);
  EXPECT_EQ(buffer.reserve(10, vectors, 2), -1);
  EXPECT_FALSE(buffer.commit(vectors, 0));
  EXPECT_EQ(buffer.read(0, 10).count, -1);
  EXPECT_TRUE(buffer.expand(100)) << "adds no bytes";
  EXPECT_TRUE(prepend(buffer, "y"));
  EXPECT_TRUE(buffer.prepend_buffer(other));
  EXPECT_EQ(contents_of(buffer), "cdyab");
}

TEST(Buffer, ImpossibleSizesChangeNothing) {
  evbuffer buffer;
  append(buffer, "abc");
  for (const std::size_t size :
       {huge, huge - 1, huge - 2, evbuffer::max_size, evbuffer::max_size - 2}) {
    EXPECT_FALSE(buffer.append("x", size));
    EXPECT_FALSE(buffer.prepend("x", size));
    EXPECT_FALSE(buffer.expand(size));
    EXPECT_FALSE(buffer.append_reference("x", size, nullptr, nullptr));
  }
  iovec vectors[2];
  EXPECT_EQ(buffer.reserve(EV_SSIZE_MAX, vectors, 2), -1);
  EXPECT_EQ(buffer.reserve(-1, vectors, 2), -1);
  EXPECT_EQ(buffer.reserve(5, vectors, 0), -1);
  EXPECT_EQ(buffer.pull_up(EV_SSIZE_MAX), nullptr);
  EXPECT_EQ(contents_of(buffer), "abc");
  EXPECT_TRUE(buffer.drain(huge)) << "as much as there is";
}

TEST(Buffer, RefusesWhatWouldNotFitIntoOneCount) {
  evbuffer buffer;
  ASSERT_TRUE(buffer.append_reference("x", evbuffer::max_size - 1, nullptr, nullptr));
  EXPECT_FALSE(append(buffer, "ab"));
  EXPECT_FALSE(prepend(buffer, "ab"));
  evbuffer other;
  append(other, "ab");
  EXPECT_FALSE(buffer.append_buffer(other));
  EXPECT_FALSE(buffer.prepend_buffer(other));
  EXPECT_EQ(other.remove_to(buffer, 2), -1);
  EXPECT_EQ(contents_of(other), "ab");
  EXPECT_EQ(buffer.size(), evbuffer::max_size - 1);
}

TEST(Buffer, TheOwnersWaysDoNotLookAtFreezing) {
  evbuffer buffer;
  evbuffer other;
  append(buffer, "abcdef");
  buffer.freeze(ev::End::front);
  buffer.freeze(ev::End::back);
  buffer.take_front(1);
  buffer.move_front_to(other, 2);
  EXPECT_EQ(contents_of(other), "bc");
  const std::span<std::byte> room = buffer.reserve_contiguous(3);
  ASSERT_GE(room.size(), 3U);
  room[0] = std::byte{'!'};
  buffer.commit_contiguous(1);
  EXPECT_EQ(contents_of(buffer), "def!");
  iovec vectors[4];
  EXPECT_EQ(buffer.peek(vectors, 4, std::size_t{2}), 1);
  EXPECT_EQ(vectors[0].iov_len, 2U) << "no more than was asked for";
}

}  // namespace
}  // namespace test

#include <gtest/gtest.h>

#include <cstdarg>
#include <cstring>

#include "buffer/buffer.h"
#include "buffer/bytes.h"

namespace test {
namespace {

__attribute__((format(printf, 2, 3))) int append_format(evbuffer& buffer, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  const int size = buffer.append_format(format, arguments);
  va_end(arguments);
  return size;
}

TEST(Room, OneExtentHoldsAllThatWasAskedFor) {
  evbuffer buffer;
  append(buffer, "abc");
  iovec vector;
  for (const ssize_t size : {1, 100, 5000, 300000}) {
    ASSERT_EQ(buffer.reserve(size, &vector, 1), 1);
    EXPECT_GE(vector.iov_len, static_cast<std::size_t>(size));
    std::memset(vector.iov_base, 'x', vector.iov_len);
  }
  vector.iov_len = 4;
  EXPECT_TRUE(buffer.commit(&vector, 1));
  EXPECT_EQ(contents_of(buffer), "abcxxxx");
}

TEST(Room, TwoExtentsUseTheRestOfTheChain) {
  evbuffer buffer;
  append(buffer, "abc");
  iovec vectors[4];
  ASSERT_EQ(buffer.reserve(1000, vectors, 4), 2);
  ASSERT_GE(vectors[0].iov_len + vectors[1].iov_len, 1000U);
  std::memset(vectors[0].iov_base, '1', vectors[0].iov_len);
  std::memset(vectors[1].iov_base, '2', vectors[1].iov_len);
  vectors[0].iov_len = 2;
  vectors[1].iov_len = 3;
  EXPECT_TRUE(buffer.commit(vectors, 2));
  EXPECT_EQ(contents_of(buffer), "abc11222");
  expect_sound(buffer);
}

TEST(Room, TheSameRoomUntilItIsCommitted) {
  evbuffer buffer;
  append(buffer, "abc");
  iovec first[2];
  iovec second[2];
  ASSERT_EQ(buffer.reserve(5000, first, 2), 2);
  ASSERT_EQ(buffer.reserve(5000, second, 2), 2);
  EXPECT_EQ(first[0].iov_base, second[0].iov_base);
  EXPECT_EQ(first[1].iov_base, second[1].iov_base);
}

TEST(Room, ALittleOfMuchLeavesTheRestForTheNext) {
  evbuffer buffer;
  append(buffer, "abc");
  iovec first;
  ASSERT_EQ(buffer.reserve(60000, &first, 1), 1);
  for (int i = 0; i < 1000; ++i) {
    iovec again;
    ASSERT_EQ(buffer.reserve(60000, &again, 1), 1);
    ASSERT_EQ(again.iov_base, first.iov_base);
    std::memset(again.iov_base, '0' + i % 10, again.iov_len);
    again.iov_len = 7;
    ASSERT_TRUE(buffer.commit(&again, 1));
  }
  EXPECT_EQ(buffer.size(), 7003U);
  EXPECT_EQ(contents_of(buffer).substr(0, 17), "abc00000001111111");
  EXPECT_EQ(contents_of(buffer).substr(6996), "9999999");
  expect_sound(buffer);
}

TEST(Room, OnlyTheSecondExtentOfAnEmptyBuffer) {
  evbuffer buffer;
  ASSERT_TRUE(buffer.expand(10));
  iovec vectors[2];
  ASSERT_EQ(buffer.reserve(5000, vectors, 2), 2);
  std::memset(vectors[1].iov_base, 'x', 5);
  vectors[0].iov_len = 0;
  vectors[1].iov_len = 5;
  EXPECT_TRUE(buffer.commit(vectors, 2));
  EXPECT_EQ(contents_of(buffer), "xxxxx");
  expect_sound(buffer);
}

TEST(Room, RefusesForeignExtents) {
  evbuffer buffer;
  append(buffer, "abc");
  char memory[10];
  iovec foreign = {memory, 5};
  EXPECT_FALSE(buffer.commit(&foreign, 1));
  iovec vectors[2];
  ASSERT_EQ(buffer.reserve(10, vectors, 2), 1);
  iovec changed = vectors[0];
  ++changed.iov_len;
  EXPECT_FALSE(buffer.commit(&changed, 1)) << "longer than what was handed out";
  changed = {static_cast<char*>(vectors[0].iov_base) + 1, 1};
  EXPECT_FALSE(buffer.commit(&changed, 1)) << "elsewhere";
  append(buffer, "d");
  vectors[0].iov_len = 1;
  EXPECT_FALSE(buffer.commit(vectors, 1)) << "bytes came in between";
  EXPECT_FALSE(buffer.commit(vectors, 3));
  EXPECT_EQ(contents_of(buffer), "abcd");
  EXPECT_TRUE(buffer.commit(vectors, 0));
  EXPECT_TRUE(buffer.commit(vectors, -1));
}

TEST(Room, CommitWithoutReserve) {
  evbuffer buffer;
  char memory[10];
  const iovec foreign = {memory, 5};
  EXPECT_FALSE(buffer.commit(&foreign, 1));
  EXPECT_TRUE(buffer.empty());
}

TEST(Room, ExpandedRoomIsUsedByAppend) {
  evbuffer buffer;
  ASSERT_TRUE(buffer.expand(10000));
  EXPECT_TRUE(buffer.empty());
  for (int i = 0; i < 100; ++i) append(buffer, std::string(100, 'x'));
  EXPECT_EQ(buffer.contiguous_size(), 10000U);
}

TEST(Room, ContiguousRoomForTheOwner) {
  evbuffer buffer;
  append(buffer, std::string(200, 'a'));
  iovec vectors[2];
  ASSERT_EQ(buffer.reserve(5000, vectors, 2), 2);
  // Fits behind the bytes, although a spare chain is there.
  std::span<std::byte> room = buffer.reserve_contiguous(4);
  room[0] = std::byte{'b'};
  buffer.commit_contiguous(1);
  room = buffer.reserve_contiguous(5000);
  room[0] = std::byte{'c'};
  buffer.commit_contiguous(1);
  EXPECT_EQ(contents_of(buffer), std::string(200, 'a') + "bc");
}

TEST(Format, AppendsText) {
  evbuffer buffer;
  EXPECT_EQ(append_format(buffer, "%s=%d", "x", 5), 3);
  EXPECT_EQ(append_format(buffer, "%s", ""), 0);
  EXPECT_EQ(contents_of(buffer), "x=5");
}

TEST(Format, AnyLength) {
  for (const int width : {199, 200, 201, 207, 208, 209, 5000, 300000}) {
    evbuffer buffer;
    append(buffer, "abc");
    EXPECT_EQ(append_format(buffer, "%0*d", width, 7), width);
    EXPECT_EQ(contents_of(buffer),
              "abc" + std::string(static_cast<std::size_t>(width) - 1, '0') + "7");
    expect_sound(buffer);
  }
}

TEST(Format, FailsCleanly) {
  evbuffer buffer;
  append(buffer, "abc");
  EXPECT_EQ(append_format(buffer, "%lc", 0x7fffffff), -1);
  buffer.freeze(ev::End::back);
  EXPECT_EQ(append_format(buffer, "x"), -1);
  EXPECT_EQ(contents_of(buffer), "abc");
}

TEST(Vectors, BecomeOneChain) {
  evbuffer buffer;
  char one[] = "ab";
  char two[] = "cde";
  const iovec vectors[] = {{one, 2}, {nullptr, 0}, {two, 3}};
  EXPECT_EQ(buffer.append_vectors(vectors, 3), 5U);
  EXPECT_EQ(buffer.contiguous_size(), 5U);
  EXPECT_EQ(contents_of(buffer), "abcde");
  EXPECT_EQ(buffer.append_vectors(vectors, 0), 0U);
  EXPECT_EQ(buffer.append_vectors(vectors, -1), 0U);
  const iovec endless[] = {{one, EV_SSIZE_MAX}, {one, EV_SSIZE_MAX}, {one, EV_SSIZE_MAX}};
  EXPECT_EQ(buffer.append_vectors(endless, 3), 0U);
}

}  // namespace
}  // namespace test

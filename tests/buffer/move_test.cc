#include <gtest/gtest.h>

#include "buffer/buffer.h"
#include "buffer/bytes.h"

namespace test {
namespace {

struct Cleanups {
  int count = 0;
  std::size_t bytes = 0;
  static void run(const void*, std::size_t size, void* self) {
    ++static_cast<Cleanups*>(self)->count;
    static_cast<Cleanups*>(self)->bytes += size;
  }
};

TEST(Moving, AppendBufferMovesTheMemory) {
  evbuffer from;
  evbuffer to;
  append(from, std::string(5000, 'a'));
  const void* where = extents_of(from)[0].iov_base;
  append(to, "x");
  EXPECT_TRUE(to.append_buffer(from));
  EXPECT_TRUE(from.empty());
  EXPECT_EQ(extents_of(to)[1].iov_base, where);
  EXPECT_EQ(to.size(), 5001U);
  EXPECT_TRUE(append(from, "usable")) << "the emptied buffer goes on";
  EXPECT_EQ(contents_of(from), "usable");
}

TEST(Moving, PiecesBetweenForeignChainsGetLittleRoom) {
  evbuffer from;
  evbuffer to;
  append(to, std::string(100000, 'x'));
  for (int i = 0; i < 10; ++i) from.append_reference("hello", 5, nullptr, nullptr);
  while (from.size() > 3) {
    ASSERT_GT(from.remove_to(to, 8), 0);
    iovec room;
    ASSERT_EQ(to.reserve(1, &room, 1), 1);
    EXPECT_LT(room.iov_len, 4096U);
  }
  expect_sound(to);
}

TEST(Moving, ToItselfDoesNothing) {
  evbuffer buffer;
  append(buffer, "abc");
  EXPECT_TRUE(buffer.append_buffer(buffer));
  EXPECT_TRUE(buffer.prepend_buffer(buffer));
  EXPECT_EQ(buffer.remove_to(buffer, 2), 0);
  EXPECT_FALSE(buffer.append_shared(buffer));
  EXPECT_EQ(contents_of(buffer), "abc");
}

TEST(Moving, PrependBufferKeepsReservedRoomBehind) {
  evbuffer front;
  evbuffer back;
  append(front, "ab");
  append(back, "cd");
  ASSERT_TRUE(back.expand(5000));
  EXPECT_TRUE(back.prepend_buffer(front));
  EXPECT_EQ(contents_of(back), "abcd");
  EXPECT_TRUE(append(back, std::string(5000, 'x')));
  expect_sound(back);
}

TEST(Moving, SplitsAChainBySharingOrCopying) {
  for (const std::size_t piece : {1U, 100U, 4096U, 4097U, 50000U}) {
    evbuffer from;
    evbuffer to;
    std::string bytes(60000, 'a');
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>('a' + i % 23);
    append(from, bytes);
    append(to, "<");
    EXPECT_EQ(from.remove_to(to, piece), static_cast<ssize_t>(piece));
    append(to, ">");
    append(from, "|");
    prepend(from, "^");
    EXPECT_EQ(contents_of(to), "<" + bytes.substr(0, piece) + ">");
    EXPECT_EQ(contents_of(from), "^" + bytes.substr(piece) + "|");
    from.drain(100000);
    EXPECT_EQ(contents_of(to), "<" + bytes.substr(0, piece) + ">") << "outlives where it came from";
    expect_sound(to);
  }
}

TEST(Moving, RemoveToAcrossChains) {
  evbuffer from;
  evbuffer to;
  append_chains(from, {"abc", "def", "ghi"});
  EXPECT_EQ(from.remove_to(to, 3), 3);
  EXPECT_EQ(from.remove_to(to, 4), 4);
  EXPECT_EQ(contents_of(to), "abcdefg");
  EXPECT_EQ(contents_of(from), "hi");
  EXPECT_EQ(from.remove_to(to, 40), 2);
  EXPECT_EQ(contents_of(to), "abcdefghi");
  EXPECT_TRUE(from.empty());
}

TEST(References, AreCleanedUpOnceWhenDrained) {
  Cleanups cleanups;
  evbuffer buffer;
  ASSERT_TRUE(buffer.append_reference("hello", 5, &Cleanups::run, &cleanups));
  append(buffer, "!");
  buffer.drain(4);
  EXPECT_EQ(cleanups.count, 0);
  buffer.drain(1);
  EXPECT_EQ(cleanups.count, 1);
  EXPECT_EQ(cleanups.bytes, 5U) << "told what was added, not what was left";
  ASSERT_TRUE(buffer.append_reference("x", 0, &Cleanups::run, &cleanups));
  EXPECT_EQ(cleanups.count, 2) << "no bytes, no need to keep the memory";
}

TEST(References, ARefusedOneIsNotCleanedUp) {
  Cleanups cleanups;
  evbuffer buffer;
  buffer.freeze(ev::End::back);
  EXPECT_FALSE(buffer.append_reference("hello", 5, &Cleanups::run, &cleanups));
  EXPECT_EQ(cleanups.count, 0);
}

TEST(References, ACleanupMayUseTheBuffer) {
  evbuffer buffer;
  const auto add_more = [](const void*, std::size_t, void* self) {
    append(*static_cast<evbuffer*>(self), "more");
  };
  ASSERT_TRUE(buffer.append_reference("abc", 3, add_more, &buffer));
  append(buffer, "d");
  buffer.drain(4);
  EXPECT_EQ(contents_of(buffer), "more");
}

TEST(References, AreNeverWrittenTo) {
  char memory[] = "abcdef";
  evbuffer buffer;
  ASSERT_TRUE(buffer.append_reference(memory, 6, nullptr, nullptr));
  buffer.drain(3);
  prepend(buffer, "xyz");
  append(buffer, "uvw");
  EXPECT_EQ(contents_of(buffer), "xyzdefuvw");
  EXPECT_STREQ(memory, "abcdef");
  ASSERT_NE(buffer.pull_up(-1), nullptr);
  EXPECT_EQ(contents_of(buffer), "xyzdefuvw");
}

TEST(Sharing, ShowsTheSameMemoryInBoth) {
  evbuffer from;
  evbuffer to;
  append(from, "hello");
  EXPECT_TRUE(to.append_shared(from));
  EXPECT_EQ(extents_of(to)[0].iov_base, extents_of(from)[0].iov_base);
  append(from, " one");
  append(to, " two");
  EXPECT_EQ(contents_of(from), "hello one");
  EXPECT_EQ(contents_of(to), "hello two");
}

TEST(Sharing, LaterChangesOfTheSourceAreNotSeen) {
  evbuffer from;
  evbuffer to;
  append(from, "hello");
  ASSERT_TRUE(to.append_shared(from));
  from.drain(3);
  prepend(from, "XYZ");
  append(from, std::string(300, '-'));
  ASSERT_NE(from.pull_up(-1), nullptr);
  EXPECT_EQ(contents_of(to), "hello");
  from.drain(1000);
  append(from, "other");
  EXPECT_EQ(contents_of(to), "hello");
}

TEST(Sharing, KeepsAReferenceUntilTheLastReader) {
  Cleanups cleanups;
  auto* from = new evbuffer();
  auto* to = new evbuffer();
  ASSERT_TRUE(from->append_reference("hello", 5, &Cleanups::run, &cleanups));
  ASSERT_TRUE(to->append_shared(*from));
  delete from;
  EXPECT_EQ(cleanups.count, 0);
  EXPECT_EQ(contents_of(*to), "hello");
  delete to;
  EXPECT_EQ(cleanups.count, 1);
}

TEST(Sharing, OnceSharedBytesAreNotSharedAgain) {
  evbuffer one;
  evbuffer two;
  evbuffer three;
  append(one, "hello");
  ASSERT_TRUE(two.append_shared(one));
  EXPECT_FALSE(three.append_shared(two));
  EXPECT_TRUE(three.append_shared(one)) << "the first may be shared any number of times";
  EXPECT_FALSE(one.append_shared(two));
}

// An empty buffer that owned room was written through after it was freed, in the library that came
// before.
TEST(Sharing, IntoAnEmptyBufferWithRoom) {
  evbuffer from;
  evbuffer to;
  append(from, "hello");
  ASSERT_TRUE(to.expand(1000));
  ASSERT_TRUE(to.append_shared(from));
  append(to, "!");
  EXPECT_EQ(contents_of(to), "hello!");
  to.drain(6);
  append(to, "again");
  EXPECT_EQ(contents_of(to), "again");
}

TEST(Sharing, NothingOfAnEmptySource) {
  evbuffer from;
  evbuffer to;
  EXPECT_TRUE(to.append_shared(from));
  ASSERT_TRUE(from.expand(10));
  EXPECT_TRUE(to.append_shared(from));
  EXPECT_TRUE(to.empty());
}

}  // namespace
}  // namespace test

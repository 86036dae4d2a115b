#include "buffer/chunk_cache.h"

#include <gtest/gtest.h>

#include <vector>

#include "buffer/buffer.h"
#include "buffer/bytes.h"
#include "sys/memory.h"

namespace test {
namespace {

TEST(ChunkClasses, AreTheSmallestThatFit) {
  EXPECT_EQ(ev::chunk_sizes[ev::class_for(0)], 208U);
  EXPECT_EQ(ev::chunk_sizes[ev::class_for(208)], 208U);
  EXPECT_EQ(ev::chunk_sizes[ev::class_for(209)], 976U);
  EXPECT_EQ(ev::chunk_sizes[ev::class_for(65536)], 65536U);
  EXPECT_EQ(ev::chunk_sizes[ev::class_for(262144)], 262144U);
  EXPECT_EQ(ev::class_for(262145), ev::no_class);
}

TEST(ChunkCache, HandsOutWhatWasFreedLast) {
  if (!ev::memory_is_cacheable()) GTEST_SKIP() << "under AddressSanitizer nothing is kept";
  ev::ChunkCache& cache = ev::chunk_cache;
  void* one = cache.take(2);
  void* two = cache.take(2);
  cache.give(one, 2);
  cache.give(two, 2);
  EXPECT_EQ(cache.take(2), two);
  EXPECT_EQ(cache.take(2), one);
  cache.give(one, 2);
  cache.give(two, 2);
  ev::release_chunk_cache();
}

TEST(ChunkCache, KeepsNothingOfTheProgramsOwnMemory) {
  static int blocks;
  blocks = 0;
  ev::set_memory_functions(
      [](std::size_t size) {
        ++blocks;
        return std::malloc(size);
      },
      std::realloc,
      [](void* memory) {
        --blocks;
        std::free(memory);
      });
  {
    evbuffer buffer;
    append(buffer, "abc");
    EXPECT_EQ(blocks, 1);
    buffer.drain(3);
    EXPECT_EQ(blocks, 0);
  }
  ev::set_memory_functions(nullptr, nullptr, nullptr);
}

TEST(ChunkCache, IsBounded) {
  std::vector<evbuffer> buffers(200);
  const std::string bytes(200000, 'x');
  for (evbuffer& buffer : buffers) append(buffer, bytes);
  for (evbuffer& buffer : buffers) buffer.drain(bytes.size());
  ev::release_chunk_cache();
  ev::release_chunk_cache();
}

}  // namespace
}  // namespace test

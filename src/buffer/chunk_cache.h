// Memory for chains, in a few sizes. Freed chunks are kept per thread, last in first out, so that
// the next one handed out is still in the processor's cache; each size keeps a bounded number.
// While the program has set memory functions of its own nothing is kept: it wants to see every
// allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "sys/memory.h"

namespace ev {

inline constexpr std::size_t chain_header_size = 48;

// Bytes behind the chain's header. The first is for chains that only point elsewhere; the large
// ones hold a power of two exactly, because that is what programs read and write at a time.
inline constexpr std::array<std::size_t, 7> chunk_sizes = {80,    208,   976,   4096,
                                                           16384, 65536, 262144};
inline constexpr std::uint8_t link_class = 0;
inline constexpr std::uint8_t smallest_data_class = 1;
inline constexpr std::uint8_t no_class = 0xff;  // larger than all: straight from the heap

// The smallest class for data that holds `size` bytes, or no_class.
inline std::uint8_t class_for(std::size_t size) noexcept {
  for (std::uint8_t i = smallest_data_class; i < chunk_sizes.size(); ++i) {
    if (size <= chunk_sizes[i]) return i;
  }
  return no_class;
}

class ChunkCache {
 public:
  constexpr ChunkCache() = default;

  // Memory for a header and chunk_sizes[size_class] bytes; null when there is no memory.
  void* take(std::uint8_t size_class) noexcept {
    FreeList& list = lists_[size_class];
    FreeChunk* chunk = list.top;
    if (chunk == nullptr || !memory_is_cacheable()) return take_new(size_class);
    list.top = chunk->next;
    ++list.vacant;
    return chunk;
  }

  void give(void* memory, std::uint8_t size_class) noexcept {
    FreeList& list = lists_[size_class];
    if (list.vacant == 0 || !memory_is_cacheable()) return give_slowly(memory, size_class);
    --list.vacant;
    push(list, memory);
  }

  void flush() noexcept;  // returns everything to the heap and starts anew
  void close() noexcept;  // flushes, and keeps nothing from now on: the thread ends

 private:
  struct FreeChunk {
    FreeChunk* next;
  };
  struct FreeList {
    FreeChunk* top = nullptr;
    std::uint32_t vacant = 0;  // how many more may be kept; none before the first give_slowly()
  };

  static void push(FreeList& list, void* memory) noexcept {
    auto* chunk = static_cast<FreeChunk*>(memory);
    chunk->next = list.top;
    list.top = chunk;
  }
  static void* take_new(std::uint8_t size_class) noexcept;
  void give_slowly(void* memory, std::uint8_t size_class) noexcept;
  void open() noexcept;

  std::array<FreeList, chunk_sizes.size()> lists_;
  enum class State : std::uint8_t { fresh, open, closed } state_ = State::fresh;
};

// The cache of the calling thread. In the static part of the thread's storage, which is reached
// without a call; it is small enough for what the C library reserves for libraries that are loaded
// late.
extern constinit thread_local ChunkCache chunk_cache [[gnu::tls_model("initial-exec")]];

// Gives the calling thread's cached chunks back to the heap (libevent_global_shutdown()).
void release_chunk_cache() noexcept;

}  // namespace ev

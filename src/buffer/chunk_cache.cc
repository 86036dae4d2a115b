#include "buffer/chunk_cache.h"

namespace ev {
namespace {

// How many chunks of each size a thread keeps: about 5 MiB in all, most of it for bulk transfers.
constexpr std::array<std::uint32_t, chunk_sizes.size()> kept = {512, 256, 128, 64, 32, 32, 8};

struct CloseAtThreadExit {
  ~CloseAtThreadExit() { chunk_cache.close(); }
};

}  // namespace

constinit thread_local ChunkCache chunk_cache;

void* ChunkCache::take_new(std::uint8_t size_class) noexcept {
  return try_allocate(chain_header_size + chunk_sizes[size_class]);
}

void ChunkCache::give_slowly(void* memory, std::uint8_t size_class) noexcept {
  if (state_ == State::fresh && memory_is_cacheable()) open();
  FreeList& list = lists_[size_class];
  if (list.vacant == 0 || !memory_is_cacheable()) return ev::release(memory);
  --list.vacant;
  push(list, memory);
}

void ChunkCache::open() noexcept {
  static thread_local CloseAtThreadExit closer;
  static_cast<void>(&closer);  // its construction is what registers the destructor
  state_ = State::open;
  for (std::size_t i = 0; i < lists_.size(); ++i) lists_[i].vacant = kept[i];
}

void ChunkCache::flush() noexcept {
  for (std::size_t i = 0; i < lists_.size(); ++i) {
    FreeList& list = lists_[i];
    while (list.top != nullptr) {
      FreeChunk* chunk = list.top;
      list.top = chunk->next;
      release_cached(chunk);
    }
    list.vacant = state_ == State::open ? kept[i] : 0;
  }
}

void ChunkCache::close() noexcept {
  state_ = State::closed;
  flush();
}

void release_chunk_cache() noexcept { chunk_cache.flush(); }

}  // namespace ev

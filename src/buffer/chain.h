// One stretch of bytes in a buffer. What the bytes are is the chain's kind:
//
//   owned      storage inside the same allocation; the only kind that can be written to
//   reference  the program's memory, given back with its cleanup callback
//   view       bytes of another chain, which lives as long as its last view
//   file       a part of a file segment; `memory` is null until somebody has to read it
//
//   | header | [offset: free][length: bytes][room: free] |   capacity = offset + length + room
//
// A chain belongs to one buffer (and its lock). Only the count is shared, by views that may sit in
// other threads' buffers: it is the number of views and owners, and is not touched with atomic
// writes while it is 1. Bytes that a view shows are never overwritten: shared chains take no bytes
// in front, and behind them no view looks.
#pragma once

#include <event2/buffer.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

#include "buffer/chunk_cache.h"

namespace ev {

struct Chain {
  enum class Kind : std::uint8_t { owned, reference, view, file };

  struct Reference {
    evbuffer_ref_cleanup_cb cleanup;  // may be null
    void* argument;
  };
  struct FilePart {
    evbuffer_file_segment* segment;  // counted
    std::size_t start;               // of the chain's memory, within the segment
    bool by_sendfile;                // false: read it and send the bytes
  };

  // All of these throw std::bad_alloc.
  static Chain* make(std::size_t size);  // owned and empty, with room for at least `size` bytes
  static Chain* make_reference(const void* data, std::size_t size, Reference reference);
  static Chain* make_file(evbuffer_file_segment& segment, std::size_t start, std::size_t size,
                          bool by_sendfile);
  // Shows `size` bytes of `chain`, starting at its byte `skipped`. Files share the segment, all
  // others the memory.
  static Chain* make_view(Chain& chain, std::size_t skipped, std::size_t size);
  static Chain* try_make(std::size_t size) noexcept;  // make(), but null when there is no memory

  // Drops one count; the last one returns the memory and runs the cleanup.
  void release() noexcept {
    if (kind == Kind::owned && size_class != no_class && !shared()) {
      chunk_cache.give(this, size_class);
    } else {
      release_slowly();
    }
  }

  std::byte* data() noexcept { return memory + offset; }
  const std::byte* data() const noexcept { return memory + offset; }
  std::byte* tail() noexcept { return memory + offset + length; }
  std::size_t room() const noexcept { return kind == Kind::owned ? capacity - offset - length : 0; }
  // Free bytes in front that may be written to.
  std::size_t headroom() const noexcept { return kind == Kind::owned && !shared() ? offset : 0; }
  bool shared() const noexcept { return count.load(std::memory_order_acquire) != 1; }
  bool make_readable() noexcept { return memory != nullptr || map_file(); }

  void drop_front(std::size_t size) noexcept {
    offset += size;
    length -= size;
  }

  bool goes_by_sendfile() const noexcept { return kind == Kind::file && payload.file.by_sendfile; }

  Chain* next = nullptr;
  std::byte* memory = nullptr;
  std::size_t capacity = 0;
  std::size_t offset = 0;
  std::size_t length = 0;
  std::atomic<std::uint32_t> count{1};
  Kind kind = Kind::owned;
  std::uint8_t size_class = no_class;
  bool multicast = false;  // made by evbuffer_add_buffer_reference(): may not be shared once more
  union Payload {
    Payload() {}
    std::byte storage[1];  // owned: up to the end of the allocation
    Reference reference;
    Chain* origin;  // view
    FilePart file;
  } payload;

 private:
  static Chain* make_link(Kind kind);
  static Chain* try_make_large(std::size_t size) noexcept;
  [[noreturn]] static void out_of_memory();
  bool map_file() noexcept;
  void release_slowly() noexcept;
};

inline Chain* Chain::try_make(std::size_t size) noexcept {
  const std::uint8_t wanted = class_for(size);
  if (wanted == no_class) return try_make_large(size);
  void* place = chunk_cache.take(wanted);
  if (place == nullptr) return nullptr;
  auto* chain = new (place) Chain();
  chain->memory = chain->payload.storage;
  chain->capacity = chunk_sizes[wanted];
  chain->size_class = wanted;
  return chain;
}

inline Chain* Chain::make(std::size_t size) {
  Chain* chain = try_make(size);
  if (chain == nullptr) out_of_memory();
  return chain;
}

}  // namespace ev

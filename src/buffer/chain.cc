#include "buffer/chain.h"

#include <new>

#include "buffer/file_segment.h"

namespace ev {
namespace {

// Beyond the cached sizes, whole pages.
constexpr std::size_t page = 4096;
constexpr std::size_t largest_chain = EV_SSIZE_MAX - 2 * page;

}  // namespace

Chain* Chain::try_make_large(std::size_t size) noexcept {
  if (size > largest_chain) return nullptr;
  const std::size_t capacity = (size + page - 1) / page * page;
  void* place = try_allocate(chain_header_size + capacity);
  if (place == nullptr) return nullptr;
  auto* chain = new (place) Chain();
  chain->memory = chain->payload.storage;
  chain->capacity = capacity;
  return chain;
}

void Chain::out_of_memory() { throw std::bad_alloc(); }

Chain* Chain::make_link(Kind kind) {
  static_assert(offsetof(Chain, payload) == chain_header_size);
  static_assert(sizeof(Chain) <= chain_header_size + chunk_sizes[link_class]);
  void* place = chunk_cache.take(link_class);
  if (place == nullptr) out_of_memory();
  auto* chain = new (place) Chain();
  chain->kind = kind;
  chain->size_class = link_class;
  return chain;
}

Chain* Chain::make_reference(const void* data, std::size_t size, Reference reference) {
  Chain* chain = make_link(Kind::reference);
  // Never written to by us: only owned chains are.
  chain->memory = static_cast<std::byte*>(const_cast<void*>(data));
  chain->capacity = chain->length = size;
  chain->payload.reference = reference;
  return chain;
}

Chain* Chain::make_file(evbuffer_file_segment& segment, std::size_t start, std::size_t size,
                        bool by_sendfile) {
  Chain* chain = make_link(Kind::file);
  chain->capacity = chain->length = size;
  chain->payload.file = {&segment, start, by_sendfile};
  segment.hold();
  return chain;
}

Chain* Chain::make_view(Chain& chain, std::size_t skipped, std::size_t size) {
  if (chain.kind == Kind::file) {
    const FilePart& part = chain.payload.file;
    const std::size_t before = chain.offset + skipped;
    Chain* copy = make_file(*part.segment, part.start + before, size, part.by_sendfile);
    if (chain.memory != nullptr) copy->memory = chain.memory + before;
    return copy;
  }
  Chain* view = make_link(Kind::view);
  Chain* origin = chain.kind == Kind::view ? chain.payload.origin : &chain;
  origin->count.fetch_add(1, std::memory_order_relaxed);
  view->memory = chain.data() + skipped;
  view->capacity = view->length = size;
  view->multicast = chain.multicast;
  view->payload.origin = origin;
  return view;
}

bool Chain::map_file() noexcept {
  std::byte* bytes = payload.file.segment->bytes();
  if (bytes == nullptr) return false;
  memory = bytes + payload.file.start;
  return true;
}

void Chain::release_slowly() noexcept {
  if (shared() && count.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  switch (kind) {
    case Kind::owned:
      break;
    case Kind::reference:
      if (payload.reference.cleanup != nullptr) {
        payload.reference.cleanup(memory, capacity, payload.reference.argument);
      }
      break;
    case Kind::view:
      payload.origin->release();
      break;
    case Kind::file:
      payload.file.segment->release();
      break;
  }
  if (size_class == no_class) {
    ev::release(this);
  } else {
    chunk_cache.give(this, size_class);
  }
}

}  // namespace ev

#include "sys/memory.h"

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace ev {
namespace {

struct MemoryFunctions {
  MallocFn malloc_fn = nullptr;
  ReallocFn realloc_fn = nullptr;
  FreeFn free_fn = nullptr;
};

// Plain pointers, not atomics: the manual asks for the functions to be set before anything else is
// called.
MemoryFunctions functions;

}  // namespace

void set_memory_functions(MallocFn malloc_fn, ReallocFn realloc_fn, FreeFn free_fn) noexcept {
  functions = {malloc_fn, realloc_fn, free_fn};
}

bool memory_is_cacheable() noexcept {
#if defined(__SANITIZE_ADDRESS__)
  return false;  // a cache would hide a use after free from the sanitizer
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
  return false;
#endif
#endif
  return functions.malloc_fn == nullptr && functions.free_fn == nullptr;
}

void* try_allocate(std::size_t size) noexcept {
  const std::size_t wanted = size == 0 ? 1 : size;
  void* memory = functions.malloc_fn != nullptr ? functions.malloc_fn(wanted) : std::malloc(wanted);
  if (memory == nullptr) errno = ENOMEM;
  return memory;
}

void* allocate(std::size_t size) {
  void* memory = try_allocate(size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

void* reallocate(void* old, std::size_t size) {
  if (old == nullptr) return allocate(size);
  const std::size_t wanted = size == 0 ? 1 : size;
  void* memory = functions.realloc_fn != nullptr ? functions.realloc_fn(old, wanted)
                                                 : std::realloc(old, wanted);
  if (memory == nullptr) {
    errno = ENOMEM;
    throw std::bad_alloc();
  }
  return memory;
}

void release(void* memory) noexcept {
  if (memory == nullptr) return;
  if (functions.free_fn != nullptr) {
    functions.free_fn(memory);
  } else {
    std::free(memory);
  }
}

void release_cached(void* memory) noexcept { std::free(memory); }

char* copy_string(const char* text) {
  const std::size_t size = std::strlen(text) + 1;
  return static_cast<char*>(std::memcpy(allocate(size), text, size));
}

}  // namespace ev

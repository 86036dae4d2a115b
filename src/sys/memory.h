// The one door to the heap. Everything the library allocates passes through the functions that a
// program may set with event_set_mem_functions(), so that it can count, pool or fail our
// allocations. Safe from every thread.
#pragma once

#include <cstddef>
#include <limits>
#include <new>
#include <utility>

namespace ev {

using MallocFn = void* (*)(std::size_t);
using ReallocFn = void* (*)(void*, std::size_t);
using FreeFn = void (*)(void*);

// Null functions restore the C library's. Call before anything is allocated: memory taken from one
// set of functions is returned to the set in force at that later time.
void set_memory_functions(MallocFn malloc_fn, ReallocFn realloc_fn, FreeFn free_fn) noexcept;

// True while the C library's own functions are in use; only then may a cache keep freed memory for
// later.
bool memory_is_cacheable() noexcept;

void* allocate(std::size_t size);  // throws std::bad_alloc; never null, size 0 counts as 1
void* try_allocate(std::size_t size) noexcept;  // null when there is no memory; errno is ENOMEM
void* reallocate(void* old, std::size_t size);  // throws std::bad_alloc and leaves `old` as it was
void release(void* memory) noexcept;            // null is fine
// For memory that was kept since memory_is_cacheable() was true: back to the C library, whatever
// functions are set now.
void release_cached(void* memory) noexcept;
char* copy_string(const char* text);  // throws std::bad_alloc; freed with release()

// Base of every resource: gives it operator new from the functions above.
struct Allocated {
  static void* operator new(std::size_t size) { return allocate(size); }
  static void* operator new(std::size_t, void* place) noexcept { return place; }
  static void operator delete(void* memory) noexcept { release(memory); }
};

// For the standard containers: std::vector<T, Allocator<T>>.
template <class T>
struct Allocator {
  using value_type = T;
  Allocator() = default;
  template <class U>
  Allocator(const Allocator<U>&) noexcept {}
  T* allocate(std::size_t n) {
    if (n > std::numeric_limits<std::size_t>::max() / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(ev::allocate(n * sizeof(T)));
  }
  void deallocate(T* memory, std::size_t) noexcept { release(memory); }
  friend bool operator==(const Allocator&, const Allocator&) noexcept { return true; }
};

}  // namespace ev

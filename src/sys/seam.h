// What the core library exports to our other libraries, so that they share its heap. They are
// compiled apart from it and must not throw through the border: no memory is a null pointer.
#pragma once

#include <event2/visibility.h>

#include <cstddef>
#include <new>

extern "C" {
EVENT2_EXPORT_SYMBOL void* bevel_memory_allocate(std::size_t size) noexcept;  // null: no memory
EVENT2_EXPORT_SYMBOL void bevel_memory_release(void* memory) noexcept;
}

namespace ev {

// Base of the resources of those libraries: made with new (std::nothrow).
struct AllocatedAcross {
  static void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
    return bevel_memory_allocate(size);
  }
  static void operator delete(void* memory) noexcept { bevel_memory_release(memory); }
  static void operator delete(void* memory, const std::nothrow_t&) noexcept {
    bevel_memory_release(memory);
  }
};

}  // namespace ev

#include "sys/seam.h"

#include "sys/memory.h"

void* bevel_memory_allocate(std::size_t size) noexcept { return ev::try_allocate(size); }

void bevel_memory_release(void* memory) noexcept { ev::release(memory); }

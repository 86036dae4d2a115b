#include "support/resources.h"

#include <dirent.h>

#include <atomic>
#include <cstdlib>

#include "sys/memory.h"

namespace test {
namespace {

std::atomic<long> left_until_failure = Memory::unlimited;
std::atomic<long> balance = 0;
std::atomic<bool> failed = false;

bool may_allocate() {
  if (left_until_failure == Memory::unlimited) return true;
  if (left_until_failure > 0) {
    left_until_failure--;
    return true;
  }
  failed = true;
  return false;
}

void* counted_malloc(std::size_t size) {
  if (!may_allocate()) return nullptr;
  balance++;
  return std::malloc(size);
}

void* counted_realloc(void* old, std::size_t size) {
  if (!may_allocate()) return nullptr;
  if (old == nullptr) balance++;
  return std::realloc(old, size);
}

void counted_free(void* memory) {
  if (memory != nullptr) balance--;
  std::free(memory);
}

std::size_t entries_of(const char* directory) {
  DIR* open = opendir(directory);
  std::size_t count = 0;
  while (readdir(open) != nullptr) count++;
  closedir(open);
  return count - 2;  // "." and ".."
}

}  // namespace

Memory::Memory(long left) {
  balance = 0;
  set_left(left);
  ev::set_memory_functions(counted_malloc, counted_realloc, counted_free);
}

Memory::~Memory() { ev::set_memory_functions(nullptr, nullptr, nullptr); }

void Memory::set_left(long left) {
  failed = false;
  left_until_failure = left;
}

bool Memory::ran_out() { return failed; }

long Memory::outstanding() { return balance; }

std::size_t open_descriptors() { return entries_of("/proc/self/fd") - 1; }  // but the folder's own

std::size_t running_threads() { return entries_of("/proc/self/task"); }

}  // namespace test

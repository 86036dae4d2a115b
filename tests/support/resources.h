// What a test may run out of, or leave behind: memory, descriptors, threads.
#pragma once

#include <cstddef>

namespace test {

// While it lives, the allocation after `left` more ones fails, and memory that is out is counted.
class Memory {
 public:
  static constexpr long unlimited = -1;

  explicit Memory(long left = unlimited);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;

  static void set_left(long left);
  static bool ran_out();      // since set_left()
  static long outstanding();  // taken minus given back since the beginning
};

// How many this process has.
std::size_t open_descriptors();
std::size_t running_threads();

}  // namespace test

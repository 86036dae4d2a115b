// What a reader got when, and what it spent on it, for the rate limit benchmarks.
#pragma once

#include <cstddef>
#include <vector>

namespace bench {

using Counts = std::vector<double>;

// What arrived when: the sum in short windows, each member's bytes in seconds.
class Record {
 public:
  Record(std::size_t members, double seconds);

  // What is added before the start and after the finish does not count.
  void start();
  void finish();
  void add(std::size_t member, std::size_t bytes);

  // One line of JSON, for the driver. `configured` is in bytes per second.
  void print(double configured) const;

 private:
  Counts sums_;
  std::vector<Counts> by_second_;
  Counts totals_;
  double reads_ = 0;
  double started_ = 0;
  double elapsed_ = 0;
  double cpu_ = 0;
};

}  // namespace bench

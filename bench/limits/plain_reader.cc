// Reads whatever comes and counts it in the same windows as rate_limited_reader: for limits that
// somebody else imposes.

#include <unistd.h>

#include <array>
#include <cstdio>
#include <ctime>
#include <numeric>
#include <vector>

#include "common/options.h"
#include "common/sockets.h"

namespace {

constexpr double window = 0.01;

double now() {
  timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

// Bytes in each window between `start` and `end`.
std::vector<double> read_until(int fd, double start, double end) {
  static std::array<char, 256 * 1024> bytes;
  std::vector<double> windows(static_cast<std::size_t>((end - start) / window + 0.5));
  for (;;) {
    const ssize_t got =
        bench::checked(static_cast<int>(read(fd, bytes.data(), bytes.size())), "read");
    const double when = now();
    if (got == 0 || when >= end) return windows;
    if (when < start) continue;
    const auto index = static_cast<std::size_t>((when - start) / window);
    if (index < windows.size()) windows[index] += static_cast<double>(got);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  const int fd = bench::connect_to(options.integer<std::uint16_t>("port", 0),
                                   options.text("address", "127.0.0.1"));
  const double seconds = options.number("seconds", 5);
  const double start = now() + options.number("warmup", 0.5);
  const std::vector<double> windows = read_until(fd, start, start + seconds);
  const double sum = std::accumulate(windows.begin(), windows.end(), 0.0);
  std::printf("{\"delivered\": %.5f, \"windows\": [", sum / seconds / options.number("rate", 1e6));
  for (std::size_t i = 0; i < windows.size(); ++i) {
    std::printf("%s%.0f", i != 0 ? ", " : "", windows[i]);
  }
  std::printf("]}\n");
  return 0;
}

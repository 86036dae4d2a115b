#include "sys/quick_clock.h"

#include <algorithm>

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#endif

namespace ev {

#if defined(__x86_64__)
namespace {

// Does the cycle counter run at one rate whatever the processor does?
bool counter_is_steady() noexcept {
  unsigned a, b, c, d;
  return __get_cpuid(0x80000007, &a, &b, &c, &d) != 0 && (d & 1u << 8) != 0;
}
const bool has_steady_counter = counter_is_steady();

constexpr std::uint64_t most_cycles = 1 << 15;

}  // namespace

// Shortly after a reading, the cycles since then are added as nanoseconds. That is too much, since
// a cycle is shorter, but not by much.
TimePoint QuickClock::now() noexcept {
  if (!has_steady_counter) return monotonic_now();
  const std::uint64_t cycles = __rdtsc();
  const std::uint64_t since = cycles - cycles_;
  if (since < most_cycles) return latest_ = read_ + Duration(since);
  cycles_ = cycles;
  return latest_ = read_ = std::max(monotonic_now(), latest_);
}
#else
TimePoint QuickClock::now() noexcept { return monotonic_now(); }
#endif

}  // namespace ev

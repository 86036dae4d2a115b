#include "limits/record.h"

#include <cstdio>
#include <ctime>
#include <numeric>

namespace bench {
namespace {

constexpr double short_window = 0.01;
constexpr double long_window = 1;

double seconds_of(clockid_t clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// Jain's index: 1 when all shares are equal, 1/n when one has everything.
double fairness(const Counts& shares) {
  const double sum = std::accumulate(shares.begin(), shares.end(), 0.0);
  const double squares = std::inner_product(shares.begin(), shares.end(), shares.begin(), 0.0);
  return squares > 0 ? sum * sum / (static_cast<double>(shares.size()) * squares) : 0;
}

}  // namespace

Record::Record(std::size_t members, double seconds)
    : sums_(static_cast<std::size_t>(seconds / short_window + 0.5)),
      by_second_(static_cast<std::size_t>(seconds / long_window), Counts(members)),
      totals_(members) {}

void Record::start() {
  started_ = seconds_of(CLOCK_MONOTONIC);
  cpu_ = seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

void Record::finish() {
  elapsed_ = seconds_of(CLOCK_MONOTONIC) - started_;
  cpu_ = seconds_of(CLOCK_PROCESS_CPUTIME_ID) - cpu_;
  started_ = 0;
}

void Record::add(std::size_t member, std::size_t bytes) {
  if (started_ == 0) return;
  const double when = seconds_of(CLOCK_MONOTONIC) - started_;
  const auto count = static_cast<double>(bytes);
  const auto short_index = static_cast<std::size_t>(when / short_window);
  const auto long_index = static_cast<std::size_t>(when / long_window);
  totals_[member] += count;
  ++reads_;
  if (short_index < sums_.size()) sums_[short_index] += count;
  if (long_index < by_second_.size()) by_second_[long_index][member] += count;
}

void Record::print(double configured) const {
  const double bytes = std::accumulate(totals_.begin(), totals_.end(), 0.0);
  std::printf("{\"delivered\": %.5f, \"cpu_us_per_mb\": %.3f, \"cpu_share\": %.5f, ",
              bytes / elapsed_ / configured, cpu_ * 1e12 / bytes, cpu_ / elapsed_);
  std::printf("\"reads\": %.0f, \"cpu_us_per_read\": %.4f, ", reads_, cpu_ * 1e6 / reads_);
  std::printf("\"fairness\": %.6f, \"fairness_by_second\": [", fairness(totals_));
  for (std::size_t i = 0; i < by_second_.size(); ++i) {
    std::printf("%s%.6f", i ? ", " : "", fairness(by_second_[i]));
  }
  std::printf("], \"windows\": [");
  for (std::size_t i = 0; i < sums_.size(); ++i) std::printf("%s%.0f", i ? ", " : "", sums_[i]);
  std::printf("]}\n");
}

}  // namespace bench

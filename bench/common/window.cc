#include "common/window.h"

#include <bit>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

namespace bench {
namespace {

Clock::duration from_seconds(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

double to_seconds(Clock::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

}  // namespace

std::uint64_t cpu_time_of(pid_t process) {
  std::uint64_t total = 0;
  const std::string tasks = "/proc/" + std::to_string(process) + "/task";
  for (const auto& task : std::filesystem::directory_iterator(tasks)) {
    std::uint64_t on_cpu = 0;
    if (std::ifstream(task.path() / "schedstat") >> on_cpu) total += on_cpu;
  }
  return total;
}

void Latencies::add(Clock::duration latency) {
  const auto nanoseconds = static_cast<std::uint64_t>(latency.count()) | 16;
  const auto exponent = static_cast<std::size_t>(std::bit_width(nanoseconds) - 1);
  const std::size_t fraction = (nanoseconds >> (exponent - 4)) & 15;
  ++buckets_[exponent * 16 + fraction];
  ++count_;
}

double Latencies::percentile(double share) const {
  const double wanted = share * static_cast<double>(count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets_.size(); ++i) {
    seen += buckets_[i];
    if (seen == 0 || static_cast<double>(seen) < wanted) continue;
    const auto upper_edge = (17 + i % 16) << (i / 16 - 4);
    return static_cast<double>(upper_edge) / 1000;
  }
  return 0;
}

Window::Window(double warm_up_seconds, double measured_seconds, pid_t server)
    : length_(from_seconds(measured_seconds)),
      next_change_(Clock::now() + from_seconds(warm_up_seconds)),
      server_(server) {}

bool Window::open() {
  const Clock::time_point now = Clock::now();
  if (phase_ != Phase::over && now >= next_change_) {
    phase_ == Phase::warming_up ? start(now) : finish(now);
  }
  return phase_ != Phase::over;
}

void Window::start(Clock::time_point now) {
  phase_ = Phase::measuring;
  started_ = now;
  next_change_ = now + length_;
  server_cpu_ = cpu_time_of(server_);
}

void Window::finish(Clock::time_point now) {
  phase_ = Phase::over;
  elapsed_ = now - started_;
  server_cpu_ = cpu_time_of(server_) - server_cpu_;
}

void Window::count(std::uint64_t bytes, Clock::time_point started) {
  if (phase_ != Phase::measuring) return;
  latencies_.add(Clock::now() - started);
  count(bytes);
}

void Window::count(std::uint64_t bytes) {
  if (phase_ != Phase::measuring) return;
  ++units_;
  bytes_ += bytes;
}

void Window::print() const {
  std::printf(
      "{\"units\": %llu, \"bytes\": %llu, \"seconds\": %.6f, \"server_cpu_ns\": %llu, "
      "\"p50_us\": %.1f, \"p99_us\": %.1f}\n",
      static_cast<unsigned long long>(units_), static_cast<unsigned long long>(bytes_),
      to_seconds(elapsed_), static_cast<unsigned long long>(server_cpu_),
      latencies_.percentile(0.5), latencies_.percentile(0.99));
}

}  // namespace bench

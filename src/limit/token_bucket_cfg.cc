#include "limit/token_bucket_cfg.h"

#include <climits>
#include <cstdint>
#include <optional>

namespace {

// event_base_init_common_timeout() marks its result in the upper bits of tv_usec; a program may
// pass it as a tick.
constexpr std::uint32_t common_timeout_mask = 0xf0000000;
constexpr std::uint32_t common_timeout_mark = 0x50000000;
constexpr std::uint32_t microseconds_mask = 0x000fffff;

constexpr std::int64_t most_seconds = INT_MAX / 1000;

std::int64_t microseconds(const timeval& time) {
  const auto bits = static_cast<std::uint32_t>(time.tv_usec);
  if ((bits & common_timeout_mask) == common_timeout_mark) return bits & microseconds_mask;
  return time.tv_usec;
}

std::optional<ev::Duration> tick_length(const timeval* tick) {
  if (tick == nullptr) return std::chrono::seconds(1);
  if (tick->tv_sec < 0 || tick->tv_sec > most_seconds) return std::nullopt;
  const std::int64_t milliseconds = std::int64_t{tick->tv_sec} * 1000 + microseconds(*tick) / 1000;
  // Microseconds of a million and more are no way around it.
  if (milliseconds < 1 || milliseconds >= (most_seconds + 1) * 1000) return std::nullopt;
  return std::chrono::milliseconds(milliseconds);
}

}  // namespace

ev_token_bucket_cfg* ev_token_bucket_cfg::create(std::size_t read_rate, std::size_t read_burst,
                                                 std::size_t write_rate, std::size_t write_burst,
                                                 const timeval* tick) {
  const std::optional<ev::Duration> length = tick_length(tick);
  if (!length) return nullptr;
  return create(ev::Limit{{read_rate, *length}, read_burst},
                ev::Limit{{write_rate, *length}, write_burst});
}

ev_token_bucket_cfg* ev_token_bucket_cfg::create(const ev::Limit& read, const ev::Limit& write) {
  if (!read.valid() || !write.valid()) return nullptr;
  return new ev_token_bucket_cfg(read, write);
}

void ev_token_bucket_cfg::release() const noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

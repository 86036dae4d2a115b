// The C functions of event2/bevel.h about rate limits, in its order.
#include <event2/bevel.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>

#include "capi/stream_door.h"
#include "net/tcp_options.h"
#include "stream/rate_group.h"

using ev::Direction;
using ev::Limit;
using ev::on_stream;
using ev::Rate;
using ev::Stream;

namespace {

constexpr std::size_t largest_packet = 65535;

// Zero and what does not fit is no valid tick.
ev::Duration tick_of(ev_uint64_t nanoseconds) {
  constexpr auto most = static_cast<ev_uint64_t>(std::numeric_limits<std::int64_t>::max());
  return ev::Duration(nanoseconds <= most ? static_cast<std::int64_t>(nanoseconds) : 0);
}

std::optional<ev::RefillMode> mode_of(bevel_refill mode) {
  switch (mode) {
    case BEVEL_REFILL_SMOOTH:
      return ev::RefillMode::smooth;
    case BEVEL_REFILL_TICKS:
      return ev::RefillMode::ticks;
    case BEVEL_REFILL_EXACT:
      return ev::RefillMode::exact;
  }
  return std::nullopt;
}

ev_uint64_t nanoseconds(ev::Duration time) { return static_cast<ev_uint64_t>(time.count()); }

// As much of it as the caller knows; what we do not know is 0.
void fill(bevel_rate_limit_stats* stats, const ev::LimitStats& read, const ev::LimitStats& write) {
  const bevel_rate_limit_stats all{stats->size,
                                   read.bytes,
                                   write.bytes,
                                   read.waits,
                                   write.waits,
                                   nanoseconds(read.throttled),
                                   nanoseconds(write.throttled)};
  const std::size_t known = std::min(stats->size, sizeof all);
  std::memset(stats, 0, all.size);
  std::memcpy(stats, &all, known);
}

// A size that no version will ever have was not set at all.
bool has_room(const bevel_rate_limit_stats* stats) {
  return stats != nullptr && stats->size >= sizeof(bevel_rate_limit_stats) && stats->size <= 4096;
}

}  // namespace

ev_token_bucket_cfg* bevel_token_bucket_cfg_new(size_t read_rate, size_t read_burst,
                                                size_t write_rate, size_t write_burst,
                                                ev_uint64_t tick_nanoseconds, bevel_refill mode) {
  const std::optional<ev::RefillMode> refill = mode_of(mode);
  const ev::Duration tick = tick_of(tick_nanoseconds);
  if (!refill) return errno = EINVAL, nullptr;
  const Limit read{{read_rate, tick}, read_burst, *refill};
  const Limit write{{write_rate, tick}, write_burst, *refill};
  if (!read.valid() || !write.valid()) return errno = EINVAL, nullptr;
  return ev::made_or_null([&] { return ev_token_bucket_cfg::create(read, write); });
}

int bevel_rate_limit_group_set_parent(bufferevent_rate_limit_group* group,
                                      bufferevent_rate_limit_group* parent) {
  if (group == nullptr) return ev::refused();
  return group->set_parent(parent, group->now()) ? 0 : ev::refused();
}

int bevel_rate_limit_group_set_weight(bufferevent_rate_limit_group* group, unsigned weight) {
  return group != nullptr && group->set_weight(weight) ? 0 : ev::refused();
}

int bevel_rate_limit_group_set_assured(bufferevent_rate_limit_group* group, size_t read_rate,
                                       size_t write_rate, ev_uint64_t tick_nanoseconds) {
  if (group == nullptr) return ev::refused();
  const ev::Duration tick = tick_of(tick_nanoseconds);
  const size_t most = std::max(read_rate, write_rate);
  if (most > 0 && !Limit{{most, tick}, most}.valid()) return ev::refused();
  const ev::TimePoint now = group->now();
  const auto set = [&](Direction direction, size_t bytes) {
    group->set_assured(direction, bytes > 0 ? std::optional(Rate{bytes, tick}) : std::nullopt, now);
  };
  set(Direction::read, read_rate);
  set(Direction::write, write_rate);
  return 0;
}

int bevel_set_rate_limit_weight(bufferevent* bev, unsigned weight) {
  if (weight == 0) return ev::refused();
  return on_stream(bev, [&](Stream& stream) { return stream.make_throttle().set_weight(weight); });
}

int bevel_set_segment_overhead(bufferevent* bev, size_t overhead, size_t segment_size) {
  if (overhead > largest_packet || segment_size > largest_packet) return ev::refused();
  return on_stream(bev, [&](Stream& stream) {
    if (overhead == 0 && stream.throttle() == nullptr) return true;
    const bool asked = overhead != 0 && segment_size == 0;
    const size_t size =
        asked ? ev::max_segment_size(stream.fd()) : std::max(segment_size, size_t{1});
    if (size == 0) return false;
    stream.make_throttle().set_segment_cost(
        {static_cast<std::uint32_t>(overhead), static_cast<std::uint32_t>(size)});
    return true;
  });
}

int bevel_clamp_receive_window(bufferevent* bev, size_t bytes) {
  return on_stream(bev, [&](Stream& stream) {
    const ev::Throttle* limits = stream.throttle();
    if (bytes == 0 && limits != nullptr) {
      const auto burst = limits->burst(Direction::read);
      if (burst) bytes = std::max<std::size_t>(*burst, ev::least_receive_window);
    }
    if (bytes == 0 || bytes == EV_RATE_LIMIT_MAX) return errno = EINVAL, false;
    return ev::clamp_receive_window(stream.fd(), bytes);
  });
}

int bevel_get_rate_limit_stats(bufferevent* bev, bevel_rate_limit_stats* stats) {
  if (!has_room(stats)) return ev::refused();
  return on_stream(bev, [&](Stream& stream) {
    const ev::Throttle* limits = stream.throttle();
    const ev::TimePoint now = stream.loop().now();
    const auto of = [&](Direction direction) {
      return limits != nullptr ? limits->stats(direction, now) : ev::LimitStats{};
    };
    fill(stats, of(Direction::read), of(Direction::write));
  });
}

int bevel_rate_limit_group_get_stats(bufferevent_rate_limit_group* group,
                                     bevel_rate_limit_stats* stats) {
  if (group == nullptr || !has_room(stats)) return ev::refused();
  const ev::TimePoint now = group->now();
  fill(stats, group->stats(Direction::read, now), group->stats(Direction::write, now));
  return 0;
}

// The C functions of event2/bufferevent.h about limits, in its order.
#include <event2/bufferevent.h>

#include <cerrno>

#include "capi/stream_door.h"
#include "stream/rate_group.h"

using ev::Direction;
using ev::Hold;
using ev::on_stream;
using ev::Stream;

namespace {

int decrement(bufferevent* bev, Direction direction, ev_ssize_t bytes) {
  return on_stream(bev, [&](Stream& stream) {
    ev::Throttle* limits = stream.throttle();
    if (limits != nullptr && limits->decrement(direction, bytes, stream.loop().now())) return true;
    errno = EINVAL;  // nothing to take from: no limit of its own
    return false;
  });
}

int decrement(bufferevent_rate_limit_group* group, Direction direction, ev_ssize_t bytes) {
  if (group == nullptr) return ev::refused();
  group->decrement(direction, bytes, group->now());
  return 0;
}

ev_ssize_t limit(bufferevent* bev, Direction direction) {
  if (bev == nullptr) return EV_SSIZE_MAX;
  Stream& stream = Stream::of(bev);
  Hold hold(stream);
  ev::Throttle* limits = stream.throttle();
  return limits == nullptr ? EV_SSIZE_MAX : limits->limit(direction, stream.loop().now());
}

ev_ssize_t limit(bufferevent_rate_limit_group* group, Direction direction) {
  return group == nullptr ? EV_SSIZE_MAX : group->limit(direction, group->now());
}

}  // namespace

ev_token_bucket_cfg* ev_token_bucket_cfg_new(size_t read_rate, size_t read_burst, size_t write_rate,
                                             size_t write_burst, const timeval* tick) {
  return ev::made_or_null([&] {
    return ev_token_bucket_cfg::create(read_rate, read_burst, write_rate, write_burst, tick);
  });
}

void ev_token_bucket_cfg_free(ev_token_bucket_cfg* cfg) {
  if (cfg != nullptr) cfg->release();
}

int bufferevent_set_rate_limit(bufferevent* bev, ev_token_bucket_cfg* cfg) {
  return on_stream(bev, [&](Stream& stream) {
    if (cfg == nullptr && stream.throttle() == nullptr) return;
    stream.make_throttle().set_cfg(cfg, stream.loop().now());
  });
}

bufferevent_rate_limit_group* bufferevent_rate_limit_group_new(event_base* base,
                                                               const ev_token_bucket_cfg* cfg) {
  if (base == nullptr || cfg == nullptr) return errno = EINVAL, nullptr;
  return ev::made_or_null([&] { return new bufferevent_rate_limit_group(*base, *cfg); });
}

int bufferevent_rate_limit_group_set_cfg(bufferevent_rate_limit_group* group,
                                         const ev_token_bucket_cfg* cfg) {
  if (group == nullptr || cfg == nullptr) return ev::refused();
  group->set_cfg(*cfg, group->now());
  return 0;
}

int bufferevent_rate_limit_group_set_min_share(bufferevent_rate_limit_group* group, size_t bytes) {
  if (group == nullptr || !group->set_min_share(bytes)) return ev::refused();
  return 0;
}

void bufferevent_rate_limit_group_free(bufferevent_rate_limit_group* group) { delete group; }

int bufferevent_add_to_rate_limit_group(bufferevent* bev, bufferevent_rate_limit_group* group) {
  if (group == nullptr) return bufferevent_remove_from_rate_limit_group(bev);
  return on_stream(bev, [&](Stream& stream) {
    ev::Throttle& limits = stream.make_throttle();
    if (limits.group() != group) limits.join(*group, stream.loop().now());
  });
}

int bufferevent_remove_from_rate_limit_group(bufferevent* bev) {
  return on_stream(bev, [](Stream& stream) {
    if (stream.throttle() != nullptr) stream.throttle()->leave(stream.loop().now());
  });
}

int bufferevent_set_max_single_read(bufferevent* bev, size_t size) {
  return on_stream(bev, [&](Stream& stream) { stream.set_max_single_read(size); });
}

int bufferevent_set_max_single_write(bufferevent* bev, size_t size) {
  return on_stream(bev, [&](Stream& stream) { stream.set_max_single_write(size); });
}

ev_ssize_t bufferevent_get_max_single_read(bufferevent* bev) {
  if (bev == nullptr) return ev::refused();
  Hold hold(Stream::of(bev));
  return static_cast<ev_ssize_t>(Stream::of(bev).max_single_read());
}

ev_ssize_t bufferevent_get_max_single_write(bufferevent* bev) {
  if (bev == nullptr) return ev::refused();
  Hold hold(Stream::of(bev));
  return static_cast<ev_ssize_t>(Stream::of(bev).max_single_write());
}

ev_ssize_t bufferevent_get_read_limit(bufferevent* bev) { return limit(bev, Direction::read); }

ev_ssize_t bufferevent_get_write_limit(bufferevent* bev) { return limit(bev, Direction::write); }

ev_ssize_t bufferevent_get_max_to_read(bufferevent* bev) {
  if (bev == nullptr) return ev::refused();
  Hold hold(Stream::of(bev));
  return static_cast<ev_ssize_t>(Stream::of(bev).may_read());
}

ev_ssize_t bufferevent_get_max_to_write(bufferevent* bev) {
  if (bev == nullptr) return ev::refused();
  Hold hold(Stream::of(bev));
  return static_cast<ev_ssize_t>(Stream::of(bev).may_write());
}

const ev_token_bucket_cfg* bufferevent_get_token_bucket_cfg(const bufferevent* bev) {
  if (bev == nullptr) return nullptr;
  Stream& stream = Stream::of(const_cast<bufferevent*>(bev));
  Hold hold(stream);
  return stream.throttle() == nullptr ? nullptr : stream.throttle()->cfg();
}

ev_ssize_t bufferevent_rate_limit_group_get_read_limit(bufferevent_rate_limit_group* group) {
  return limit(group, Direction::read);
}

ev_ssize_t bufferevent_rate_limit_group_get_write_limit(bufferevent_rate_limit_group* group) {
  return limit(group, Direction::write);
}

int bufferevent_decrement_read_limit(bufferevent* bev, ev_ssize_t bytes) {
  return decrement(bev, Direction::read, bytes);
}

int bufferevent_decrement_write_limit(bufferevent* bev, ev_ssize_t bytes) {
  return decrement(bev, Direction::write, bytes);
}

int bufferevent_rate_limit_group_decrement_read(bufferevent_rate_limit_group* group,
                                                ev_ssize_t bytes) {
  return decrement(group, Direction::read, bytes);
}

int bufferevent_rate_limit_group_decrement_write(bufferevent_rate_limit_group* group,
                                                 ev_ssize_t bytes) {
  return decrement(group, Direction::write, bytes);
}

void bufferevent_rate_limit_group_get_totals(bufferevent_rate_limit_group* group,
                                             ev_uint64_t* total_read, ev_uint64_t* total_written) {
  if (group == nullptr) return;
  if (total_read != nullptr) *total_read = group->total(Direction::read);
  if (total_written != nullptr) *total_written = group->total(Direction::write);
}

void bufferevent_rate_limit_group_reset_totals(bufferevent_rate_limit_group* group) {
  if (group != nullptr) group->reset_totals();
}

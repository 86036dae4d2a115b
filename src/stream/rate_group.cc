#include "stream/rate_group.h"

#include "loop/event.h"

bufferevent_rate_limit_group::bufferevent_rate_limit_group(event_base& loop,
                                                           const ev::TokenBucketCfg& cfg)
    : RateGroup(cfg, loop.now()), loop_(loop) {
  ev::assign(timer_, &loop, -1, 0, on_timer, this);
}

bufferevent_rate_limit_group::~bufferevent_rate_limit_group() {
  close(now());
  if (event_base::is_alive(&loop_)) loop_.remove(timer_);
}

ev::TimePoint bufferevent_rate_limit_group::now() const noexcept {
  return event_base::is_alive(&loop_) ? loop_.now() : ev::TimePoint{};
}

void bufferevent_rate_limit_group::arm(std::optional<ev::TimePoint> when) {
  if (event_base::is_alive(&loop_)) loop_.set_timer(timer_, when);
}

void bufferevent_rate_limit_group::on_timer(int, short, void* self) {
  auto& group = *static_cast<bufferevent_rate_limit_group*>(self);
  group.serve(group.loop_.now());
}

// A rate limit group on a loop: the timer that hands out tokens while somebody waits. The C tag is
// this class.
#pragma once

#include "limit/group.h"
#include "loop/loop.h"

struct bufferevent_rate_limit_group final : public ev::RateGroup {
 public:
  bufferevent_rate_limit_group(event_base& loop, const ev::TokenBucketCfg& cfg);
  ~bufferevent_rate_limit_group();

  // Programs free a loop and its groups in any order. Without its loop a group hands out no tokens.
  ev::TimePoint now() const noexcept;

 private:
  void arm(std::optional<ev::TimePoint> when) override;
  static void on_timer(int, short, void* self);

  event_base& loop_;
  event timer_{};
};

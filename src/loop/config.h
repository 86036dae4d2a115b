// event_config: what a program wishes of a new loop; and the environment variables that have a say.
#pragma once

#include <event2/event.h>

#include <memory>
#include <optional>
#include <vector>

#include "loop/backend.h"
#include "sys/clock.h"
#include "sys/memory.h"

namespace ev {

struct StringRelease {
  void operator()(char* text) const noexcept { release(text); }
};

// When to look for new events although callbacks are still waiting.
struct DispatchLimits {
  std::optional<Duration> time;
  std::optional<int> callbacks;
  int from_priority = 0;  // they hold for this priority and the less important ones

  bool any() const noexcept { return time || callbacks; }
};

}  // namespace ev

struct event_config final : ev::Allocated {
 public:
  void avoid(const char* method);  // throws std::bad_alloc
  void require(int features) noexcept { features_ = features; }
  void set_flags(int flags) noexcept { flags_ |= flags; }
  void set_limits(const timeval* interval, int callbacks, int min_priority) noexcept;

  bool has_flag(int flag) const noexcept { return (flags_ & flag) != 0; }
  const ev::DispatchLimits& limits() const noexcept { return limits_; }
  bool is_precise() const noexcept;  // by flag or environment
  const char* name_of(const ev::BackendInfo& method) const noexcept;
  // True when the method is wanted: it was not avoided, has the features, and the environment does
  // not forbid it.
  bool accepts(const ev::BackendInfo& method) const noexcept;

 private:
  bool asks_for(int flag, const char* variable) const noexcept;

  std::vector<std::unique_ptr<char, ev::StringRelease>,
              ev::Allocator<std::unique_ptr<char, ev::StringRelease>>>
      avoided_;
  int features_ = 0;
  int flags_ = 0;
  ev::DispatchLimits limits_;
};

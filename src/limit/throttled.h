// What this layer needs to know of a stream: how to tell it something. Streams implement it.
#pragma once

#include <optional>

#include "limit/direction.h"
#include "sys/clock.h"

namespace ev {

// Both calls may come from any thread and with the lock of a tree of groups held. They note what
// they are told in the stream's own loop (a deferred callback, a timer) and return; they take no
// stream's lock and call nothing of limit/.
class Throttled {
 public:
  // There is something to move again, or no limit any more: ask for an allowance, or cancel the
  // wait.
  virtual void resume(Direction direction) = 0;
  // Have Throttle::on_timer() called at `when` instead of any earlier answer; empty: not at all.
  virtual void arm(std::optional<TimePoint> when) = 0;

 protected:
  ~Throttled() = default;
};

}  // namespace ev

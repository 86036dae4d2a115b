// What limits one stream (limit/throttle.h), tied to its loop: the timer of its own limit, and the
// deferred call that lets a waiting direction go on. Belongs to the stream and is used under its
// lock; resume() and arm() come from any thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>

#include "limit/throttle.h"
#include "loop/deferred.h"
#include "loop/loop.h"

namespace ev {

class Stream;

class Limiter final : public Throttled, public Allocated {
 public:
  explicit Limiter(Stream& stream);
  ~Limiter();
  Limiter(const Limiter&) = delete;
  Limiter& operator=(const Limiter&) = delete;

  Throttle& throttle() noexcept { return *throttle_; }
  Deferred& deferred() noexcept { return resume_; }
  // For tokens, or to be told that it may go on.
  bool is_waiting() const noexcept {
    return throttle_->waiting(Direction::read) || throttle_->waiting(Direction::write) ||
           resume_.is_scheduled();
  }

  // Around the move of the stream to another loop. Only while it does not wait, so that no other
  // thread calls meanwhile.
  void leave_loop() noexcept;
  void enter_loop() noexcept;
  // For good: until it has left its group, another thread may call resume().
  void retire() noexcept;

 private:
  void resume(Direction direction) override;
  void arm(std::optional<TimePoint> when) override;
  static void on_timer(int, short, void* limited);
  static void run_resume(event_callback*, void* limited);
  static void go_on(Stream& stream, unsigned due);

  Stream& stream_;
  event timer_{};
  std::optional<Throttle> throttle_;
  Deferred resume_;
  std::atomic<std::uint8_t> due_{0};  // directions that may go on, as bits of their index
};

}  // namespace ev

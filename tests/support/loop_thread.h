// Loops in threads of their own, and waiting for what they do.
#pragma once

#include <event2/event.h>

#include <chrono>
#include <functional>
#include <thread>

namespace test {

// A loop that runs in a thread of its own for as long as this lives.
class LoopThread {
 public:
  LoopThread()
      : loop_(event_base_new()),
        thread_([this] { event_base_loop(loop_, EVLOOP_NO_EXIT_ON_EMPTY); }) {}
  ~LoopThread() {
    stop();
    event_base_free(loop_);
  }
  void stop() {
    if (!thread_.joinable()) return;
    constexpr timeval now{};
    event_base_loopexit(loop_, &now);
    thread_.join();
  }
  event_base* loop() const { return loop_; }

 private:
  event_base* loop_;
  std::thread thread_;
};

// Waits without sleeping for a fixed time; false after ten seconds.
inline bool happens(const std::function<bool()>& what) {
  for (int i = 0; i < 100'000; i++) {
    if (what()) return true;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
  }
  return false;
}

}  // namespace test

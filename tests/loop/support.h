// What the tests of the loop share: a clock that is handed on, a backend that says what it is told
// to, descriptors.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <vector>

#include "loop/backend.h"
#include "loop/loop.h"

namespace ev {

// The parameter's name and its value in what GoogleTest prints.
inline void PrintTo(const BackendInfo& info, std::ostream* out) { *out << info.name; }

}  // namespace ev

namespace ev::test {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

inline TimePoint fake_now{};
inline TimePoint fake_clock() noexcept { return fake_now; }

// Remembers the interests. wait() lets the time pass that it was given, unless something is ready.
class FakeBackend final : public Backend {
 public:
  bool change(int fd, Interest before, Interest now) override {
    calls++;
    if (refused.count(fd) != 0 && any(now)) {
      errno = EPERM;
      return false;
    }
    EXPECT_EQ(before, known.count(fd) != 0 ? known[fd] : Interest::none);
    if (any(now)) {
      known[fd] = now;
    } else {
      known.erase(fd);
    }
    return true;
  }

  bool wait(std::optional<Duration> timeout, Lock&, ReadySink& sink) override {
    timeouts.push_back(timeout);
    if (on_wait) on_wait();
    for (const auto& [fd, what] : std::exchange(next_ready, {})) sink.ready(fd, what);
    if (timeout) fake_now += *timeout;
    return true;
  }

  std::map<int, Interest> known;
  std::set<int> refused;
  std::vector<std::pair<int, Interest>> next_ready;
  std::vector<std::optional<Duration>> timeouts;
  std::function<void()> on_wait;
  int calls = 0;
};

inline constexpr BackendInfo fake_info{"fake", nullptr, 0, nullptr};

// A loop over a FakeBackend and the fake clock.
class FakeLoop {
 public:
  explicit FakeLoop(const event_config& config = {}) {
    fake_now = TimePoint(seconds(1000));
    auto made = std::make_unique<FakeBackend>();
    backend = made.get();
    loop.reset(new event_base(config, fake_info, std::move(made), fake_clock));
  }
  ~FakeLoop() { loop->close(true); }

  event_base* operator->() const { return loop.get(); }
  event_base& operator*() const { return *loop; }

  FakeBackend* backend;
  std::unique_ptr<event_base> loop;
};

// An event whose callback is a std::function.
class TestEvent {
 public:
  using Callback = std::function<void(short what)>;

  TestEvent(Loop& loop, int fd, short what, Callback callback = {})
      : loop_(loop), callback_(std::move(callback)) {
    EXPECT_TRUE(assign(ev, &loop, fd, what, run, this));
  }
  ~TestEvent() { loop_.remove(ev); }
  TestEvent(const TestEvent&) = delete;
  TestEvent& operator=(const TestEvent&) = delete;

  bool add() { return loop_.add(ev, nullptr); }
  bool add(Duration timeout) {
    const timeval time = to_timeval(timeout);
    return loop_.add(ev, &time);
  }

  event ev{};
  int runs = 0;
  short last = 0;

 private:
  static void run(int, short what, void* arg) {
    auto* self = static_cast<TestEvent*>(arg);
    self->runs++;
    self->last = what;
    if (self->callback_) self->callback_(what);
  }

  Loop& loop_;
  Callback callback_;
};

// Two connected non-blocking sockets.
struct SocketPair {
  SocketPair() {
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
  }
  ~SocketPair() {
    for (const int fd : fds) {
      if (fd >= 0) ::close(fd);
    }
  }
  void close(int which) { ::close(std::exchange(fds[which], -1)); }
  void put(int which) { EXPECT_EQ(::write(fds[which], "x", 1), 1); }
  void take(int which) {
    char byte;
    EXPECT_EQ(::read(fds[which], &byte, 1), 1);
  }

  int fds[2] = {-1, -1};
};

// The real thing, closed at the end.
struct LoopCloser {
  void operator()(event_base* loop) const {
    loop->close(true);
    delete loop;
  }
};
using RealLoop = std::unique_ptr<event_base, LoopCloser>;
inline RealLoop make_loop(const event_config* config = nullptr) {
  return RealLoop(event_base::make(config));
}

}  // namespace ev::test

// Streams of every kind whose limits are tested, as a program sees them.
#pragma once

#include <event2/bevel.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace limits_test {

using Clock = std::chrono::steady_clock;

constexpr std::uint64_t hour = 3'600'000'000'000;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// A configuration with its owner.
class Cfg {
 public:
  Cfg(size_t read, size_t read_burst, size_t write, size_t write_burst, std::uint64_t tick,
      bevel_refill mode = BEVEL_REFILL_SMOOTH)
      : cfg_(bevel_token_bucket_cfg_new(read, read_burst, write, write_burst, tick, mode)) {}
  // The same both ways; without a tick: all of it at once, and nothing more during the test.
  explicit Cfg(size_t rate, std::uint64_t tick = hour, bevel_refill mode = BEVEL_REFILL_SMOOTH)
      : Cfg(rate, rate, rate, rate, tick, mode) {}
  ~Cfg() { ev_token_bucket_cfg_free(cfg_); }
  Cfg(const Cfg&) = delete;
  Cfg& operator=(const Cfg&) = delete;
  operator ev_token_bucket_cfg*() const { return cfg_; }

 private:
  ev_token_bucket_cfg* cfg_;
};

class Loop {
 public:
  ~Loop() { event_base_free(base_); }
  operator event_base*() const { return base_; }

  void turns(int count = 10) {
    for (; count > 0; --count) event_base_loop(base_, EVLOOP_ONCE | EVLOOP_NONBLOCK);
  }
  void run_for(std::chrono::milliseconds time) {
    const timeval delay{time.count() / 1000, time.count() % 1000 * 1000};
    event_base_loopexit(base_, &delay);
    event_base_loop(base_, EVLOOP_NO_EXIT_ON_EMPTY);
  }
  // False: it did not come true within ten seconds.
  bool run_until(const std::function<bool()>& done) {
    const Clock::time_point start = Clock::now();
    while (!done()) {
      if (seconds_since(start) > 10) return false;
      run_for(std::chrono::milliseconds(1));
    }
    return true;
  }

 private:
  event_base* base_ = event_base_new();
};

class Group {
 public:
  Group(event_base* base, const Cfg& cfg) : group_(bufferevent_rate_limit_group_new(base, cfg)) {}
  ~Group() { free(); }
  Group(const Group&) = delete;
  Group& operator=(const Group&) = delete;
  void free() {
    bufferevent_rate_limit_group_free(group_);
    group_ = nullptr;
  }
  operator bufferevent_rate_limit_group*() const { return group_; }

 private:
  bufferevent_rate_limit_group* group_;
};

inline void make_sockets(int sockets[2]) {
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets), 0);
}

// A connection over TCP, both ends non-blocking.
inline void make_connection(int sockets[2]) {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t length = sizeof address;
  ASSERT_EQ(bind(listener, generic, length), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, generic, &length), 0);
  sockets[0] = socket(AF_INET, SOCK_STREAM, 0);
  ASSERT_EQ(connect(sockets[0], generic, length), 0);
  sockets[1] = accept(listener, nullptr, nullptr);
  ASSERT_GE(sockets[1], 0);
  close(listener);
  for (const int fd : {sockets[0], sockets[1]}) fcntl(fd, F_SETFL, O_NONBLOCK);
}

// What carries the bytes between two ends.
enum class Kind { socket, pair, filter };

// Two connected streams that count what they get.
class Ends {
 public:
  Ends(event_base* base, Kind kind, int options = 0) {
    bufferevent* made[2];
    int sockets[2] = {-1, -1};
    if (kind == Kind::pair) {
      bufferevent_pair_new(base, options, made);
    } else {
      make_sockets(sockets);
      for (const int i : {0, 1}) {
        made[i] = bufferevent_socket_new(base, sockets[i], options | BEV_OPT_CLOSE_ON_FREE);
      }
    }
    if (kind == Kind::filter) {
      for (bufferevent*& bev : made) {
        bev = bufferevent_filter_new(bev, nullptr, nullptr, options | BEV_OPT_CLOSE_ON_FREE,
                                     nullptr, nullptr);
      }
    }
    for (const int i : {0, 1}) {
      ends_[i].bev = made[i];
      bufferevent_setcb(made[i], nullptr, nullptr, on_event, &ends_[i]);
      bufferevent_enable(made[i], EV_READ | EV_WRITE);
    }
  }
  ~Ends() {
    for (End& end : ends_) {
      if (end.bev != nullptr) bufferevent_free(end.bev);
    }
  }
  Ends(const Ends&) = delete;
  Ends& operator=(const Ends&) = delete;

  bufferevent* left() const { return ends_[0].bev; }
  bufferevent* right() const { return ends_[1].bev; }
  size_t arrived_left() const { return evbuffer_get_length(bufferevent_get_input(left())); }
  size_t arrived_right() const { return evbuffer_get_length(bufferevent_get_input(right())); }
  short events_left() const { return ends_[0].events; }
  short events_right() const { return ends_[1].events; }
  void free_left() {
    bufferevent_free(left());
    forget_left();
  }
  void forget_left() { ends_[0].bev = nullptr; }

 private:
  struct End {
    bufferevent* bev = nullptr;
    short events = 0;
  };
  static void on_event(bufferevent*, short what, void* end) {
    static_cast<End*>(end)->events |= what;
  }
  End ends_[2];
};

inline void write_bytes(bufferevent* bev, size_t size) {
  const std::string bytes(size, 'x');
  ASSERT_EQ(bufferevent_write(bev, bytes.data(), size), 0);
}

}  // namespace limits_test

// Question: what is the least that reading at a given pace can cost? One epoll that every stream is
// registered with, one recv per turn, ten turns a second for everybody, in a circle; all turns that
// are due within a tick in one go. No library, and no limiter: nothing is counted but the time.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <vector>

#include "common/abstract_socket.h"
#include "common/options.h"
#include "common/sockets.h"
#include "limits/record.h"

namespace {

using bench::checked;
using Clock = std::chrono::steady_clock;

constexpr double turns_each = 10;  // per second

Clock::duration span_of(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds));
}

class PacedReader {
 public:
  // Turns and bytes are per second and of all, times in seconds.
  PacedReader(std::size_t members, double turns, double rate, double tick, double seconds)
      : epoll_(checked(epoll_create1(0), "epoll_create1")),
        step_(span_of(1 / turns)),
        tick_(span_of(tick)),
        piece_(static_cast<std::size_t>(rate / turns)),
        record_(members, seconds) {
    accept(members);
  }

  void run(double warm_up, double seconds, double rate) {
    due_ = Clock::now();
    read_for(warm_up);
    record_.start();
    read_for(seconds);
    record_.finish();
    record_.print(rate);
  }

 private:
  void accept(std::size_t members) {
    const int listener = bench::listen_abstract_and_announce();
    bench::set_blocking(listener, true);
    while (members_.size() < members) {
      const int fd = checked(accept4(listener, nullptr, nullptr, SOCK_NONBLOCK), "accept4");
      epoll_event event{.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data = {.fd = fd}};
      checked(epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event), "epoll_ctl");
      members_.push_back(fd);
    }
  }

  void read_for(double seconds) {
    const auto end = Clock::now() + span_of(seconds);
    for (auto now = Clock::now(); now < end; now = Clock::now()) {
      for (; due_ <= now; due_ += step_) read_next();
      wait_until(std::max(due_, now + tick_));
    }
  }

  void read_next() {
    const ssize_t got = recv(members_[next_], piece_.data(), piece_.size(), 0);
    if (got < 0 && errno != EAGAIN) bench::die("recv");
    if (got > 0) record_.add(next_, static_cast<std::size_t>(got));
    next_ = (next_ + 1) % members_.size();
  }

  // In whole milliseconds, rounded up, like every loop on epoll_wait.
  void wait_until(Clock::time_point when) {
    std::array<epoll_event, 512> ready;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(when - Clock::now());
    if (left.count() <= 0) return;
    checked(epoll_wait(epoll_, ready.data(), int{ready.size()}, static_cast<int>(left.count())),
            "epoll_wait");
  }

  int epoll_;
  Clock::duration step_;
  Clock::duration tick_;
  Clock::time_point due_;
  std::vector<char> piece_;
  std::vector<int> members_;
  std::size_t next_ = 0;
  bench::Record record_;
};

}  // namespace

int main(int argc, char** argv) {
  const bench::Options options(argc, argv);
  const auto members = options.integer<std::size_t>("members", 1);
  const double turns = static_cast<double>(members) * turns_each;
  const bool one_group = options.text("limit", "own") == "group";
  const double rate = options.number("rate", 1e6) * (one_group ? 1 : static_cast<double>(members));
  const double seconds = options.number("seconds", 5);
  const double tick = options.number("tick", 10) / 1000;
  PacedReader(members, turns, rate, tick, seconds)
      .run(options.number("warmup", 0.5), seconds, rate);
  return 0;
}

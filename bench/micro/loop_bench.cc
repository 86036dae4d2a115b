// Question: what does the loop itself cost per activated event, per one-byte hop through a socket
// pair, and per event that is not persistent?

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "micro/support.h"

namespace {

using bench::Base;
using bench::Event;
using bench::new_base;
using bench::set_items;

void activate(benchmark::State& state) {
  const Base base = new_base();
  std::vector<Event> events(static_cast<std::size_t>(state.range(0)));
  for (Event& event : events) {
    event.reset(event_new(
        base.get(), -1, 0, [](evutil_socket_t, short, void*) {}, nullptr));
  }
  for (auto _ : state) {
    for (const Event& event : events) event_active(event.get(), EV_READ, 0);
    event_base_loop(base.get(), EVLOOP_NONBLOCK);
  }
  set_items(state, state.range(0));
}

void empty_turn(benchmark::State& state) {
  const Base base = new_base();
  const Event timer(event_new(
      base.get(), -1, 0, [](evutil_socket_t, short, void*) {}, nullptr));
  const timeval hour{.tv_sec = 3600, .tv_usec = 0};
  event_add(timer.get(), &hour);
  for (auto _ : state) event_base_loop(base.get(), EVLOOP_NONBLOCK);
  set_items(state);
}

class SocketPair {
 public:
  SocketPair() {
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds_.data()) < 0) std::abort();
  }
  SocketPair(const SocketPair&) = delete;
  SocketPair& operator=(const SocketPair&) = delete;
  ~SocketPair() {
    close(fds_[0]);
    close(fds_[1]);
  }
  int operator[](std::size_t end) const { return fds_[end]; }

 private:
  std::array<int, 2> fds_{};
};

void hop(int fd) {
  char byte;
  if (read(fd, &byte, 1) != 1 || write(fd, &byte, 1) != 1) std::abort();
}

// One end of a socket pair, watched: passes on every byte it gets.
struct Player {
  Event watch;
  int* hops_left = nullptr;
};

void pass_on(evutil_socket_t fd, short, void* arg) {
  const Player& player = *static_cast<Player*>(arg);
  event* const watch = player.watch.get();
  hop(fd);
  if (!(event_get_events(watch) & EV_PERSIST)) event_add(watch, nullptr);
  if (--*player.hops_left == 0) event_base_loopbreak(event_get_base(watch));
}

// A byte goes to and fro between the two ends of a pair, both watched by one loop.
void run_hops(benchmark::State& state, short flags) {
  constexpr int hops = 1000;
  const Base base = new_base();
  const SocketPair pair;
  int left = 0;
  std::array<Player, 2> players;
  for (std::size_t i = 0; i < 2; ++i) {
    players[i].hops_left = &left;
    players[i].watch.reset(event_new(base.get(), pair[i], flags, pass_on, &players[i]));
    event_add(players[i].watch.get(), nullptr);
  }
  if (write(pair[0], "x", 1) != 1) std::abort();
  for (auto _ : state) {
    left = hops;
    event_base_dispatch(base.get());
  }
  set_items(state, hops);
}

void persistent_hop(benchmark::State& state) { run_hops(state, EV_READ | EV_PERSIST); }
void one_shot_hop(benchmark::State& state) { run_hops(state, EV_READ); }

void raw_epoll_hop_limit(benchmark::State& state) {
  const SocketPair pair;
  const int epoll = epoll_create1(0);
  for (std::size_t i = 0; i < 2; ++i) {
    epoll_event event{.events = EPOLLIN, .data = {.fd = pair[i]}};
    epoll_ctl(epoll, EPOLL_CTL_ADD, pair[i], &event);
  }
  if (write(pair[0], "x", 1) != 1) std::abort();
  for (auto _ : state) {
    std::array<epoll_event, 32> ready;
    const int count = epoll_wait(epoll, ready.data(), int{ready.size()}, -1);
    for (int i = 0; i < count; ++i) hop(ready[static_cast<std::size_t>(i)].data.fd);
  }
  close(epoll);
  set_items(state);
}

void event_new_add_del_free(benchmark::State& state) {
  const Base base = new_base();
  const SocketPair pair;
  for (auto _ : state) {
    const Event event(event_new(
        base.get(), pair[0], EV_READ | EV_PERSIST, [](evutil_socket_t, short, void*) {}, nullptr));
    event_add(event.get(), nullptr);
  }
  set_items(state);
}

BENCHMARK(activate)->Arg(1)->Arg(64)->Arg(1000);
BENCHMARK(empty_turn);
BENCHMARK(persistent_hop);
BENCHMARK(one_shot_hop);
BENCHMARK(raw_epoll_hop_limit);
BENCHMARK(event_new_add_del_free);

}  // namespace

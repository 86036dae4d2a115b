// Signals. The process has one table of handlers; each loop that watches signals has a port in it.
// The handler only counts the delivery in the ports that watch the signal and rings their loops, so
// that several loops can watch the same signals at once. The action that the program had set before
// comes back when the last event of a signal goes.
#pragma once

#include <event2/event_struct.h>
#include <signal.h>

#include <array>
#include <atomic>

#include "sys/memory.h"

namespace ev {

// The element of a table that belongs to a signal.
template <class Array>
auto& of_signal(Array& table, int signal) noexcept {
  return table[static_cast<std::size_t>(signal)];
}

// What the signal handler sees of a loop. Its members are touched by handlers at any time.
class SignalPort {
 public:
  SignalPort() = default;
  ~SignalPort();  // stops watching everything; waits for handlers that are running in other threads
  SignalPort(const SignalPort&) = delete;
  SignalPort& operator=(const SignalPort&) = delete;

  void set_wakeup(int fd) noexcept { wakeup_fd_.store(fd, std::memory_order_relaxed); }
  // In a forked child: what was delivered so far was meant for the parent.
  void start_anew(int wakeup_fd) noexcept;
  // False: errno tells why. Safe from every thread, for different ports.
  bool watch(int signal) noexcept;
  void unwatch(int signal) noexcept;
  // True when some signal was delivered since the last call.
  bool take_any() noexcept { return any_.exchange(false, std::memory_order_acquire); }
  // How often the signal was delivered since the last call.
  unsigned take(int signal) noexcept {
    return of_signal(deliveries_, signal).exchange(0, std::memory_order_relaxed);
  }

 private:
  friend struct SignalTable;

  void deliver(int signal) noexcept;

  std::atomic<int> wakeup_fd_ = -1;
  std::atomic<bool> any_ = false;
  bool listed_ = false;
  std::array<std::atomic<bool>, NSIG> watched_{};
  std::array<std::atomic<unsigned>, NSIG> deliveries_{};
  std::atomic<SignalPort*> next_ = nullptr;
};

// The signal events of a loop, and its port. Protected by the loop's lock.
class SignalMap : public Allocated {
 public:
  bool add(event& ev) noexcept;  // false: errno tells why
  void remove(event& ev) noexcept;
  SignalPort& port() noexcept { return port_; }

  // The events of a signal, linked through next_of().
  event* first(int signal) const noexcept {
    return is_valid(signal) ? of_signal(lists_, signal) : nullptr;
  }
  static event* next_of(const event& ev) noexcept {
    return ev.ev_.ev_signal.ev_signal_next.le_next;
  }
  static bool is_valid(int signal) noexcept { return signal > 0 && signal < NSIG; }

  event* some() const noexcept;
  // Calls `visit` with each event until it answers true. `visit` changes nothing.
  template <class Visit>
  bool visit(Visit visit_one) const;

 private:
  std::array<event*, NSIG> lists_{};
  SignalPort port_;
};

template <class Visit>
bool SignalMap::visit(Visit visit_one) const {
  for (event* list : lists_) {
    for (event* ev = list; ev != nullptr; ev = next_of(*ev)) {
      if (visit_one(*ev)) return true;
    }
  }
  return false;
}

}  // namespace ev

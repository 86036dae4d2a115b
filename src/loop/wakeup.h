// Ends the wait of a loop from another thread or from a signal handler: an eventfd that the loop
// watches.
#pragma once

#include "sys/fd.h"

namespace ev {

class Wakeup {
 public:
  // False: errno tells why. Replaces the old descriptor, which a forked process shares with its
  // parent.
  bool open() noexcept;
  bool is_open() const noexcept { return static_cast<bool>(fd_); }
  int fd() const noexcept { return fd_.get(); }

  void ring() noexcept;    // makes the descriptor readable, once until it is answered
  void answer() noexcept;  // makes it unreadable again

  // ring() for a signal handler, which knows the descriptor only. Keeps errno.
  static void ring_from_signal(int fd) noexcept;

 private:
  Fd fd_;
  bool rung_ = false;
};

}  // namespace ev

// The kernel side of the loop: what watches descriptors and waits. The loop owns the merged
// interest of each descriptor, so a backend hears of changes only. It owns its kernel objects,
// never an event, and is called with the loop's lock held.
#pragma once

#include <event2/event.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "sys/clock.h"
#include "sys/lock.h"
#include "sys/memory.h"

namespace ev {

// What somebody wants to know about a descriptor, or what the kernel said. The bits are those of
// EV_*.
enum class Interest : std::uint8_t {
  none = 0,
  read = EV_READ,
  write = EV_WRITE,
  edge = EV_ET,
  closed = EV_CLOSED,
};

constexpr Interest operator|(Interest a, Interest b) {
  return static_cast<Interest>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
constexpr Interest operator&(Interest a, Interest b) {
  return static_cast<Interest>(static_cast<std::uint8_t>(a) & static_cast<std::uint8_t>(b));
}
constexpr Interest operator~(Interest interest) {
  return static_cast<Interest>(static_cast<std::uint8_t>(~static_cast<std::uint8_t>(interest)));
}
constexpr bool any(Interest interest) { return interest != Interest::none; }

// Where wait() reports what it found.
class ReadySink {
 public:
  // Perhaps late: another thread may have removed the descriptor during the wait.
  virtual void ready(int fd, Interest what) = 0;
  // The kernel reports a registration that belongs to no descriptor of ours any more and that
  // cannot be removed (its file lives on in a duplicate or in another process). Only a new kernel
  // object gets rid of it.
  virtual void haunted() = 0;

 protected:
  ~ReadySink() = default;
};

class Backend : public Allocated {
 public:
  virtual ~Backend() = default;
  // Brings a descriptor's interest from `before`, as of the last successful call, to `now`. Equal
  // ones ask to make sure: the descriptor may have been closed and opened again. False: errno tells
  // why, and nothing changed. Throws std::bad_alloc. Removal always succeeds, unless the kernel
  // does not know the descriptor (false).
  virtual bool change(int fd, Interest before, Interest now) = 0;
  // Waits until something is ready or the time is over (empty: for ever), and reports everything
  // that is ready. Lets go of `lock` while it waits. False: errno tells why; being interrupted by a
  // signal is no error.
  virtual bool wait(std::optional<Duration> timeout, Lock& lock, ReadySink& sink) = 0;
};

struct BackendInfo {
  const char* name;
  const char* name_with_changelist;    // for programs that ask for that; null: the same
  int features;                        // EV_FEATURE_*
  std::unique_ptr<Backend> (*make)();  // null: not on this kernel (errno). Throws std::bad_alloc
};

// All of them, best first.
extern const std::span<const BackendInfo> backends;

}  // namespace ev

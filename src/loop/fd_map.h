// Which events watch which descriptor, and what the kernel has been told. All events of a
// descriptor are merged into one interest; a descriptor costs 16 bytes:
//
//   slots_[fd] = { first event -> next -> ... | what the kernel watches | what they want |
//   unsettled }
//
// Changes reach the kernel at once, because a program may close or hand on the descriptor right
// after event_del(). The one exception: an event that fired and goes with that. It will often be
// added again by its callback, so the kernel keeps watching until settle(), which comes before the
// loop waits again; adding asks the kernel in any case, since the descriptor may be another file by
// then. Protected by the loop's lock.
#pragma once

#include <event2/event_struct.h>

#include <vector>

#include "loop/backend.h"
#include "sys/memory.h"

namespace ev {

class FdMap {
 public:
  FdMap();  // throws std::bad_alloc

  // False: errno tells why, nothing changed. Throws std::bad_alloc. An event without a descriptor
  // (-1) watches nothing.
  bool add(event& ev, Backend& backend);
  void remove(event& ev, Backend& backend) noexcept;
  // The same, but the kernel hears of it from settle() or settle_all().
  void remove_fired(event& ev, Backend& backend) noexcept;
  void settle(int fd, Backend& backend) noexcept;
  void settle_all(Backend& backend) noexcept;
  // Tells a new backend everything. False if it refused something.
  bool register_all(Backend& backend) noexcept;

  // The events of a descriptor, linked through next_of(); null for one that nobody watches.
  event* first(int fd) const noexcept {
    return static_cast<std::size_t>(fd) < slots_.size() ? slots_[static_cast<std::size_t>(fd)].first
                                                        : nullptr;
  }
  static event* next_of(const event& ev) noexcept { return ev.ev_.ev_io.ev_io_next.le_next; }

  // Some event, or null.
  event* some() const noexcept;
  // Calls `visit` with each event until it answers true. `visit` changes nothing.
  template <class Visit>
  bool visit(Visit visit_one) const;

 private:
  struct Slot {
    event* first = nullptr;
    Interest known = Interest::none;   // to the kernel
    Interest wanted = Interest::none;  // by the events
    bool unsettled = false;            // listed, the two may differ
  };
  static_assert(sizeof(Slot) == 16);

  Slot& slot_of(int fd) noexcept { return slots_[static_cast<std::size_t>(fd)]; }
  bool make_room(int fd);
  void unlink(event& ev) noexcept;

  std::vector<Slot, Allocator<Slot>> slots_;
  std::vector<int, Allocator<int>> unsettled_;  // never grows, so that removing cannot fail
};

template <class Visit>
bool FdMap::visit(Visit visit_one) const {
  for (const Slot& slot : slots_) {
    for (event* ev = slot.first; ev != nullptr; ev = next_of(*ev)) {
      if (visit_one(*ev)) return true;
    }
  }
  return false;
}

}  // namespace ev

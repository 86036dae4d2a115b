// The timers of a loop: a timing wheel of four levels with 256 slots each. A slot of level 0 is one
// millisecond wide, of level 1 256 of them, and so on; what lies beyond the last level (49 days)
// waits in its farthest slot and is filed anew from there. Events are linked in the slots through
// their own fields, so that nothing here can fail.
//
//   level 3  [ . | . | 1 | . ... ]   each slot: 2^24 ms
//   level 2  [ . | . | . | . ... ]              65536 ms
//   level 1  [ . | 2 | . | . ... ]              256 ms       emptied into level 0 when its time
//   begins level 0  [ . | . | 3 | 1 ... ]              1 ms         expires
//                    ^ current_ (only its low bits; the levels above hold later windows)
//
// Deadlines are kept in microseconds (event::ev_timeout), never pass early, and expire in their
// order, equal ones in the order in which they were filed. Pushing a deadline back only stores it:
// the event moves when its old slot comes up. Protected by the loop's lock.
#pragma once

#include <event2/event_struct.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>

#include "sys/clock.h"

namespace ev {

// When the event's timer passes. Of an event that is filed.
inline Deadline deadline_of(const event& ev) noexcept {
  return Deadline(
      std::chrono::microseconds(ev.ev_timeout.tv_sec * 1'000'000 + ev.ev_timeout.tv_usec));
}

// Saturates: an absurd duration is cut to about 30000 years.
std::chrono::microseconds to_microseconds(const timeval& duration) noexcept;

// How an event hangs in its slot: in a ring that begins and ends with the slot's own link. It lies in
// the event's fields for timers.
struct TimerLink {
  TimerLink* next = nullptr;
  TimerLink* previous = nullptr;
};
static_assert(sizeof(TimerLink) == sizeof(event::ev_timeout_pos));

class TimerWheel {
 public:
  explicit TimerWheel(Deadline now) noexcept;
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  bool empty() const noexcept { return size_ == 0; }
  std::size_t size() const noexcept { return size_; }

  void insert(event& ev, Deadline deadline) noexcept;
  void move(event& ev, Deadline deadline) noexcept;  // of an event that is in the wheel
  void remove(event& ev) noexcept;

  // Nothing expires before this. May be too early, when the event it belonged to was moved or
  // removed; asking again at that time then tells a later one. Empty: there are no timers.
  std::optional<Deadline> next() const noexcept;
  // When to wake for next(): at that time, or at the end of its millisecond if many expire in it,
  // which saves a wake for each.
  std::optional<Deadline> next_wake() const noexcept;
  // False: take_expired() would find nothing. Costs no look into the slots.
  bool may_be_due(Deadline now) const noexcept { return size_ != 0 && now >= quiet_until_; }
  // Takes out events whose deadline is not after `now`: a list, linked through next_of(), in order.
  // Those of one millisecond at a time, while the processor's caches still hold them; null when
  // there are no more.
  event* take_expired(Deadline now) noexcept;
  // Some event of the wheel, or null.
  event* some() const noexcept;
  // Calls `visit` with each event, until it answers true. `visit` changes nothing.
  template <class Visit>
  bool visit(Visit visit_one) const;

  static event* next_of(event& ev) noexcept { return event_of(link_of(ev).next); }

 private:
  using Tick = std::int64_t;  // milliseconds

  static constexpr int levels = 4;
  static constexpr int slot_bits = 8;
  static constexpr int slots_per_level = 1 << slot_bits;
  static constexpr int slot_mask = slots_per_level - 1;

  // Means something only while its bit in used_ is set.
  struct Slot {
    TimerLink ring;       // oldest first
    Deadline earliest{};  // nothing in the slot expires before
  };

  static TimerLink& link_of(event& ev) noexcept {
    return *std::launder(reinterpret_cast<TimerLink*>(&ev.ev_timeout_pos));
  }
  static event* event_of(TimerLink* link) noexcept {
    if (link == nullptr) return nullptr;
    return reinterpret_cast<event*>(reinterpret_cast<char*>(link) -
                                    offsetof(event, ev_timeout_pos));
  }
  static TimerLink* sorted(TimerLink* list) noexcept;
  static TimerLink* merge(TimerLink* a, TimerLink* b) noexcept;
  static Tick tick_of(Deadline deadline) noexcept;
  static Deadline last_moment_of(Tick tick) noexcept;
  static void store(event& ev, Deadline deadline) noexcept;
  int slot_for(Tick tick) const noexcept;
  int first_used(int level, int from) const noexcept;
  int first_used_slot() const noexcept;
  Tick start_of(int slot) const noexcept;
  Deadline end_of(int slot) const noexcept;
  bool is_used(int slot) const noexcept {
    return (used_[static_cast<std::size_t>(slot / 64)] >> (slot % 64) & 1) != 0;
  }
  void set_used(int slot, bool used) noexcept;
  void file(event& ev, Deadline deadline) noexcept;
  TimerLink* take_slot(int slot) noexcept;
  void file_again(TimerLink* list) noexcept;
  event* expire_slot(int slot, Deadline now) noexcept;

  Tick current_;
  std::size_t size_ = 0;
  Deadline quiet_until_ = Deadline::min();  // nothing expires before, and no slot comes up
  std::array<Slot, levels * slots_per_level> slots_{};
  std::array<std::uint64_t, levels * slots_per_level / 64> used_{};  // one bit per slot
};

template <class Visit>
bool TimerWheel::visit(Visit visit_one) const {
  for (int i = 0; i < levels * slots_per_level; i++) {
    if (!is_used(i)) continue;
    const TimerLink& ring = slots_[static_cast<std::size_t>(i)].ring;
    for (TimerLink* link = ring.next; link != &ring; link = link->next) {
      if (visit_one(*event_of(link))) return true;
    }
  }
  return false;
}

}  // namespace ev

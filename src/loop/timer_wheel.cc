#include "loop/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace ev {
namespace {

void fetch(event& ev) noexcept { __builtin_prefetch(&ev.ev_timeout); }

}  // namespace

std::chrono::microseconds to_microseconds(const timeval& duration) noexcept {
  constexpr std::int64_t most = 1'000'000'000'000;
  const std::int64_t seconds = std::clamp<std::int64_t>(duration.tv_sec, -most, most);
  const std::int64_t rest =
      std::clamp<std::int64_t>(duration.tv_usec, -most * 1'000'000, most * 1'000'000);
  return std::chrono::microseconds(seconds * 1'000'000 + rest);
}

TimerWheel::TimerWheel(Deadline now) noexcept : current_(tick_of(now)) {}

TimerWheel::Tick TimerWheel::tick_of(Deadline deadline) noexcept {
  return deadline.time_since_epoch().count() / 1000;
}

Deadline TimerWheel::last_moment_of(Tick tick) noexcept {
  return Deadline(std::chrono::microseconds(tick * 1000 + 999));
}

void TimerWheel::store(event& ev, Deadline deadline) noexcept {
  const std::int64_t count = deadline.time_since_epoch().count();
  ev.ev_timeout.tv_sec = count / 1'000'000;
  ev.ev_timeout.tv_usec = count % 1'000'000;
}

// Which level: the highest bits in which the tick differs from the current one decide. So a level
// holds only what lies in the current window of the level above, and all of a level expires before
// anything of the next one.
int TimerWheel::slot_for(Tick tick) const noexcept {
  tick = std::max(tick, current_);
  const auto differing = static_cast<std::uint64_t>(tick ^ current_);
  if (differing < slots_per_level) return static_cast<int>(tick) & slot_mask;
  const int level = std::min((63 - std::countl_zero(differing)) / slot_bits, levels - 1);
  const int shift = level * slot_bits;
  Tick window = tick >> shift;
  // The last level goes round: it holds the next 255 windows, wherever they begin.
  if (level == levels - 1) window = std::min(window, (current_ >> shift) + slot_mask);
  return level * slots_per_level + (static_cast<int>(window) & slot_mask);
}

void TimerWheel::insert(event& ev, Deadline deadline) noexcept {
  store(ev, deadline);
  file(ev, deadline);
  size_++;
  quiet_until_ = std::min(quiet_until_, deadline);
}

void TimerWheel::set_used(int slot, bool used) noexcept {
  std::uint64_t& word = used_[static_cast<std::size_t>(slot / 64)];
  const std::uint64_t bit = std::uint64_t{1} << (slot % 64);
  word = used ? word | bit : word & ~bit;
}

void TimerWheel::file(event& ev, Deadline deadline) noexcept {
  const int index = slot_for(tick_of(deadline));
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  if (is_used(index)) {
    slot.earliest = std::min(slot.earliest, deadline);
  } else {
    set_used(index, true);
    slot = {.ring = {.next = &slot.ring, .previous = &slot.ring}, .earliest = deadline};
  }
  TimerLink& last = *slot.ring.previous;
  last.next = slot.ring.previous =
      ::new (&ev.ev_timeout_pos) TimerLink{.next = &slot.ring, .previous = &last};
}

void TimerWheel::move(event& ev, Deadline deadline) noexcept {
  if (deadline >= deadline_of(ev)) {
    store(ev, deadline);
    return;
  }
  remove(ev);
  insert(ev, deadline);
}

void TimerWheel::remove(event& ev) noexcept {
  const TimerLink link = link_of(ev);
  link.previous->next = link.next;
  link.next->previous = link.previous;
  size_--;
  // The same on both sides: only the slot is left.
  if (link.next != link.previous) return;
  set_used(static_cast<int>(reinterpret_cast<Slot*>(link.next) - slots_.data()), false);
}

// The first slot of a level that is in use, at or after `from`, or -1.
int TimerWheel::first_used(int level, int from) const noexcept {
  constexpr int words = slots_per_level / 64;
  const auto* bits = &used_[static_cast<std::size_t>(level * words)];
  int word = from / 64;
  std::uint64_t mask = ~std::uint64_t{0} << (from % 64);
  for (; word < words; word++, mask = ~std::uint64_t{0}) {
    const std::uint64_t found = bits[word] & mask;
    if (found != 0) return level * slots_per_level + word * 64 + std::countr_zero(found);
  }
  return -1;
}

// The slot that comes up first of all, or -1.
int TimerWheel::first_used_slot() const noexcept {
  if (size_ == 0) return -1;
  for (int level = 0; level < levels; level++) {
    const int from = static_cast<int>(current_ >> (level * slot_bits)) & slot_mask;
    const int found = first_used(level, from);
    if (found >= 0) return found;
  }
  return first_used(levels - 1, 0);  // behind the end of the last level comes its beginning
}

// The first tick of a slot, seen from the current one.
TimerWheel::Tick TimerWheel::start_of(int slot) const noexcept {
  const int shift = slot / slots_per_level * slot_bits;
  const Tick window = current_ >> shift;
  return (window + ((slot - static_cast<int>(window)) & slot_mask)) << shift;
}

// The last moment at which a slot must be looked at.
Deadline TimerWheel::end_of(int slot) const noexcept {
  const int shift = slot / slots_per_level * slot_bits;
  return last_moment_of(start_of(slot) + (Tick{1} << shift) - 1);
}

std::optional<Deadline> TimerWheel::next() const noexcept {
  const int slot = first_used_slot();
  if (slot < 0) return std::nullopt;
  // What lies beyond the last level has its deadline after the end of its slot.
  return std::min(slots_[static_cast<std::size_t>(slot)].earliest, end_of(slot));
}

std::optional<Deadline> TimerWheel::next_wake() const noexcept {
  constexpr int many = 4;
  const int slot = first_used_slot();
  if (slot < 0) return std::nullopt;
  const Slot& first = slots_[static_cast<std::size_t>(slot)];
  if (slot >= slots_per_level) return std::min(first.earliest, end_of(slot));
  int count = 0;
  for (TimerLink* link = first.ring.previous; link != &first.ring; link = link->previous) {
    if (++count == many) return std::max(first.earliest, end_of(slot));
  }
  return first.earliest;
}

event* TimerWheel::some() const noexcept {
  const int slot = first_used_slot();
  return slot < 0 ? nullptr : event_of(slots_[static_cast<std::size_t>(slot)].ring.previous);
}

TimerLink* TimerWheel::merge(TimerLink* a, TimerLink* b) noexcept {
  TimerLink* first = nullptr;
  TimerLink** last = &first;
  while (a != nullptr && b != nullptr) {
    TimerLink*& smaller = deadline_of(*event_of(b)) < deadline_of(*event_of(a)) ? b : a;
    *last = smaller;
    last = &smaller->next;
    smaller = *last;
  }
  *last = a != nullptr ? a : b;
  return first;
}

// Stable. runs[i] is empty or holds 2^i events.
TimerLink* TimerWheel::sorted(TimerLink* list) noexcept {
  std::array<TimerLink*, 48> runs{};
  while (list != nullptr) {
    TimerLink* run = list;
    list = run->next;
    run->next = nullptr;
    std::size_t i = 0;
    for (; runs[i] != nullptr; i++) {
      run = merge(runs[i], run);
      runs[i] = nullptr;
    }
    runs[i] = run;
  }
  TimerLink* result = nullptr;
  for (TimerLink* run : runs) result = merge(run, result);
  return result;
}

// Empties a slot that is in use: a list that ends with null, oldest first.
TimerLink* TimerWheel::take_slot(int slot) noexcept {
  set_used(slot, false);
  const TimerLink& ring = slots_[static_cast<std::size_t>(slot)].ring;
  ring.previous->next = nullptr;
  // Many have not been touched since they were filed, and each tells where the next one is. From
  // both ends at once the processor waits for memory half as long.
  for (TimerLink *front = ring.next, *back = ring.previous; front != back; back = back->previous) {
    fetch(*event_of(front));
    fetch(*event_of(back));
    front = front->next;
    if (front == back) break;
  }
  return ring.next;
}

void TimerWheel::file_again(TimerLink* list) noexcept {
  for (TimerLink* next; list != nullptr; list = next) {
    next = list->next;
    event& ev = *event_of(list);
    file(ev, deadline_of(ev));
  }
}

// What stays was moved, or is due later in this millisecond.
event* TimerWheel::expire_slot(int slot, Deadline now) noexcept {
  const Deadline limit = std::min(now, last_moment_of(current_));
  Deadline latest = Deadline::min();  // of those found so far, if they are in order
  bool in_order = true;
  TimerLink* due = nullptr;
  TimerLink** end_of_due = &due;
  for (TimerLink *link = take_slot(slot), *next; link != nullptr; link = next) {
    next = link->next;
    event& ev = *event_of(link);
    const Deadline deadline = deadline_of(ev);
    if (deadline > limit) {
      file(ev, deadline);
      continue;
    }
    in_order &= latest <= deadline;
    latest = deadline;
    *end_of_due = link;
    end_of_due = &link->next;
    size_--;
  }
  *end_of_due = nullptr;
  return event_of(in_order ? due : sorted(due));
}

event* TimerWheel::take_expired(Deadline now) noexcept {
  const Tick now_tick = tick_of(now);
  for (;;) {
    const int slot = first_used_slot();
    const Tick start = slot < 0 ? now_tick + 1 : start_of(slot);
    if (start > now_tick) break;
    current_ = start;
    if (slot >= slots_per_level) {
      file_again(take_slot(slot));
      continue;
    }
    if (event* expired = expire_slot(slot, now)) return expired;
    if (start == now_tick) break;
  }
  current_ = std::max(current_, now_tick);
  // What is filed from now on beyond the last level comes up later than the next of its slots.
  constexpr Tick last_slot = Tick{1} << (levels - 1) * slot_bits;
  quiet_until_ = std::min(next().value_or(Deadline::max()), last_moment_of(current_ + last_slot));
  return nullptr;
}

}  // namespace ev

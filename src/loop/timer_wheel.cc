#include "loop/timer_wheel.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace ev {
namespace {

event*& next_link(event& ev) noexcept {
  return ev.ev_timeout_pos.ev_next_with_common_timeout.tqe_next;
}
event**& prev_link(event& ev) noexcept {
  return ev.ev_timeout_pos.ev_next_with_common_timeout.tqe_prev;
}

event* reversed(event* list) noexcept {
  event* result = nullptr;
  while (list != nullptr) {
    event* next = next_link(*list);
    next_link(*list) = result;
    result = list;
    list = next;
  }
  return result;
}

event* merge(event* a, event* b) noexcept {
  event* first = nullptr;
  event** last = &first;
  while (a != nullptr && b != nullptr) {
    event*& smaller = deadline_of(*b) < deadline_of(*a) ? b : a;
    *last = smaller;
    last = &next_link(*smaller);
    smaller = *last;
  }
  *last = a != nullptr ? a : b;
  return first;
}

// Stable. runs[i] is empty or holds 2^i events.
event* sorted(event* list) noexcept {
  std::array<event*, 48> runs{};
  while (list != nullptr) {
    event* run = list;
    list = next_link(*list);
    next_link(*run) = nullptr;
    std::size_t i = 0;
    for (; runs[i] != nullptr; i++) {
      run = merge(runs[i], run);
      runs[i] = nullptr;
    }
    runs[i] = run;
  }
  event* result = nullptr;
  for (event* run : runs) result = merge(run, result);
  return result;
}

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

void TimerWheel::file(event& ev, Deadline deadline) noexcept {
  const int index = slot_for(tick_of(deadline));
  Slot& slot = slots_[static_cast<std::size_t>(index)];
  if (slot.first == nullptr) {
    used_[static_cast<std::size_t>(index / 64)] |= std::uint64_t{1} << (index % 64);
    slot.earliest = deadline;
  } else {
    prev_link(*slot.first) = &next_link(ev);
    slot.earliest = std::min(slot.earliest, deadline);
  }
  next_link(ev) = slot.first;
  prev_link(ev) = &slot.first;
  slot.first = &ev;
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
  event** const previous = prev_link(ev);
  event* const next = next_link(ev);
  *previous = next;
  size_--;
  if (next != nullptr) {
    prev_link(*next) = previous;
    return;
  }
  // The last of a list: if it was the first as well, `previous` lies inside its slot, which is
  // empty now.
  const auto address = reinterpret_cast<std::uintptr_t>(previous);
  const auto begin = reinterpret_cast<std::uintptr_t>(slots_.data());
  if (address < begin || address >= begin + sizeof(slots_)) return;
  const std::size_t index = (address - begin) / sizeof(Slot);
  used_[index / 64] &= ~(std::uint64_t{1} << (index % 64));
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
  for (event* ev = first.first; ev != nullptr; ev = next_of(*ev)) {
    if (++count == many) return std::max(first.earliest, end_of(slot));
  }
  return first.earliest;
}

event* TimerWheel::some() const noexcept {
  const int slot = first_used_slot();
  return slot < 0 ? nullptr : slots_[static_cast<std::size_t>(slot)].first;
}

// Empties a slot. The newest event comes first.
event* TimerWheel::take_slot(int slot) noexcept {
  const auto index = static_cast<std::size_t>(slot);
  used_[index / 64] &= ~(std::uint64_t{1} << (index % 64));
  return std::exchange(slots_[index].first, nullptr);
}

// Files a list whose newest event comes first, oldest first.
void TimerWheel::file_again(event* list) noexcept {
  for (event *ev = reversed(list), *next; ev != nullptr; ev = next) {
    next = next_link(*ev);
    file(*ev, deadline_of(*ev));
  }
}

// What stays was moved, or is due later in this millisecond.
event* TimerWheel::expire_slot(int slot, Deadline now) noexcept {
  const Deadline limit = std::min(now, last_moment_of(current_));
  Deadline first = Deadline::max();  // of those found so far, if they are in order
  bool in_order = true;
  event* due = nullptr;
  event* staying = nullptr;
  event** staying_last = &staying;
  for (event *ev = take_slot(slot), *next; ev != nullptr; ev = next) {
    next = next_link(*ev);
    const Deadline deadline = deadline_of(*ev);
    if (deadline <= limit) {
      in_order &= deadline <= first;
      first = deadline;
      next_link(*ev) = due;  // which turns the list round: oldest first
      due = ev;
      size_--;
    } else {
      *staying_last = ev;
      staying_last = &next_link(*ev);
    }
  }
  *staying_last = nullptr;
  file_again(staying);
  return in_order ? due : sorted(due);
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

// A callback that the loop runs once, soon, on its own stack: at its priority, with the active
// events. At most 32 newly scheduled ones per turn run in that turn, the others in the next one, so
// that they do not starve descriptors.
#pragma once

#include <event2/event_struct.h>

#include <cstdint>

struct event_base;

namespace ev {

using Loop = ::event_base;

// Intrusive: the owner keeps it alive and in its place until it ran or was cancelled. Protected by
// the loop's lock.
struct Deferred {
  event_callback callback{};

  void assign(void (*run)(event_callback*, void* owner), void* owner,
              std::uint8_t priority) noexcept;
  // The same for a callback that only releases memory: if the loop is freed first, it runs then.
  void assign_release(void (*run)(event_callback*, void* owner), void* owner) noexcept;
  bool is_scheduled() const noexcept;
};

// False: it was scheduled already. Wakes the loop when called from another thread.
bool schedule(Loop& loop, Deferred& deferred) noexcept;
// False: it was not scheduled. Safe inside its own run.
bool cancel(Loop& loop, Deferred& deferred) noexcept;

// Whether another thread runs the loop, and so may be about to run what is not scheduled any more.
// Of a loop that was freed, too.
bool runs_elsewhere(const Loop* loop) noexcept;

// For what nobody but the loop would ever release: one that was assigned with assign_release(), and is
// not scheduled, runs when the loop is freed, unless it is disinherited before.
void bequeath(Loop& loop, Deferred& deferred) noexcept;
void disinherit(Loop& loop, Deferred& deferred) noexcept;

}  // namespace ev

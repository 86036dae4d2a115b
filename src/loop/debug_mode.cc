#include "loop/debug_mode.h"

#include <event2/event.h>
#include <fcntl.h>

#include <atomic>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "sys/log.h"
#include "sys/memory.h"

namespace ev {

bool detail::debug_mode_on = false;

namespace {

struct State {
  bool added = false;
};
using States = std::unordered_map<const event*, State, std::hash<const event*>, std::equal_to<>,
                                  Allocator<std::pair<const event* const, State>>>;

std::mutex mutex;
std::optional<States> states;  // of all assigned events
std::atomic<bool> too_late = false;

[[noreturn]] void fail(const event& ev, const char* function, const char* rule) noexcept {
  log_fatal("%s: %s: event %p (events 0x%x, fd %d, flags 0x%x)", function, rule,
            static_cast<const void*>(&ev), static_cast<unsigned>(ev.ev_events), ev.ev_fd,
            static_cast<unsigned>(ev.ev_evcallback.evcb_flags));
}

std::optional<State> state_of(const event& ev) noexcept {
  std::lock_guard guard(mutex);
  const auto found = states->find(&ev);
  return found == states->end() ? std::nullopt : std::optional(found->second);
}

void set_added(const event& ev, bool added) noexcept {
  std::lock_guard guard(mutex);
  const auto found = states->find(&ev);
  if (found != states->end()) found->second.added = added;
}

}  // namespace

void enable_debug_mode() noexcept {
  if (detail::debug_mode_on) log_exit(1, "debug mode was enabled twice");
  if (too_late) log_exit(1, "debug mode must be enabled before any event or base is made");
  states.emplace();
  detail::debug_mode_on = true;
}

void too_late_for_debug_mode() noexcept { too_late.store(true, std::memory_order_relaxed); }

void debug_assigned(const event& ev) {
  std::lock_guard guard(mutex);
  (*states)[&ev] = State{};
}

void debug_forget(const event& ev) noexcept {
  std::lock_guard guard(mutex);
  states->erase(&ev);
}

void debug_added(const event& ev) noexcept { set_added(ev, true); }
void debug_removed(const event& ev) noexcept { set_added(ev, false); }

void debug_check_assigned(const event& ev, const char* function) noexcept {
  if (!state_of(ev)) fail(ev, function, "the event was not assigned");
}

void debug_check_not_added(const event& ev, const char* function) noexcept {
  const std::optional<State> state = state_of(ev);
  if (state && state->added) fail(ev, function, "the event is pending");
}

void debug_check_nonblocking(int fd, const char* function) noexcept {
  const int flags = fcntl(fd, F_GETFL);
  if (flags != -1 && (flags & O_NONBLOCK) == 0) {
    log_fatal("%s: descriptor %d is not non-blocking", function, fd);
  }
}

void debug_mode_shutdown() noexcept {
  std::lock_guard guard(mutex);
  states.reset();
  detail::debug_mode_on = false;
}

}  // namespace ev

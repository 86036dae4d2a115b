// event_enable_debug_mode(): every assigned event is remembered, so that using one that was not
// assigned, or assigning one that is pending, ends the program where it happens. Safe from every
// thread.
#pragma once

#include <event2/event_struct.h>

namespace ev {

namespace detail {
extern bool debug_mode_on;
}

inline bool debug_mode() noexcept { return __builtin_expect(detail::debug_mode_on, false); }

// Fatal when it is on already, or when an event or a loop exists.
void enable_debug_mode() noexcept;
// An event or a loop was made: too late for debug mode.
void too_late_for_debug_mode() noexcept;

// These are called in debug mode only. The checks end the program; `function` names the caller in
// the message.
void debug_assigned(const event& ev);  // throws std::bad_alloc
void debug_forget(const event& ev) noexcept;
void debug_added(const event& ev) noexcept;
void debug_removed(const event& ev) noexcept;
void debug_check_assigned(const event& ev, const char* function) noexcept;
void debug_check_not_added(const event& ev, const char* function) noexcept;
void debug_check_nonblocking(int fd, const char* function) noexcept;

// Forgets everything (libevent_global_shutdown).
void debug_mode_shutdown() noexcept;

}  // namespace ev

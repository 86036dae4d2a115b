// Messages to the program: event_set_log_callback() or standard error. Never logs from a signal
// handler.
#pragma once

#include <event2/event.h>

namespace ev {

void set_log_callback(event_log_cb callback) noexcept;      // null: standard error
void set_fatal_callback(event_fatal_cb callback) noexcept;  // null: exit or abort
void set_debug_logging(ev_uint32_t which) noexcept;
namespace detail {
extern ev_uint32_t debug_mask;
}
inline bool debug_logging() noexcept { return __builtin_expect(detail::debug_mask != 0, false); }

__attribute__((format(printf, 1, 2))) void log_debug(const char* format, ...) noexcept;
__attribute__((format(printf, 1, 2))) void log_message(const char* format, ...) noexcept;
__attribute__((format(printf, 1, 2))) void log_warn(const char* format, ...) noexcept;
// Adds ": " and the text of `error` (an errno value).
__attribute__((format(printf, 2, 3))) void log_errno(int error, const char* format, ...) noexcept;
// A broken rule of the caller or of ours that cannot be survived: logs, calls the fatal callback,
// aborts.
[[noreturn]] __attribute__((format(printf, 1, 2))) void log_fatal(const char* format, ...) noexcept;
// The same for a program that is set up wrongly: the fatal callback gets `code`, without one the
// process exits with it.
[[noreturn]] __attribute__((format(printf, 2, 3))) void log_exit(int code, const char* format,
                                                                 ...) noexcept;

}  // namespace ev

#include "sys/log.h"

#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace ev {

ev_uint32_t detail::debug_mask = 0;

namespace {

event_log_cb log_callback = nullptr;
event_fatal_cb fatal_callback = nullptr;

// What event_set_fatal_callback() documents for "the program broke a rule".
constexpr int abort_code = static_cast<int>(0xdeaddead);

const char* severity_name(int severity) {
  switch (severity) {
    case EVENT_LOG_DEBUG:
      return "debug";
    case EVENT_LOG_MSG:
      return "msg";
    case EVENT_LOG_WARN:
      return "warn";
    default:
      return "err";
  }
}

void emit(int severity, const char* text) {
  if (log_callback != nullptr) {
    log_callback(severity, text);
    return;
  }
  std::fprintf(stderr, "[%s] %s\n", severity_name(severity), text);
}

void emit_formatted(int severity, const char* suffix, const char* format, va_list arguments) {
  char text[1024];
  std::vsnprintf(text, sizeof text, format, arguments);
  if (suffix != nullptr) {
    const std::size_t used = std::strlen(text);
    std::snprintf(text + used, sizeof text - used, ": %s", suffix);
  }
  emit(severity, text);
}

[[noreturn]] void end_process(int code) {
  if (fatal_callback != nullptr) {
    fatal_callback(code);
    std::exit(code);  // the callback is documented not to return; it did
  }
  if (code == abort_code) std::abort();
  std::exit(code);
}

}  // namespace

void set_log_callback(event_log_cb callback) noexcept { log_callback = callback; }
void set_fatal_callback(event_fatal_cb callback) noexcept { fatal_callback = callback; }
void set_debug_logging(ev_uint32_t which) noexcept { detail::debug_mask = which; }

void log_debug(const char* format, ...) noexcept {
  if (!debug_logging()) return;
  va_list arguments;
  va_start(arguments, format);
  emit_formatted(EVENT_LOG_DEBUG, nullptr, format, arguments);
  va_end(arguments);
}

void log_message(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  emit_formatted(EVENT_LOG_MSG, nullptr, format, arguments);
  va_end(arguments);
}

void log_warn(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  emit_formatted(EVENT_LOG_WARN, nullptr, format, arguments);
  va_end(arguments);
}

void log_errno(int error, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  emit_formatted(EVENT_LOG_WARN, std::strerror(error), format, arguments);
  va_end(arguments);
}

void log_fatal(const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  emit_formatted(EVENT_LOG_ERR, nullptr, format, arguments);
  va_end(arguments);
  end_process(abort_code);
}

void log_exit(int code, const char* format, ...) noexcept {
  va_list arguments;
  va_start(arguments, format);
  emit_formatted(EVENT_LOG_ERR, nullptr, format, arguments);
  va_end(arguments);
  end_process(code);
}

}  // namespace ev

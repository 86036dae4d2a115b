#include "loop/config.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <cstring>

namespace {

// EVENT_NOEPOLL and so on.
bool forbidden_by_environment(const char* method) noexcept {
  char name[32] = "EVENT_NO";
  std::size_t length = std::strlen(name);
  for (; *method != '\0' && length + 1 < sizeof name; method++) {
    name[length++] = static_cast<char>(std::toupper(static_cast<unsigned char>(*method)));
  }
  name[length] = '\0';
  return std::getenv(name) != nullptr;
}

}  // namespace

void event_config::avoid(const char* method) {
  std::unique_ptr<char, ev::StringRelease> copy(ev::copy_string(method));
  avoided_.push_back(std::move(copy));
}

void event_config::set_limits(const timeval* interval, int callbacks, int min_priority) noexcept {
  limits_.time = interval != nullptr ? std::optional(ev::to_duration(*interval)) : std::nullopt;
  limits_.callbacks = callbacks >= 0 ? std::optional(callbacks) : std::nullopt;
  limits_.from_priority = std::max(min_priority, 0);
}

bool event_config::accepts(const ev::BackendInfo& method) const noexcept {
  const bool avoided = std::any_of(avoided_.begin(), avoided_.end(), [&](const auto& name) {
    return std::strcmp(name.get(), method.name) == 0;
  });
  if (avoided || (method.features & features_) != features_) return false;
  return has_flag(EVENT_BASE_FLAG_IGNORE_ENV) || !forbidden_by_environment(method.name);
}

bool event_config::asks_for(int flag, const char* variable) const noexcept {
  return has_flag(flag) ||
         (!has_flag(EVENT_BASE_FLAG_IGNORE_ENV) && std::getenv(variable) != nullptr);
}

bool event_config::is_precise() const noexcept {
  return asks_for(EVENT_BASE_FLAG_PRECISE_TIMER, "EVENT_PRECISE_TIMER");
}

// The change list has no use here, but programs compare the name.
const char* event_config::name_of(const ev::BackendInfo& method) const noexcept {
  const bool changelist =
      method.name_with_changelist != nullptr &&
      asks_for(EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST, "EVENT_EPOLL_USE_CHANGELIST");
  return changelist ? method.name_with_changelist : method.name;
}

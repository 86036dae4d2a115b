#include "sys/date.h"

#include <cstdio>

namespace ev {
namespace {

constexpr const char* days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

bool within(int value, int most) noexcept { return value >= 0 && value <= most; }

}  // namespace

int format_rfc1123(char* text, std::size_t size, const tm* date) noexcept {
  if (text == nullptr || size == 0) return 0;
  tm now;
  if (date == nullptr) {
    const time_t seconds = ::time(nullptr);
    date = ::gmtime_r(&seconds, &now);
  }
  if (date == nullptr || !within(date->tm_wday, 6) || !within(date->tm_mon, 11)) {
    *text = '\0';
    return -1;
  }
  return std::snprintf(text, size, "%s, %02d %s %4ld %02d:%02d:%02d GMT", days[date->tm_wday],
                       date->tm_mday, months[date->tm_mon], 1900L + date->tm_year, date->tm_hour,
                       date->tm_min, date->tm_sec);
}

}  // namespace ev

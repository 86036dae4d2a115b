// Dates as protocols write them.
#pragma once

#include <time.h>

#include <cstddef>

namespace ev {

// "Thu, 01 Jan 1970 00:00:00 GMT", in English whatever the locale says, cut to fit into `size` with
// its NUL. Null: the time now. Answers the length of the whole text, 0 when there is no room at
// all, -1 (and an empty text) when `date` is no date.
int format_rfc1123(char* text, std::size_t size, const tm* date) noexcept;

}  // namespace ev

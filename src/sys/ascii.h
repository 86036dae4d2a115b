// Text of protocols: compared as ASCII, whatever the locale says.
#pragma once

#include <cstddef>

namespace ev {

// Less than, equal to or greater than 0 as for strcasecmp(), but bytes are chars, which may be
// negative: programs know this order. Null comes before every text.
int compare_ignoring_case(const char* a, const char* b) noexcept;
// At most the first `most` bytes.
int compare_ignoring_case(const char* a, const char* b, std::size_t most) noexcept;

}  // namespace ev

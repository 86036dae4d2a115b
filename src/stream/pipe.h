// Two streams spliced: what arrives at one leaves by the other, both ways, with back-pressure.
#pragma once

#include <event2/bevel.h>

namespace ev {

class Stream;

// Takes the callbacks of both. Both on one loop, with both locks. Throws std::bad_alloc.
void splice(Stream& a, Stream& b, int flags, bevel_pipe_cb done, void* arg);

}  // namespace ev

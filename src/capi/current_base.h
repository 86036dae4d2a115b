// The base of event_init(), which the functions without a base argument use.
#pragma once

struct event_base;

namespace ev {
inline event_base* current_base = nullptr;
}

// evthread_enable_lock_debugging(): every lock is wrapped in one that knows its owner, so that
// unlocking a lock that the thread does not hold, or freeing one that is held, is reported where it
// happens.
#pragma once

#include <event2/thread.h>

namespace ev {

// Hooks that check and then call `real`. One set of real hooks per process.
evthread_lock_callbacks wrap_for_debugging(const evthread_lock_callbacks& real) noexcept;

// The real ones.
const evthread_lock_callbacks& hooks_under_debugging() noexcept;

// Waits with the real lock inside the wrapper, handing its ownership over and back.
void wait_on_debug_lock(const evthread_condition_callbacks& hooks, void* condition,
                        void* lock) noexcept;

}  // namespace ev

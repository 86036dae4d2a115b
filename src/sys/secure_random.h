// Random bytes that nobody can predict, from the kernel's generator. Safe from every thread and
// after fork().
// (Not called random.h, which would hide the system's <sys/random.h>.)
#pragma once

#include <cstddef>

namespace ev {

// False when the kernel gives none; errno tells why.
bool random_is_available() noexcept;

// Small requests are served from a page of the thread, which forgets what it handed out. Does not
// return when the kernel gives no random bytes: whoever asks for them must not go on with
// predictable ones.
void fill_with_random(void* memory, std::size_t size) noexcept;

}  // namespace ev

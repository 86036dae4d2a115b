// Names to addresses without blocking the loop: getaddrinfo() on a few worker threads of our own,
// which live only while there is work. Needs no thread support from the program: a worker never
// touches the loop, it makes a descriptor readable on which the loop waits.
#pragma once

#include <netdb.h>

struct event_base;

namespace ev {

using Loop = ::event_base;

// One question. Belongs to the resolver; gone when its callback has returned or after cancel().
struct ResolveRequest;

// `gai_error` is 0 or one of EVUTIL_EAI_*. `list` is null on error, else the callee's
// (freeaddrinfo). Runs in the loop's thread with no lock held, never from inside resolve(). `request`
// says which question it answers, to be compared only.
using Resolved = void (*)(const ResolveRequest* request, int gai_error, addrinfo* list,
                          void* argument);

// Asks. `host` and `service` are copied; either may be null as for getaddrinfo(). Every refusal,
// bad hints included, arrives through the callback. While the question is open, the loop has
// something to wait for. Numeric hosts need no worker. Throws std::bad_alloc, and then nothing has
// happened.
ResolveRequest* resolve(Loop& loop, const char* host, const char* service, const addrinfo& hints,
                        Resolved callback, void* argument);

// The callback will not run, and `request` is gone. If the callback runs at this moment (on this
// stack or in the loop's thread) nothing happens: whoever cancels from another thread finds that
// out under a lock of its own that the callback takes too. Never waits for a callback or a worker.
// Null is fine. Also right after the loop was freed.
void cancel(ResolveRequest* request) noexcept;

// Waits for the workers that are still inside getaddrinfo(). Answers to open questions are still
// delivered. For libevent_global_shutdown(): afterwards no thread of ours is left.
void join_resolver_workers() noexcept;

}  // namespace ev

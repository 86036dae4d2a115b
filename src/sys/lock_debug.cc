#include "sys/lock_debug.h"

#include <new>

#include "sys/lock.h"
#include "sys/log.h"
#include "sys/memory.h"

namespace ev {
namespace {

struct DebugLock : Allocated {
  void* real = nullptr;
  unsigned type = 0;
  unsigned long owner = 0;
  int depth = 0;
};

evthread_lock_callbacks real_hooks;

void* debug_alloc(unsigned type) {
  void* real = real_hooks.alloc(type | EVTHREAD_LOCKTYPE_RECURSIVE);
  if (real == nullptr) return nullptr;
  void* place = try_allocate(sizeof(DebugLock));
  if (place == nullptr) {
    real_hooks.free(real, type | EVTHREAD_LOCKTYPE_RECURSIVE);
    return nullptr;
  }
  auto* lock = new (place) DebugLock;
  lock->real = real;
  lock->type = type;
  return lock;
}

void debug_free(void* handle, unsigned) {
  auto* lock = static_cast<DebugLock*>(handle);
  if (lock->depth != 0) log_fatal("a lock is freed while a thread holds it");
  real_hooks.free(lock->real, lock->type | EVTHREAD_LOCKTYPE_RECURSIVE);
  delete lock;
}

int debug_lock(unsigned mode, void* handle) {
  auto* lock = static_cast<DebugLock*>(handle);
  const int result = real_hooks.lock(mode, lock->real);
  if (result != 0) return result;
  if (lock->depth != 0 && (lock->type & EVTHREAD_LOCKTYPE_RECURSIVE) == 0) {
    log_fatal("a lock that is not recursive is locked twice by one thread");
  }
  lock->depth++;
  lock->owner = current_thread();
  return 0;
}

int debug_unlock(unsigned mode, void* handle) {
  auto* lock = static_cast<DebugLock*>(handle);
  if (lock->depth == 0 || lock->owner != current_thread()) {
    log_fatal("a lock is released by a thread that does not hold it");
  }
  lock->depth--;
  return real_hooks.unlock(mode, lock->real);
}

}  // namespace

evthread_lock_callbacks wrap_for_debugging(const evthread_lock_callbacks& real) noexcept {
  real_hooks = real;
  evthread_lock_callbacks wrapped = real;
  wrapped.alloc = debug_alloc;
  wrapped.free = debug_free;
  wrapped.lock = debug_lock;
  wrapped.unlock = debug_unlock;
  return wrapped;
}

const evthread_lock_callbacks& hooks_under_debugging() noexcept { return real_hooks; }

void wait_on_debug_lock(const evthread_condition_callbacks& hooks, void* condition,
                        void* handle) noexcept {
  auto* lock = static_cast<DebugLock*>(handle);
  const int depth = lock->depth;
  lock->depth = 0;
  hooks.wait_condition(condition, lock->real, nullptr);
  lock->depth = depth;
  lock->owner = current_thread();
}

}  // namespace ev

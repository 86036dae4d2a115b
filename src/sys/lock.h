// Locks as the program provides them (evthread_set_lock_callbacks, evthread_use_pthreads). A Lock
// without an implementation costs one branch: programs that never enable threads never take a lock.
// All our locks are recursive, because a user's callback comes back through the door with the lock
// held.
#pragma once

#include <event2/thread.h>

#include <functional>
#include <utility>

namespace ev {

// The hooks in force. Set once at start-up, before any object is made.
struct ThreadHooks {
  evthread_lock_callbacks lock{};
  evthread_condition_callbacks condition{};
  unsigned long (*thread_id)() = nullptr;
  bool debug = false;  // evthread_enable_lock_debugging() was called
};
const ThreadHooks& thread_hooks() noexcept;

// Null removes the callbacks. False (and nothing changed) when other callbacks are already set,
// when one is missing, or when the API version is not ours.
bool set_lock_hooks(const evthread_lock_callbacks* hooks) noexcept;
bool set_condition_hooks(const evthread_condition_callbacks* hooks) noexcept;
void set_thread_id_hook(unsigned long (*id)()) noexcept;
void enable_lock_debugging() noexcept;

inline bool threads_enabled() noexcept { return thread_hooks().lock.lock != nullptr; }
// 0 when no thread id hook is set.
unsigned long current_thread() noexcept;

// An owned or borrowed lock; a default-made one is empty and free. Satisfies BasicLockable.
class Lock {
 public:
  Lock() = default;
  Lock(Lock&& other) noexcept
      : lock_(std::exchange(other.lock_, nullptr)), owned_(std::exchange(other.owned_, false)) {}
  Lock& operator=(Lock&& other) noexcept {
    std::swap(lock_, other.lock_);
    std::swap(owned_, other.owned_);
    return *this;
  }
  ~Lock();

  // A new recursive lock, or an empty one while threads are not enabled. Throws std::bad_alloc.
  static Lock make();
  // Another object's lock (or a lock that the program made with its own hooks); the owner outlives
  // us.
  static Lock borrow(void* lock) noexcept;

  void lock() noexcept {
    if (lock_ != nullptr) acquire();
  }
  void unlock() noexcept {
    if (lock_ != nullptr) give_back();
  }
  bool try_lock() noexcept;  // true at once when empty
  void* handle() const noexcept { return lock_; }
  // For whoever takes two of a kind: always this one first.
  bool comes_before(const Lock& other) const noexcept {
    return std::less<void*>()(lock_, other.lock_);
  }
  explicit operator bool() const noexcept { return lock_ != nullptr; }

 private:
  void acquire() noexcept;
  void give_back() noexcept;

  void* lock_ = nullptr;
  bool owned_ = false;
};

// A condition variable from the hooks; empty while none are set.
class Condition {
 public:
  Condition() = default;
  ~Condition();
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;

  void make();  // throws std::bad_alloc; stays empty without hooks
  void wait(Lock& lock) noexcept;
  void broadcast() noexcept;
  explicit operator bool() const noexcept { return condition_ != nullptr; }

 private:
  void* condition_ = nullptr;
};

}  // namespace ev

#include "sys/lock.h"

#include <new>

#include "sys/lock_debug.h"
#include "sys/log.h"

namespace ev {
namespace {

ThreadHooks hooks;

void* new_raw_lock() {
  void* raw = hooks.lock.alloc(EVTHREAD_LOCKTYPE_RECURSIVE);
  if (raw == nullptr) throw std::bad_alloc();
  return raw;
}

// By members: what lies between them is nobody's business.
bool same(const evthread_lock_callbacks& a, const evthread_lock_callbacks& b) noexcept {
  return a.lock_api_version == b.lock_api_version &&
         a.supported_locktypes == b.supported_locktypes && a.alloc == b.alloc && a.free == b.free &&
         a.lock == b.lock && a.unlock == b.unlock;
}
bool same(const evthread_condition_callbacks& a, const evthread_condition_callbacks& b) noexcept {
  return a.condition_api_version == b.condition_api_version &&
         a.alloc_condition == b.alloc_condition && a.free_condition == b.free_condition &&
         a.signal_condition == b.signal_condition && a.wait_condition == b.wait_condition;
}

}  // namespace

const ThreadHooks& thread_hooks() noexcept { return hooks; }

bool set_lock_hooks(const evthread_lock_callbacks* wanted) noexcept {
  if (wanted == nullptr) {
    if (threads_enabled()) {
      log_warn("removing lock callbacks that are in use can cause races and crashes");
    }
    hooks.lock = {};
    return true;
  }
  if (threads_enabled()) {
    if (same(hooks.debug ? hooks_under_debugging() : hooks.lock, *wanted)) return true;
    log_warn("lock callbacks are already set; they cannot be changed once in use");
    return false;
  }
  const bool complete = wanted->alloc != nullptr && wanted->free != nullptr &&
                        wanted->lock != nullptr && wanted->unlock != nullptr;
  if (!complete) return false;
  hooks.lock = hooks.debug ? wrap_for_debugging(*wanted) : *wanted;
  return true;
}

bool set_condition_hooks(const evthread_condition_callbacks* wanted) noexcept {
  if (wanted == nullptr) {
    hooks.condition = {};
    return true;
  }
  if (hooks.condition.alloc_condition != nullptr) {
    if (same(hooks.condition, *wanted)) return true;
    log_warn("condition callbacks are already set; they cannot be changed once in use");
    return false;
  }
  const bool complete = wanted->alloc_condition != nullptr && wanted->free_condition != nullptr &&
                        wanted->signal_condition != nullptr && wanted->wait_condition != nullptr;
  if (!complete) return false;
  hooks.condition = *wanted;
  return true;
}

void set_thread_id_hook(unsigned long (*id)()) noexcept { hooks.thread_id = id; }

void enable_lock_debugging() noexcept {
  if (hooks.debug) return;
  hooks.debug = true;
  if (threads_enabled()) hooks.lock = wrap_for_debugging(hooks.lock);
}

unsigned long current_thread() noexcept {
  return hooks.thread_id != nullptr ? hooks.thread_id() : 0;
}

Lock Lock::make() {
  Lock made;
  if (!threads_enabled()) return made;
  made.lock_ = new_raw_lock();
  made.owned_ = true;
  return made;
}

Lock Lock::borrow(void* lock) noexcept {
  Lock borrowed;
  borrowed.lock_ = lock;
  return borrowed;
}

Lock::~Lock() {
  if (owned_ && hooks.lock.free != nullptr) hooks.lock.free(lock_, EVTHREAD_LOCKTYPE_RECURSIVE);
}

void Lock::acquire() noexcept {
  if (hooks.lock.lock != nullptr) hooks.lock.lock(0, lock_);
}

void Lock::give_back() noexcept {
  if (hooks.lock.unlock != nullptr) hooks.lock.unlock(0, lock_);
}

bool Lock::try_lock() noexcept {
  if (lock_ == nullptr || hooks.lock.lock == nullptr) return true;
  return hooks.lock.lock(EVTHREAD_TRY, lock_) == 0;
}

Condition::~Condition() {
  if (condition_ != nullptr && hooks.condition.free_condition != nullptr) {
    hooks.condition.free_condition(condition_);
  }
}

void Condition::make() {
  if (hooks.condition.alloc_condition == nullptr || condition_ != nullptr) return;
  condition_ = hooks.condition.alloc_condition(0);
  if (condition_ == nullptr) throw std::bad_alloc();
}

void Condition::wait(Lock& lock) noexcept {
  if (condition_ == nullptr) return;
  if (!hooks.debug) {
    hooks.condition.wait_condition(condition_, lock.handle(), nullptr);
    return;
  }
  wait_on_debug_lock(hooks.condition, condition_, lock.handle());
}

void Condition::broadcast() noexcept {
  if (condition_ != nullptr) hooks.condition.signal_condition(condition_, 1);
}

}  // namespace ev

// evthread_use_pthreads(): POSIX locks for event2/thread.h. A library of its own, which knows only
// the public interface.
#include <event2/event.h>
#include <event2/thread.h>
#include <pthread.h>

#include <cerrno>
#include <chrono>
#include <new>

namespace {

struct Mutex {
  pthread_mutex_t raw;
};

void* make_lock(unsigned type) {
  auto* made = new (std::nothrow) Mutex;
  if (made == nullptr) return nullptr;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  if ((type & EVTHREAD_LOCKTYPE_RECURSIVE) != 0) {
    pthread_mutexattr_settype(&attributes, PTHREAD_MUTEX_RECURSIVE);
  }
  const bool failed = pthread_mutex_init(&made->raw, &attributes) != 0;
  pthread_mutexattr_destroy(&attributes);
  if (!failed) return made;
  delete made;
  return nullptr;
}

void free_lock(void* lock, unsigned) {
  auto* mutex = static_cast<Mutex*>(lock);
  pthread_mutex_destroy(&mutex->raw);
  delete mutex;
}

int take_lock(unsigned mode, void* lock) {
  auto* mutex = static_cast<Mutex*>(lock);
  return (mode & EVTHREAD_TRY) != 0 ? pthread_mutex_trylock(&mutex->raw)
                                    : pthread_mutex_lock(&mutex->raw);
}

int release_lock(unsigned, void* lock) {
  return pthread_mutex_unlock(&static_cast<Mutex*>(lock)->raw);
}

struct Condition {
  pthread_cond_t raw;
};

// Its timeouts are durations: they must not depend on the system's clock.
void* make_condition(unsigned) {
  auto* made = new (std::nothrow) Condition;
  if (made == nullptr) return nullptr;
  pthread_condattr_t attributes;
  pthread_condattr_init(&attributes);
  pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
  const bool failed = pthread_cond_init(&made->raw, &attributes) != 0;
  pthread_condattr_destroy(&attributes);
  if (!failed) return made;
  delete made;
  return nullptr;
}

void free_condition(void* condition) {
  auto* made = static_cast<Condition*>(condition);
  pthread_cond_destroy(&made->raw);
  delete made;
}

int signal_condition(void* condition, int broadcast) {
  auto* made = static_cast<Condition*>(condition);
  const int error =
      broadcast != 0 ? pthread_cond_broadcast(&made->raw) : pthread_cond_signal(&made->raw);
  return error != 0 ? -1 : 0;
}

timespec deadline_after(const timeval& delay) {
  timespec deadline;
  clock_gettime(CLOCK_MONOTONIC, &deadline);
  deadline.tv_sec += delay.tv_sec;
  deadline.tv_nsec += delay.tv_usec * 1000;
  if (deadline.tv_nsec >= 1'000'000'000) {
    deadline.tv_sec++;
    deadline.tv_nsec -= 1'000'000'000;
  }
  return deadline;
}

int wait_condition(void* condition, void* lock, const timeval* timeout) {
  auto* made = static_cast<Condition*>(condition);
  auto* mutex = static_cast<Mutex*>(lock);
  if (timeout == nullptr) return pthread_cond_wait(&made->raw, &mutex->raw) != 0 ? -1 : 0;
  const timespec deadline = deadline_after(*timeout);
  const int error = pthread_cond_timedwait(&made->raw, &mutex->raw, &deadline);
  if (error == ETIMEDOUT) return 1;
  return error != 0 ? -1 : 0;
}

unsigned long thread_id() { return pthread_self(); }

}  // namespace

int evthread_use_pthreads(void) {
  constexpr evthread_lock_callbacks locks = {EVTHREAD_LOCK_API_VERSION,
                                             EVTHREAD_LOCKTYPE_RECURSIVE,
                                             make_lock,
                                             free_lock,
                                             take_lock,
                                             release_lock};
  constexpr evthread_condition_callbacks conditions = {EVTHREAD_CONDITION_API_VERSION,
                                                       make_condition, free_condition,
                                                       signal_condition, wait_condition};
  if (evthread_set_lock_callbacks(&locks) != 0) return -1;
  evthread_set_condition_callbacks(&conditions);
  evthread_set_id_callback(thread_id);
  return 0;
}

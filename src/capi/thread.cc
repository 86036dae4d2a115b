// The functions of event2/thread.h, in its order, but for evthread_use_pthreads(), which is a
// library of its own.
#include <event2/thread.h>

#include <cerrno>

#include "loop/loop.h"
#include "sys/door.h"
#include "sys/lock.h"

int evthread_make_base_notifiable(event_base* base) {
  if (base == nullptr) {
    errno = EINVAL;
    return -1;
  }
  return ev::status([base] { return base->make_notifiable(); });
}

void evthread_enable_lock_debugging(void) { ev::enable_lock_debugging(); }

void evthread_enable_lock_debuging(void) { ev::enable_lock_debugging(); }

int evthread_set_lock_callbacks(const evthread_lock_callbacks* cbs) {
  return ev::set_lock_hooks(cbs) ? 0 : -1;
}

int evthread_set_condition_callbacks(const evthread_condition_callbacks* cbs) {
  return ev::set_condition_hooks(cbs) ? 0 : -1;
}

void evthread_set_id_callback(unsigned long (*id_fn)(void)) { ev::set_thread_id_hook(id_fn); }

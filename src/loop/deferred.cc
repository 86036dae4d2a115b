#include "loop/deferred.h"

#include "loop/loop.h"

namespace ev {
namespace {

void assign_closure(event_callback& callback, Closure closure, void (*run)(event_callback*, void*),
                    void* owner, std::uint8_t priority) noexcept {
  callback = {};
  callback.evcb_pri = priority;
  callback.evcb_cb_union.evcb_selfcb = run;
  callback.evcb_arg = owner;
  set_closure(callback, closure);
}

}  // namespace

void Deferred::assign(void (*run)(event_callback*, void*), void* owner,
                      std::uint8_t priority) noexcept {
  assign_closure(callback, Closure::self, run, owner, priority);
}

void Deferred::assign_release(void (*run)(event_callback*, void*), void* owner) noexcept {
  assign_closure(callback, Closure::release, run, owner, 0);
}

bool Deferred::is_scheduled() const noexcept { return has_flag(callback, active_flags); }

bool schedule(Loop& loop, Deferred& deferred) noexcept { return loop.schedule(deferred); }
bool cancel(Loop& loop, Deferred& deferred) noexcept { return loop.cancel(deferred); }
bool runs_elsewhere(const Loop* loop) noexcept {
  return Loop::is_alive(loop) && loop->runs_elsewhere();
}
void bequeath(Loop& loop, Deferred& deferred) noexcept { loop.bequeath(deferred); }
void disinherit(Loop& loop, Deferred& deferred) noexcept { loop.disinherit(deferred); }

}  // namespace ev

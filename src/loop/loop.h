// The event loop. The C tag is the class: a program's struct event_base is this.
//
// A turn: flush what streams have written, wait for descriptors and signals, let timers expire,
// then call the active callbacks of the most important priority that has any. Every public method
// takes the loop's lock itself (an empty one when threads are not enabled); user callbacks run
// without it. Methods that may need memory throw std::bad_alloc, and then nothing has changed.
#pragma once

#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdio.h>

#include <atomic>
#include <memory>
#include <optional>

#include "loop/active_queue.h"
#include "loop/backend.h"
#include "loop/config.h"
#include "loop/deferred.h"
#include "loop/event.h"
#include "loop/fd_map.h"
#include "loop/once.h"
#include "loop/signals.h"
#include "loop/timer_wheel.h"
#include "loop/turn_clock.h"
#include "loop/wakeup.h"
#include "loop/watchers.h"
#include "sys/lock.h"
#include "sys/memory.h"

struct event_base final : public ev::Allocated, private ev::ReadySink {
 public:
  // Null when no method satisfies the configuration or the kernel refuses; logged. Throws
  // std::bad_alloc.
  static event_base* make(const event_config* config);
  // For tests: a backend and a clock of their own.
  event_base(const event_config& config, const ev::BackendInfo& info,
             std::unique_ptr<ev::Backend> backend, ev::TurnClock::Read clock);
  ~event_base();  // after close()
  event_base(const event_base&) = delete;
  event_base& operator=(const event_base&) = delete;

  // Deletes all events; runs what waits to release memory, and pending finalizers if asked to.
  // Nobody uses the loop any more. delete follows.
  void close(bool run_finalizers) noexcept;
  // For event_free() after event_base_free(): is this one that was made and not freed?
  static bool is_alive(const event_base* loop) noexcept;

  const char* method() const noexcept { return method_; }
  int features() const noexcept { return info_.features; }

  // --- events (loop/events.cc)

  // False: errno tells why, nothing changed.
  bool add(event& ev, const timeval* timeout);
  // For a timer of ours, without a descriptor: at this point of the monotonic clock, or never.
  void set_timer(event& timer, std::optional<ev::TimePoint> when) noexcept;
  // remove() waits for the callback if another thread is running it, unless the event has
  // EV_FINALIZE.
  bool remove(event& ev) noexcept;
  bool remove_noblock(event& ev) noexcept;
  bool remove_block(event& ev) noexcept;
  bool remove_timer(event& ev) noexcept;
  void activate(event& ev, short what, short calls = 1) noexcept;
  void activate_fd(int fd, short what) noexcept;
  void activate_signal(int signal) noexcept;
  bool once(int fd, short what, event_callback_fn callback, void* arg, const timeval* timeout);
  // Removes the event without waiting, and calls `callback` (may be null) from the loop when no
  // thread runs its callback any more.
  void finalize(event& ev, event_finalize_callback_fn callback, bool free_after) noexcept;

  // Calls `writer`'s callback with EV_WRITE as soon as the user callback that is running now has
  // returned, or before the loop waits next when none is running. No system call. A writer that is
  // active or listed already is left alone; remove() takes it out. One that is listed while the
  // list is being worked off waits for the next pass. From any thread.
  void flush_soon(event& writer) noexcept;

  bool schedule(ev::Deferred& deferred) noexcept;
  bool cancel(ev::Deferred& deferred) noexcept;
  void bequeath(ev::Deferred& deferred) noexcept;
  void disinherit(ev::Deferred& deferred) noexcept;

  // --- running (loop/loop.cc)

  int run(int flags) noexcept;            // event_base_loop()
  bool exit_after(const timeval* delay);  // event_base_loopexit()
  void break_off() noexcept;              // event_base_loopbreak()
  void look_again() noexcept;             // event_base_loopcontinue()
  bool got_exit() noexcept;
  bool got_break() noexcept;
  bool runs_elsewhere() const noexcept;  // another thread is in run() now
  bool runs_in_this_thread() const noexcept { return !runs_elsewhere(); }
  // Changes when a turn is over: what happens before the loop runs belongs to its first turn.
  unsigned turn() const noexcept { return turn_.load(std::memory_order_relaxed); }
  // Whose callback runs; null in a Deferred.
  event* running() const noexcept { return running_.load(std::memory_order_relaxed); }
  // Something that is no event keeps the loop running.
  void hold() noexcept;
  void let_go() noexcept;
  // Lets other threads and signal handlers end the wait. False: errno tells why.
  bool make_notifiable();
  // In a forked child: new kernel objects. False when an event could not be registered again.
  bool reinit();

  // --- time

  ev::TimePoint now() noexcept;  // cached for a turn, else CLOCK_MONOTONIC
  timeval wall_time() noexcept;  // the system's clock at that time
  timeval wall_time_of(ev::Deadline deadline) noexcept;
  void update_time() noexcept;
  // A copy that lives as long as the loop. Null: too many. Throws std::bad_alloc.
  const timeval* common_timeout(const timeval& duration);

  // --- priorities, watchers, and looking in (loop/inspect.cc)

  bool set_priorities(int count);  // false: out of range, or callbacks are active
  int priorities() const noexcept { return active_.priorities(); }
  // Of a callback of ours, in range. One that is active goes behind the others of that priority.
  void set_priority(event_callback& callback, int priority) noexcept;
  void add_watcher(evwatch& watcher) noexcept;
  void remove_watcher(evwatch& watcher) noexcept;
  int count(unsigned kinds) noexcept;  // EVENT_BASE_COUNT_*
  int most(unsigned kinds, bool start_again) noexcept;
  int for_each(event_base_foreach_event_cb visit, void* arg) noexcept;
  void dump(FILE* output) noexcept;

  ev::Lock& lock() noexcept { return lock_; }

 private:
  enum class Wait { never, unless_finalizing, always };

  // What the program may ask for with EVENT_BASE_COUNT_*.
  struct Count {
    int now = 0;
    int most = 0;
    void change(int by) noexcept {
      now += by;
      if (by > 0 && now > most) most = now;  // not what is left since the maximum was cleared
    }
  };

  // Lets go of the lock for as long as a user's callback runs.
  class Unlocked {
   public:
    explicit Unlocked(ev::Lock& lock) noexcept : lock_(lock) { lock_.unlock(); }
    ~Unlocked() { lock_.lock(); }
    Unlocked(const Unlocked&) = delete;
    Unlocked& operator=(const Unlocked&) = delete;

   private:
    ev::Lock& lock_;
  };

  // ReadySink
  void ready(int fd, ev::Interest what) override;
  void haunted() override { rebuild_due_ = true; }

  // events.cc; the lock is held
  bool watch(event& ev);
  void unwatch(event& ev) noexcept;
  void unwatch_fired(event& ev) noexcept;
  void start_timer(event& ev, ev::Deadline deadline) noexcept;
  void stop_timer(event& ev) noexcept;
  ev::Deadline deadline_after(const timeval& delay) noexcept;
  void withdraw(event& ev) noexcept;
  bool remove_and_wait(event& ev, Wait wait) noexcept;
  void note_withdrawn(event& ev) const noexcept;
  // Out of line, so that what hardly ever waits saves fewer registers.
  [[gnu::noinline]] bool wait_until_done(const event& ev, Wait wait) noexcept;
  void wait_for_callback(const event& ev) noexcept;
  void nobody_heard(int fd) noexcept;
  void unlist_writer(event_callback& callback) noexcept;
  void activate_locked(event& ev, short what, short calls) noexcept;
  void activate_callback(event_callback& callback) noexcept;
  void deactivate(event_callback& callback) noexcept;
  void note_signals() noexcept;
  void activate_signals() noexcept;
  void count_added(const event_callback& callback, int by) noexcept;
  void notify() noexcept;

  // loop.cc; the lock is held
  int turns(int flags) noexcept;
  void count_turn() noexcept { turn_.store(turn() + 1, std::memory_order_relaxed); }
  bool wait(int flags) noexcept;
  bool wait_in_backend(int flags);
  bool listen(std::optional<ev::Duration> timeout);
  std::optional<ev::Duration> wait_time(int flags) noexcept;
  void expire_timers() noexcept;
  void expire(event& ev) noexcept;
  bool has_work() const noexcept;
  bool ends_without_work(int flags) const noexcept;
  bool rebuild();

  // callbacks.cc; the lock is held
  int run_active() noexcept;
  int run_list(int priority, const ev::DispatchLimits& limits) noexcept;
  void run_callback(event_callback& callback) noexcept;
  void run_event(event& ev) noexcept;
  void drop_fired(event& ev) noexcept;
  void call(const event& ev) noexcept;
  void restart(event& ev) noexcept;
  void run_signal(event& ev) noexcept;
  void run_finalizer(event& ev, bool free_after) noexcept;
  void set_running(event* ev) noexcept { running_.store(ev, std::memory_order_relaxed); }
  void finish_running() noexcept;
  bool flush_writers() noexcept;

  // close.cc
  void enter_alive() noexcept;
  void leave_alive() noexcept;
  void close_active(bool run_finalizers) noexcept;
  void close_callback(event_callback& callback, bool run_finalizers) noexcept;
  void release(event_callback& callback) noexcept;
  void unlist_legacy(event_callback& callback) noexcept;

  template <class Visit>
  bool visit_events(Visit visit) const;
  void note_pending(const event& ev) const noexcept;

  ev::Lock lock_;
  ev::Condition callback_done_;
  const ev::BackendInfo& info_;
  const char* const method_;  // what the program is told: the backend's name
  std::unique_ptr<ev::Backend> backend_;
  ev::TurnClock clock_;
  const ev::DispatchLimits limits_;
  const bool precise_;  // wake for each timer at its own time

  ev::ActiveQueue active_;
  ev::CallbackList writers_;
  int writer_count_ = 0;
  ev::CallbackList legacies_;
  ev::FdMap fds_;
  ev::Wakeup wakeup_;
  std::unique_ptr<ev::SignalMap> signals_;  // made for the first signal event
  ev::Deferred signals_due_;                // active when signals were delivered
  ev::OnceList onces_;
  ev::Watchers prepare_;
  ev::Watchers check_;
  ev::CommonTimeouts common_timeouts_;

  Count active_count_;
  Count added_count_;
  Count held_count_;

  // Written under the lock only, so plain stores are enough; other threads look at them without it.
  std::atomic<event*> running_ = nullptr;  // whose callback runs
  std::atomic<unsigned long> owner_ = 0;   // the thread that runs the loop
  std::atomic<bool> is_running_ = false;
  std::atomic<unsigned> turn_ = 0;
  int running_priority_ = -1;
  bool is_waiting_ = false;  // in the backend, which has found nothing yet: a change must ring
  bool exit_ = false;
  bool break_ = false;
  bool continue_ = false;
  bool rebuild_due_ = false;  // the backend holds what it cannot forget
  int deferred_this_turn_ = 0;
  int turns_on_trust_ = 0;   // since FdMap::verify()
  short signal_calls_ = 0;   // how often the running signal event is still to be called
  int threads_waiting_ = 0;  // for the running callback
  unsigned callbacks_waited_for_ = 0;

  event_base* next_alive_ = nullptr;
  event_base* previous_alive_ = nullptr;

  ev::TimerWheel timers_;  // last, because it is large
};

// The functions of event2/event.h, in its order. Null is refused where the stock library would
// crash.
#include "loop/event.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include <cerrno>
#include <memory>

#include "buffer/chunk_cache.h"
#include "capi/current_base.h"
#include "loop/config.h"
#include "loop/debug_mode.h"
#include "loop/loop.h"
#include "net/resolver.h"
#include "sys/door.h"
#include "sys/log.h"
#include "sys/memory.h"

namespace {

char self_marker;  // its address stands for "the event itself"

int refused() {
  errno = EINVAL;
  return -1;
}

// Usable by a function that needs a base? In debug mode, ends the program when it was not assigned.
bool is_ready(const event* ev, const char* function) {
  if (ev == nullptr || ev->ev_base == nullptr) {
    ev::log_warn("%s: the event has no base", function);
    return false;
  }
  if (ev::debug_mode()) ev::debug_check_assigned(*ev, function);
  return true;
}

void check_assigned(const event* ev, const char* function) {
  if (ev::debug_mode()) ev::debug_check_assigned(*ev, function);
}

void check_may_assign(const event& ev, int fd, short events) {
  if (!ev::debug_mode()) return;
  ev::debug_check_not_added(ev, "event_assign");
  if (fd >= 0 && (events & EV_SIGNAL) == 0) ev::debug_check_nonblocking(fd, "event_assign");
}

// An event that is in no list needs nothing from its base, which may have been freed. It may be
// running in another thread, or have fired without the kernel being told that it is gone: then the
// base is asked if it is there.
int delete_event(event* ev, bool (event_base::*remove)(event&) noexcept, const char* function) {
  if (!is_ready(ev, function)) return -1;
  if (ev::is_unlisted(*ev)) {
    const bool needs_base = ev::threads_enabled() || !ev::is_idle(*ev)
                                ? event_base::is_alive(ev->ev_base)
                                : ev::has_calls_due(*ev);
    if (!needs_base) return 0;
  }
  return (ev->ev_base->*remove)(*ev) ? 0 : -1;
}

void free_base(event_base* base, bool run_finalizers) {
  if (base == nullptr) base = ev::current_base;
  if (base == nullptr) {
    ev::log_warn("event_base_free: there is no base to free");
    return;
  }
  if (base == ev::current_base) ev::current_base = nullptr;
  base->close(run_finalizers);
  delete base;
}

int finalize(event* ev, event_finalize_callback_fn cb, bool free_after, const char* function) {
  if (!is_ready(ev, function)) return -1;
  ev->ev_base->finalize(*ev, cb, free_after);
  return 0;
}

}  // namespace

// --- bases ---

event_base* event_base_new(void) { return event_base_new_with_config(nullptr); }

event_base* event_base_new_with_config(const event_config* cfg) {
  return ev::made_or_null([cfg] { return event_base::make(cfg); });
}

void event_base_free(event_base* base) { free_base(base, true); }

void event_base_free_nofinalize(event_base* base) { free_base(base, false); }

int event_reinit(event_base* base) {
  if (base == nullptr) return refused();
  return ev::status([base] { return base->reinit(); });
}

const char* event_base_get_method(const event_base* base) {
  return base != nullptr ? base->method() : nullptr;
}

const char** event_get_supported_methods(void) {
  static const char* names[8];
  if (names[0] == nullptr) {
    std::size_t count = 0;
    for (const ev::BackendInfo& info : ev::backends) names[count++] = info.name;
  }
  return names;
}

int event_base_get_features(const event_base* base) {
  return base != nullptr ? base->features() : 0;
}

int event_base_get_num_events(event_base* base, unsigned int flags) {
  return base != nullptr ? base->count(flags) : 0;
}

int event_base_get_max_events(event_base* base, unsigned int flags, int clear) {
  return base != nullptr ? base->most(flags, clear != 0) : 0;
}

// --- configuration ---

event_config* event_config_new(void) {
  return ev::made_or_null([] { return new event_config; });
}

void event_config_free(event_config* cfg) { delete cfg; }

int event_config_avoid_method(event_config* cfg, const char* method) {
  if (cfg == nullptr || method == nullptr) return refused();
  return ev::status([=] { cfg->avoid(method); });
}

int event_config_require_features(event_config* cfg, int feature) {
  if (cfg == nullptr) return refused();
  cfg->require(feature);
  return 0;
}

int event_config_set_flag(event_config* cfg, int flag) {
  if (cfg == nullptr) return refused();
  cfg->set_flags(flag);
  return 0;
}

int event_config_set_num_cpus_hint(event_config* cfg, int) {
  return cfg != nullptr ? 0 : refused();
}

int event_config_set_max_dispatch_interval(event_config* cfg, const timeval* max_interval,
                                           int max_callbacks, int min_priority) {
  if (cfg == nullptr) return refused();
  cfg->set_limits(max_interval, max_callbacks, min_priority);
  return 0;
}

// --- running the loop ---

int event_base_loop(event_base* base, int flags) {
  return base != nullptr ? base->run(flags) : refused();
}

int event_base_dispatch(event_base* base) { return event_base_loop(base, 0); }

int event_base_loopexit(event_base* base, const timeval* tv) {
  if (base == nullptr) return refused();
  return ev::status([=] { return base->exit_after(tv); });
}

int event_base_loopbreak(event_base* base) {
  if (base == nullptr) return refused();
  base->break_off();
  return 0;
}

int event_base_loopcontinue(event_base* base) {
  if (base == nullptr) return refused();
  base->look_again();
  return 0;
}

int event_base_got_exit(event_base* base) { return base != nullptr && base->got_exit(); }

int event_base_got_break(event_base* base) { return base != nullptr && base->got_break(); }

event* event_base_get_running_event(event_base* base) {
  return base != nullptr && base->runs_in_this_thread() ? base->running() : nullptr;
}

// --- making events ---

event* event_new(event_base* base, evutil_socket_t fd, short events, event_callback_fn callback,
                 void* arg) {
  auto* made = static_cast<event*>(ev::try_allocate(sizeof(event)));
  if (made == nullptr) return nullptr;
  if (event_assign(made, base, fd, events, callback, arg) == 0) return made;
  ev::release(made);
  return nullptr;
}

int event_assign(event* ev, event_base* base, evutil_socket_t fd, short events,
                 event_callback_fn callback, void* arg) {
  if (ev == nullptr) return refused();
  return ev::status([&] {
    check_may_assign(*ev, fd, events);
    ev::too_late_for_debug_mode();
    event_base* const used = base != nullptr ? base : ev::current_base;
    if (!ev::assign(*ev, used, fd, events, callback, arg == &self_marker ? ev : arg)) {
      ev::log_warn("event_assign: EV_SIGNAL cannot be mixed with conditions of a descriptor");
      errno = EINVAL;
      return false;
    }
    if (ev::debug_mode()) ev::debug_assigned(*ev);
    return true;
  });
}

void* event_self_cbarg(void) { return &self_marker; }

void event_free(event* ev) {
  if (ev == nullptr) return;
  check_assigned(ev, "event_free");
  if (ev->ev_base != nullptr) event_del(ev);
  if (ev::debug_mode()) ev::debug_forget(*ev);
  ev::release(ev);
}

int event_base_set(event_base* base, event* ev) {
  if (base == nullptr || ev == nullptr || !ev::set_loop(*ev, *base)) return refused();
  check_assigned(ev, "event_base_set");
  return 0;
}

int event_base_once(event_base* base, evutil_socket_t fd, short events, event_callback_fn callback,
                    void* arg, const timeval* timeout) {
  if (base == nullptr) return refused();
  return ev::status([=] { return base->once(fd, events, callback, arg, timeout); });
}

int event_finalize(unsigned, event* ev, event_finalize_callback_fn cb) {
  return finalize(ev, cb, false, "event_finalize");
}

int event_free_finalize(unsigned, event* ev, event_finalize_callback_fn cb) {
  return finalize(ev, cb, true, "event_free_finalize");
}

// --- adding, deleting, activating ---

int event_add(event* ev, const timeval* timeout) {
  if (!is_ready(ev, "event_add")) return -1;
  return ev::status([=] { return ev->ev_base->add(*ev, timeout); });
}

int event_remove_timer(event* ev) {
  return delete_event(ev, &event_base::remove_timer, "event_remove_timer");
}

int event_del(event* ev) { return delete_event(ev, &event_base::remove, "event_del"); }

int event_del_noblock(event* ev) {
  return delete_event(ev, &event_base::remove_noblock, "event_del_noblock");
}

int event_del_block(event* ev) {
  return delete_event(ev, &event_base::remove_block, "event_del_block");
}

void event_active(event* ev, int res, short ncalls) {
  if (!is_ready(ev, "event_active")) return;
  ev->ev_base->activate(*ev, static_cast<short>(res), ncalls);
}

void event_base_active_by_fd(event_base* base, evutil_socket_t fd, short events) {
  if (base != nullptr) base->activate_fd(fd, events);
}

void event_base_active_by_signal(event_base* base, int sig) {
  if (base != nullptr) base->activate_signal(sig);
}

// --- looking at an event ---

int event_pending(const event* ev, short events, timeval* tv) {
  if (!is_ready(ev, "event_pending")) return 0;
  return ev::pending(*ev, events, tv);
}

int event_initialized(const event* ev) { return ev != nullptr && ev::initialized(*ev); }

evutil_socket_t event_get_fd(const event* ev) {
  check_assigned(ev, "event_get_fd");
  return ev->ev_fd;
}

event_base* event_get_base(const event* ev) {
  check_assigned(ev, "event_get_base");
  return ev->ev_base;
}

short event_get_events(const event* ev) {
  check_assigned(ev, "event_get_events");
  return ev->ev_events;
}

event_callback_fn event_get_callback(const event* ev) {
  check_assigned(ev, "event_get_callback");
  return ev->ev_evcallback.evcb_cb_union.evcb_callback;
}

void* event_get_callback_arg(const event* ev) {
  check_assigned(ev, "event_get_callback_arg");
  return ev->ev_evcallback.evcb_arg;
}

int event_get_priority(const event* ev) {
  check_assigned(ev, "event_get_priority");
  return ev->ev_evcallback.evcb_pri;
}

void event_get_assignment(const event* ev, event_base** base_out, evutil_socket_t* fd_out,
                          short* events_out, event_callback_fn* callback_out, void** arg_out) {
  check_assigned(ev, "event_get_assignment");
  if (base_out != nullptr) *base_out = ev->ev_base;
  if (fd_out != nullptr) *fd_out = ev->ev_fd;
  if (events_out != nullptr) *events_out = ev->ev_events;
  if (callback_out != nullptr) *callback_out = ev->ev_evcallback.evcb_cb_union.evcb_callback;
  if (arg_out != nullptr) *arg_out = ev->ev_evcallback.evcb_arg;
}

size_t event_get_struct_event_size(void) { return sizeof(event); }

int event_base_foreach_event(event_base* base, event_base_foreach_event_cb fn, void* arg) {
  if (base == nullptr || fn == nullptr) return refused();
  return base->for_each(fn, arg);
}

void event_base_dump_events(event_base* base, FILE* output) {
  if (base != nullptr) base->dump(output);
}

// --- priorities ---

int event_base_priority_init(event_base* base, int npriorities) {
  if (base == nullptr) return refused();
  return ev::status([=] { return base->set_priorities(npriorities); });
}

int event_base_get_npriorities(event_base* base) {
  return base != nullptr ? base->priorities() : 0;
}

int event_priority_set(event* ev, int priority) {
  if (ev == nullptr) return refused();
  check_assigned(ev, "event_priority_set");
  return ev::set_priority(*ev, priority) ? 0 : refused();
}

// --- time ---

int event_base_gettimeofday_cached(event_base* base, timeval* tv) {
  if (base == nullptr) base = ev::current_base;
  if (base == nullptr) return gettimeofday(tv, nullptr);
  *tv = base->wall_time();
  return 0;
}

int event_base_update_cache_time(event_base* base) {
  if (base == nullptr) base = ev::current_base;
  if (base == nullptr) return refused();
  base->update_time();
  return 0;
}

int event_gettime_monotonic(event_base* base, timeval* tp) {
  if (base == nullptr || tp == nullptr) return refused();
  *tp = ev::to_timeval(ev::monotonic_now().time_since_epoch());
  return 0;
}

const timeval* event_base_init_common_timeout(event_base* base, const timeval* duration) {
  if (base == nullptr || duration == nullptr) return nullptr;
  return ev::made_or_null([=] { return base->common_timeout(*duration); });
}

// --- messages ---

void event_set_log_callback(event_log_cb cb) { ev::set_log_callback(cb); }

void event_set_fatal_callback(event_fatal_cb cb) { ev::set_fatal_callback(cb); }

void event_enable_debug_logging(ev_uint32_t which) { ev::set_debug_logging(which); }

// --- the library as a whole ---

void event_enable_debug_mode(void) { ev::enable_debug_mode(); }

void event_debug_unassign(event* ev) {
  if (ev == nullptr || !ev::debug_mode()) return;
  ev::debug_check_not_added(*ev, "event_debug_unassign");
  ev::debug_forget(*ev);
}

void event_set_mem_functions(void* (*malloc_fn)(size_t), void* (*realloc_fn)(void*, size_t),
                             void (*free_fn)(void*)) {
  ev::set_memory_functions(malloc_fn, realloc_fn, free_fn);
}

void libevent_global_shutdown(void) {
  ev::join_resolver_workers();
  ev::release_chunk_cache();
  ev::debug_mode_shutdown();
}

const char* event_get_version(void) { return LIBEVENT_VERSION; }

ev_uint32_t event_get_version_number(void) { return LIBEVENT_VERSION_NUMBER; }

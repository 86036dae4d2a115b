// Looking at a loop from outside: priorities, watchers, counts, and lists of its events.
#include <mutex>

#include "loop/loop.h"

using ev::has_flag;

bool event_base::set_priorities(int count) {
  std::lock_guard guard(lock_);
  if (!active_.empty() || count < 1 || count >= EVENT_MAX_PRIORITIES) return false;
  if (count != active_.priorities()) active_.set_priorities(count);
  return true;
}

void event_base::add_watcher(evwatch& watcher) noexcept {
  std::lock_guard guard(lock_);
  (watcher.prepare != nullptr ? prepare_ : check_).add(watcher);
}

void event_base::remove_watcher(evwatch& watcher) noexcept {
  std::lock_guard guard(lock_);
  (watcher.prepare != nullptr ? prepare_ : check_).remove(watcher);
}

int event_base::count(unsigned kinds) noexcept {
  std::lock_guard guard(lock_);
  int sum = 0;
  if ((kinds & EVENT_BASE_COUNT_ACTIVE) != 0) sum += active_count_.now;
  if ((kinds & EVENT_BASE_COUNT_VIRTUAL) != 0) sum += held_count_.now;
  if ((kinds & EVENT_BASE_COUNT_ADDED) != 0) sum += added_count_.now;
  return sum;
}

int event_base::most(unsigned kinds, bool start_again) noexcept {
  std::lock_guard guard(lock_);
  int sum = 0;
  const auto take = [&](unsigned kind, Count& count) {
    if ((kinds & kind) == 0) return;
    sum += count.most;
    if (start_again) count.most = 0;
  };
  take(EVENT_BASE_COUNT_ACTIVE, active_count_);
  take(EVENT_BASE_COUNT_VIRTUAL, held_count_);
  take(EVENT_BASE_COUNT_ADDED, added_count_);
  return sum;
}

// Each event once, although it may be in several lists. Until `visit` answers true.
template <class Visit>
bool event_base::visit_events(Visit visit) const {
  constexpr int watched = EVLIST_INSERTED;
  const auto only_timer = [&](event& ev) { return !has_flag(ev, watched) && visit(ev); };
  const auto only_active = [&](event_callback& callback) {
    return ev::belongs_to_event(callback) && !has_flag(callback, watched | EVLIST_TIMEOUT) &&
           visit(ev::event_of(callback));
  };
  return fds_.visit(visit) || (signals_ != nullptr && signals_->visit(visit)) ||
         timers_.visit(only_timer) || active_.visit(only_active);
}

int event_base::for_each(event_base_foreach_event_cb visit, void* arg) noexcept {
  std::lock_guard guard(lock_);
  int result = 0;
  visit_events([&](const event& ev) {
    result = visit(this, &ev, arg);
    return result != 0;
  });
  return result;
}

namespace {

// In the form that programs may take apart.
void print_event(FILE* output, const event& ev) {
  std::fprintf(output, "  %p [%s %d", static_cast<const void*>(&ev),
               ev::is_signal(ev) ? "sig" : "fd ", ev.ev_fd);
}

void print_conditions(FILE* output, int conditions) {
  constexpr struct {
    int bit;
    const char* name;
  } names[] = {{EV_READ, "Read"},      {EV_WRITE, "Write"},     {EV_CLOSED, "EOF"},
               {EV_SIGNAL, "Signal"},  {EV_PERSIST, "Persist"}, {EV_ET, "ET"},
               {EV_TIMEOUT, "Timeout"}};
  for (const auto& [bit, name] : names) {
    if ((conditions & bit) != 0) std::fprintf(output, " %s", name);
  }
}

}  // namespace

void event_base::dump(FILE* output) noexcept {
  std::lock_guard guard(lock_);
  std::fputs("Inserted events:\n", output);
  visit_events([&](const event& ev) {
    if (!has_flag(ev, EVLIST_INSERTED | EVLIST_TIMEOUT)) return false;
    print_event(output, ev);
    std::fputc(']', output);
    print_conditions(output, ev.ev_events & ~EV_TIMEOUT);
    if (has_flag(ev, EVLIST_INTERNAL)) std::fputs(" Internal", output);
    if (has_flag(ev, EVLIST_TIMEOUT)) {
      const timeval when = clock_.wall_time_of(ev::deadline_of(ev));
      std::fprintf(output, " Timeout=%lld.%06ld", static_cast<long long>(when.tv_sec),
                   static_cast<long>(when.tv_usec));
    }
    std::fputc('\n', output);
    return false;
  });
  std::fputs("Active events:\n", output);
  active_.visit([&](event_callback& callback) {
    if (!ev::belongs_to_event(callback)) return false;
    const event& ev = ev::event_of(callback);
    print_event(output, ev);
    std::fprintf(output, ", priority=%d]", callback.evcb_pri);
    print_conditions(output, ev.ev_res & ~(EV_PERSIST | EV_ET));
    if (has_flag(ev, EVLIST_INTERNAL)) std::fputs(" Internal", output);
    std::fputs(" active\n", output);
    return false;
  });
}

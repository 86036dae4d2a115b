#include "loop/signals.h"

#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "loop/wakeup.h"

namespace ev {

// Everything but the handler runs under the mutex. The handler takes no lock: it walks a list whose
// links are atomic, and who takes a port out of the list waits until no handler is running.
struct SignalTable {
  std::mutex mutex;
  std::atomic<SignalPort*> ports = nullptr;
  std::atomic<int> handlers_running = 0;
  std::array<int, NSIG> watchers{};  // how many ports watch a signal
  std::array<struct sigaction, NSIG> previous{};
  pid_t process = 0;

  static void handle(int signal) noexcept;
  void list(SignalPort& port) noexcept;
  void unlist(SignalPort& port) noexcept;
  bool watch(SignalPort& port, int signal) noexcept;
  void unwatch(SignalPort& port, int signal) noexcept;
  void notice_fork() noexcept;
};

namespace {
SignalTable table;
}  // namespace

void SignalTable::handle(int signal) noexcept {
  table.handlers_running.fetch_add(1);
  for (SignalPort* port = table.ports.load(); port != nullptr; port = port->next_.load()) {
    port->deliver(signal);
  }
  table.handlers_running.fetch_sub(1);
}

// A handler that ran in another thread during fork() never ends in the child.
void SignalTable::notice_fork() noexcept {
  const pid_t now = getpid();
  if (process == now) return;
  process = now;
  handlers_running.store(0);
}

void SignalTable::list(SignalPort& port) noexcept {
  if (port.listed_) return;
  port.next_.store(ports.load());
  ports.store(&port);
  port.listed_ = true;
}

void SignalTable::unlist(SignalPort& port) noexcept {
  if (!port.listed_) return;
  std::atomic<SignalPort*>* link = &ports;
  while (link->load() != &port) link = &link->load()->next_;
  link->store(port.next_.load());
  while (handlers_running.load() > 0) sched_yield();
  port.listed_ = false;
}

bool SignalTable::watch(SignalPort& port, int signal) noexcept {
  if (of_signal(port.watched_, signal).load()) return true;
  notice_fork();
  list(port);
  int& count = of_signal(watchers, signal);
  of_signal(port.watched_, signal).store(true);  // before the first delivery can come
  if (count == 0) {
    struct sigaction action {};
    action.sa_handler = handle;
    action.sa_flags = SA_RESTART;
    sigfillset(&action.sa_mask);
    if (sigaction(signal, &action, &of_signal(previous, signal)) == -1) {
      of_signal(port.watched_, signal).store(false);
      return false;
    }
  }
  count++;
  return true;
}

void SignalTable::unwatch(SignalPort& port, int signal) noexcept {
  if (!of_signal(port.watched_, signal).exchange(false)) return;
  int& count = of_signal(watchers, signal);
  if (--count == 0) sigaction(signal, &of_signal(previous, signal), nullptr);
  // What came meanwhile is still for whoever waits for the signal when the loop looks at it.
}

void SignalPort::deliver(int signal) noexcept {
  if (!of_signal(watched_, signal).load(std::memory_order_relaxed)) return;
  of_signal(deliveries_, signal).fetch_add(1, std::memory_order_relaxed);
  any_.store(true, std::memory_order_release);
  Wakeup::ring_from_signal(wakeup_fd_.load(std::memory_order_relaxed));
}

void SignalPort::start_anew(int wakeup_fd) noexcept {
  set_wakeup(wakeup_fd);
  any_.store(false);
  for (auto& count : deliveries_) count.store(0);
}

bool SignalPort::watch(int signal) noexcept {
  std::lock_guard guard(table.mutex);
  return table.watch(*this, signal);
}

void SignalPort::unwatch(int signal) noexcept {
  std::lock_guard guard(table.mutex);
  table.unwatch(*this, signal);
}

SignalPort::~SignalPort() {
  std::lock_guard guard(table.mutex);
  table.notice_fork();
  for (int signal = 1; signal < NSIG; signal++) table.unwatch(*this, signal);
  table.unlist(*this);
}

bool SignalMap::add(event& ev) noexcept {
  if (!is_valid(ev.ev_fd)) {
    errno = EINVAL;
    return false;
  }
  event*& list = of_signal(lists_, ev.ev_fd);
  if (list == nullptr && !port_.watch(ev.ev_fd)) return false;
  auto& link = ev.ev_.ev_signal.ev_signal_next;
  link.le_next = list;
  link.le_prev = &list;
  if (list != nullptr) list->ev_.ev_signal.ev_signal_next.le_prev = &link.le_next;
  list = &ev;
  return true;
}

void SignalMap::remove(event& ev) noexcept {
  auto& link = ev.ev_.ev_signal.ev_signal_next;
  if (link.le_next != nullptr) link.le_next->ev_.ev_signal.ev_signal_next.le_prev = link.le_prev;
  *link.le_prev = link.le_next;
  if (first(ev.ev_fd) == nullptr) port_.unwatch(ev.ev_fd);
}

event* SignalMap::some() const noexcept {
  for (event* list : lists_) {
    if (list != nullptr) return list;
  }
  return nullptr;
}

}  // namespace ev

#include "loop/fd_map.h"

#include <fcntl.h>

#include <cerrno>

#include "loop/debug_mode.h"
#include "loop/event.h"
#include "sys/log.h"

namespace ev {
namespace {

// How many fired events the kernel may not know of yet; further ones are told at once.
constexpr std::size_t most_unsettled = 512;

bool change_or_warn(Backend& backend, int fd, Interest known, Interest wanted) noexcept {
  try {
    if (backend.change(fd, known, wanted)) return true;
    log_errno(errno, "cannot watch descriptor %d", fd);
  } catch (const std::bad_alloc&) {
    log_warn("no memory to watch descriptor %d", fd);
  }
  return false;
}

}  // namespace

FdMap::FdMap() {
  unsettled_.reserve(most_unsettled);
  trusted_.reserve(most_unsettled);
}

// False for a descriptor that does not exist: it must not make the map huge.
bool FdMap::make_room(int fd) {
  if (page_of(fd) != nullptr) return true;
  if (fcntl(fd, F_GETFD) == -1) return false;
  const std::size_t index = static_cast<std::size_t>(fd) / page_size;
  if (index >= pages_.size()) pages_.resize(index + 1);
  pages_[index] = std::make_unique<Page>();
  return true;
}

bool FdMap::add(event& ev, Backend& backend) {
  if (ev.ev_fd < 0) {
    ev.ev_.ev_io.ev_io_next.le_prev = nullptr;
    return true;
  }
  if (!make_room(ev.ev_fd)) {
    log_errno(errno, "cannot watch descriptor %d", ev.ev_fd);
    return false;
  }
  const Slot slot = slot_of(ev.ev_fd);
  if (debug_mode() && slot.first != nullptr && ((slot.first->ev_events ^ ev.ev_events) & EV_ET)) {
    log_warn("descriptor %d is watched both edge-triggered and level-triggered", ev.ev_fd);
    errno = EINVAL;
    return false;
  }
  const Interest wanted = slot.wanted | interest_of(ev);
  if (wanted != slot.known || (slot.is_unsettled() && !trust(ev, slot))) {
    if (!backend.change(ev.ev_fd, slot.known, wanted)) {
      log_errno(errno, "cannot watch descriptor %d", ev.ev_fd);
      return false;
    }
    slot.known = wanted;
    slot.trusted &= ~slot.bit;
  }
  slot.wanted = wanted;
  auto& link = ev.ev_.ev_io.ev_io_next;
  link.le_next = slot.first;
  link.le_prev = &slot.first;
  if (slot.first != nullptr) slot.first->ev_.ev_io.ev_io_next.le_prev = &link.le_next;
  slot.first = &ev;
  return true;
}

// Only for the very event that fired: another one, or one assigned anew, may mean another file. And
// who waits for edges is told what is there already when it is added, which takes the kernel.
bool FdMap::trust(const event& ev, const Slot& slot) noexcept {
  if (!has_flag(ev, fd_unsettled) || (ev.ev_events & EV_ET) != 0) return false;
  if (slot.is_trusted()) return true;
  if (trusted_.size() == most_unsettled) return false;
  trusted_.push_back(ev.ev_fd);
  slot.trusted |= slot.bit;
  return true;
}

void FdMap::unlink(event& ev) noexcept {
  auto& link = ev.ev_.ev_io.ev_io_next;
  if (link.le_next != nullptr) link.le_next->ev_.ev_io.ev_io_next.le_prev = link.le_prev;
  *link.le_prev = link.le_next;
  const Slot slot = slot_of(ev.ev_fd);
  const Interest before = slot.wanted;
  slot.wanted = Interest::none;
  for (const event* other = slot.first; other != nullptr && slot.wanted != before;
       other = next_of(*other)) {
    slot.wanted = slot.wanted | interest_of(*other);
  }
}

void FdMap::remove(event& ev, Backend& backend) noexcept {
  if (ev.ev_fd < 0) return;
  unlink(ev);
  settle(ev.ev_fd, backend);
}

void FdMap::remove_fired(event& ev, Backend& backend) noexcept {
  if (ev.ev_fd < 0) return;
  unlink(ev);
  const Slot slot = slot_of(ev.ev_fd);
  if (slot.is_unsettled()) return;
  if (unsettled_.size() == most_unsettled) {
    settle(ev.ev_fd, backend);
    return;
  }
  slot.unsettled |= slot.bit;
  unsettled_.push_back(ev.ev_fd);
}

void FdMap::settle(int fd, Backend& backend) noexcept {
  if (fd < 0 || page_of(fd) == nullptr) return;
  const Slot slot = slot_of(fd);
  if (slot.known == slot.wanted) return;
  if (any(slot.wanted)) {
    change_or_warn(backend, fd, slot.known, slot.wanted);
  } else {
    backend.change(fd, slot.known, Interest::none);  // refused if it is closed: gone as well
  }
  slot.known = slot.wanted;
  slot.trusted &= ~slot.bit;
}

void FdMap::settle_all(Backend& backend) noexcept {
  for (const int fd : unsettled_) {
    settle(fd, backend);
    const Slot slot = slot_of(fd);
    slot.unsettled &= ~slot.bit;
  }
  unsettled_.clear();
}

void FdMap::verify(Backend& backend, ReadySink& sink) noexcept {
  for (const int fd : trusted_) {
    const Slot slot = slot_of(fd);
    if (!slot.is_trusted()) continue;
    slot.trusted &= ~slot.bit;
    if (change_or_warn(backend, fd, slot.known, slot.known)) continue;
    slot.known = Interest::none;
    sink.ready(fd, slot.wanted);
  }
  trusted_.clear();
}

bool FdMap::register_all(Backend& backend) noexcept {
  bool complete = true;
  for (std::size_t i = 0; i < pages_.size(); i++) {
    if (pages_[i] == nullptr) continue;
    for (std::size_t place = 0; place < page_size; place++) {
      const int fd = static_cast<int>(i * page_size + place);
      const Slot slot = slot_of(fd);
      slot.known = Interest::none;
      if (!any(slot.wanted)) continue;
      if (change_or_warn(backend, fd, Interest::none, slot.wanted)) {
        slot.known = slot.wanted;
      } else {
        complete = false;
      }
    }
    pages_[i]->unsettled = 0;
    pages_[i]->trusted = 0;
  }
  unsettled_.clear();
  trusted_.clear();
  return complete;
}

event* FdMap::some() const noexcept {
  event* found = nullptr;
  visit([&](event& ev) {
    found = &ev;
    return true;
  });
  return found;
}

}  // namespace ev

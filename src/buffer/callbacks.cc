#include "buffer/callbacks.h"

#include <climits>
#include <utility>

#include "buffer/buffer.h"
#include "buffer/use.h"

namespace ev {

UserCallbacks::~UserCallbacks() { remove_all(); }

void UserCallbacks::add(evbuffer_cb_entry* entry) noexcept {
  entry->next = newest_;
  newest_ = entry;
}

bool UserCallbacks::remove(evbuffer_cb_entry* entry) noexcept {
  for (evbuffer_cb_entry* at = newest_; at != nullptr; at = at->next) {
    if (at != entry || at->dead()) continue;
    at->function = nullptr;
    at->sizes = nullptr;
    has_dead_ = true;
    if (running_ == 0) sweep();
    return true;
  }
  return false;
}

void UserCallbacks::remove_all() noexcept {
  for (evbuffer_cb_entry* at = newest_; at != nullptr; at = at->next) {
    at->function = nullptr;
    at->sizes = nullptr;
    has_dead_ = true;
  }
  if (running_ == 0) sweep();
}

evbuffer_cb_entry* UserCallbacks::find(evbuffer_cb_func function,
                                       const void* argument) const noexcept {
  if (function == nullptr) return nullptr;
  for (evbuffer_cb_entry* at = newest_; at != nullptr; at = at->next) {
    if (at->function == function && at->argument == argument) return at;
  }
  return nullptr;
}

void UserCallbacks::run(evbuffer& buffer, const evbuffer_cb_info& info) {
  ++running_;
  for (evbuffer_cb_entry* at = newest_; at != nullptr; at = at->next) {
    if (!at->enabled) continue;
    if (at->function != nullptr) {
      at->function(&buffer, &info, at->argument);
    } else if (at->sizes != nullptr) {
      at->sizes(&buffer, info.orig_size, info.orig_size + info.n_added - info.n_deleted,
                at->argument);
    }
  }
  if (--running_ == 0 && has_dead_) sweep();
}

void UserCallbacks::sweep() noexcept {
  has_dead_ = false;
  for (evbuffer_cb_entry** link = &newest_; *link != nullptr;) {
    evbuffer_cb_entry* entry = *link;
    if (entry->dead()) {
      *link = entry->next;
      delete entry;
    } else {
      link = &entry->next;
    }
  }
}

BufferObserver* BufferUse::enter(evbuffer& buffer) noexcept {
  BufferExtras& extras = *buffer.rare();
  extras.lock.lock();
  ++extras.users;
  if (extras.callbacks.empty() || extras.observer == nullptr) return nullptr;
  extras.observer->hold();
  return extras.observer;
}

void BufferUse::leave(evbuffer& buffer, BufferExtras& extras, BufferObserver* held) noexcept {
  --extras.users;
  const bool last = extras.may_go();
  extras.lock.unlock();
  if (held != nullptr) held->release();
  if (last) delete &buffer;
}

namespace {

constinit Lock no_lock;

}  // namespace
}  // namespace ev

ev::BufferExtras& evbuffer::extras() {
  if (rare() == nullptr) {
    auto* made = new ev::BufferExtras();
    made->observer = observer();
    heard_by_ = reinterpret_cast<std::uintptr_t>(made) | extras_bit;
  }
  return *rare();
}

ev::Lock& evbuffer::lock() noexcept { return rare() != nullptr ? rare()->lock : ev::no_lock; }

bool evbuffer::has_lock() const noexcept {
  return rare() != nullptr && static_cast<bool>(rare()->lock);
}

void evbuffer::enable_locking(ev::Lock lock) { extras().lock = std::move(lock); }

bool evbuffer::set_max_read(std::size_t bytes) {
  if (bytes > INT_MAX) return false;
  extras().max_read = bytes;
  return true;
}

std::size_t evbuffer::max_read() const noexcept {
  return rare() != nullptr && rare()->max_read != 0 ? rare()->max_read : default_max_read;
}

bool evbuffer::has_callbacks() const noexcept {
  return rare() != nullptr && !rare()->callbacks.empty();
}

evbuffer_cb_entry* evbuffer::add_callback(evbuffer_cb_func function, void* argument) {
  ev::BufferExtras& mine = extras();
  auto* entry = new evbuffer_cb_entry();
  entry->function = function;
  entry->argument = argument;
  mine.callbacks.add(entry);
  return entry;
}

void evbuffer::replace_callbacks(evbuffer_cb function, void* argument) {
  if (function == nullptr) {
    if (rare() != nullptr) rare()->callbacks.remove_all();
    return;
  }
  ev::BufferExtras& mine = extras();
  auto* entry = new evbuffer_cb_entry();
  entry->sizes = function;
  entry->argument = argument;
  mine.callbacks.remove_all();
  mine.callbacks.add(entry);
}

bool evbuffer::remove_callback(evbuffer_cb_entry* entry) noexcept {
  return rare() != nullptr && rare()->callbacks.remove(entry);
}

bool evbuffer::remove_callback(evbuffer_cb_func function, void* argument) noexcept {
  if (rare() == nullptr) return false;
  evbuffer_cb_entry* entry = rare()->callbacks.find(function, argument);
  return entry != nullptr && rare()->callbacks.remove(entry);
}

void evbuffer::defer_callbacks(event_base& loop, std::uint8_t priority) {
  ev::BufferExtras& mine = extras();
  if (mine.pinned) return;
  const auto run = [](event_callback*, void* self) {
    static_cast<evbuffer*>(self)->run_deferred();
  };
  mine.loop = &loop;
  mine.deferred.assign(run, this, priority);
}

void evbuffer::set_observer(ev::BufferObserver* observer) noexcept {
  if (ev::BufferExtras* mine = rare()) {
    mine->observer = observer;
  } else {
    heard_by_ = reinterpret_cast<std::uintptr_t>(observer);
  }
}

ev::BufferObserver* evbuffer::observer() const noexcept {
  if (const ev::BufferExtras* mine = rare()) return mine->observer;
  return observer_in(heard_by_);
}

void evbuffer::announce(Change change) {
  count(change);
  tell(change);
}

// Both are counted before anybody is told of either: a callback of the one may change the other,
// whose callbacks then hear of both changes at once, or free it. Nobody heard of it then, or the
// call from the program holds it.
void evbuffer::announce_both(evbuffer& one, Change of_one, evbuffer& other, Change of_other) {
  const bool other_is_heard = other.heard_by_ != 0;
  one.count(of_one);
  other.count(of_other);
  one.tell(of_one);
  if (other_is_heard) other.tell(of_other);
}

void evbuffer::count(Change change) noexcept {
  ev::BufferExtras* mine = rare();
  if (mine == nullptr) return;
  mine->added += change.added;
  mine->deleted += change.deleted;
}

void evbuffer::tell(Change change) {
  if (rare() != nullptr && !tell_callbacks()) return;
  if (ev::BufferObserver* hears = observer()) {
    hears->on_buffer_change(*this, change.added, change.deleted);
  }
}

// False when the buffer is gone.
bool evbuffer::tell_callbacks() {
  ev::BufferExtras& mine = *rare();
  if (mine.loop != nullptr && !mine.callbacks.empty()) {
    if (!std::exchange(mine.pinned, true)) ev::schedule(*mine.loop, mine.deferred);
    return true;
  }
  const std::size_t added = std::exchange(mine.added, 0);
  const std::size_t deleted = std::exchange(mine.deleted, 0);
  if (mine.callbacks.empty() || (added == 0 && deleted == 0)) return true;
  ++mine.users;
  mine.callbacks.run(*this, {total_ + deleted - added, added, deleted});
  --mine.users;
  if (!mine.may_go()) return true;
  delete this;
  return false;
}

void evbuffer::run_deferred() {
  ev::BufferUse use(*this);
  rare()->pinned = false;
  const std::size_t added = std::exchange(rare()->added, 0);
  const std::size_t deleted = std::exchange(rare()->deleted, 0);
  if (added == 0 && deleted == 0) return;  // the callbacks of then were removed before the change
  rare()->callbacks.run(*this, {total_ + deleted - added, added, deleted});
}

void evbuffer::destroy(evbuffer* buffer) noexcept {
  if (buffer->rare() == nullptr) {
    delete buffer;
    return;
  }
  ev::BufferUse use(*buffer);
  ev::BufferExtras& extras = *buffer->rare();
  extras.doomed = true;
  if (extras.pinned && extras.deferred.is_scheduled()) {
    buffer->await_last_rites();
  } else {
    extras.callbacks.remove_all();
    buffer->cancel_deferred();
  }
}

// Deferred callbacks that are due are still called, as they always were: the buffer goes after
// them.
void evbuffer::await_last_rites() noexcept {
  ev::BufferExtras& mine = *rare();
  if (std::exchange(mine.awaits_last_rites, true)) return;
  const auto run = [](event_callback*, void* self) {
    auto& buffer = *static_cast<evbuffer*>(self);
    ev::BufferUse use(buffer);
    buffer.rare()->awaits_last_rites = false;
    buffer.cancel_deferred();  // those of a loop that is being freed, or that were due once more
  };
  mine.last_rites.assign_release(run, this);
  mine.last_rites.callback.evcb_pri = mine.deferred.callback.evcb_pri;
  ev::schedule(*mine.loop, mine.last_rites);
}

void evbuffer::cancel_deferred() noexcept {
  ev::BufferExtras& mine = *rare();
  if (!mine.pinned) return;
  if (mine.deferred.is_scheduled()) {
    mine.pinned = !ev::cancel(*mine.loop, mine.deferred);
  } else if (!ev::runs_elsewhere(mine.loop)) {
    // The loop went away with it. One that runs in another thread may be about to call us: then
    // that call frees us.
    mine.pinned = false;
  }
}

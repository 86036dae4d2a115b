// Which events watch which descriptor, and what the kernel has been told. All events of a
// descriptor are merged into one interest. Descriptors come in pages of 64, each made when the
// first of its descriptors is watched; one costs little more than ten bytes:
//
//   pages_[fd / 64]   first    [64]   event -> next -> ...
//                     known    [64]   what the kernel watches
//                     wanted   [64]   what the events want
//                     unsettled       one bit each: the two may differ (listed)
//                     trusted         one bit each: the kernel may know another file (listed)
//
// Changes reach the kernel at once, because a program may close or hand on the descriptor right
// after event_del(). The one exception: an event that fired and goes with that. The kernel keeps
// watching for it until settle_all(), which comes before the loop waits. If its callback adds it
// again, unchanged, the kernel is trusted to watch the right file still; verify() makes sure of
// that, before the loop sleeps or some turns later, since the program may have put another file in
// its place. Protected by the loop's lock.
#pragma once

#include <event2/event_struct.h>

#include <array>
#include <memory>
#include <vector>

#include "loop/backend.h"
#include "sys/memory.h"

namespace ev {

class FdMap {
 public:
  FdMap();  // throws std::bad_alloc

  // False: errno tells why, nothing changed. Throws std::bad_alloc. An event without a descriptor
  // (-1) watches nothing.
  bool add(event& ev, Backend& backend);
  void remove(event& ev, Backend& backend) noexcept;
  // The same, but the kernel hears of it from settle() or settle_all().
  void remove_fired(event& ev, Backend& backend) noexcept;
  void settle(int fd, Backend& backend) noexcept;
  void settle_all(Backend& backend) noexcept;
  // Is there an interest that only the past vouches for?
  bool has_trusted() const noexcept { return !trusted_.empty(); }
  // Makes sure of those. A descriptor that is gone is reported as ready: its events' next system
  // call will tell.
  void verify(Backend& backend, ReadySink& sink) noexcept;
  // Tells a new backend everything. False if it refused something.
  bool register_all(Backend& backend) noexcept;

  // The events of a descriptor, linked through next_of(); null for one that nobody watches.
  event* first(int fd) const noexcept {
    const Page* page = page_of(fd);
    return page != nullptr ? page->first[place_in_page(fd)] : nullptr;
  }
  static event* next_of(const event& ev) noexcept { return ev.ev_.ev_io.ev_io_next.le_next; }

  // Some event, or null.
  event* some() const noexcept;
  // Calls `visit` with each event until it answers true. `visit` changes nothing.
  template <class Visit>
  bool visit(Visit visit_one) const;

 private:
  static constexpr std::size_t page_size = 64;
  struct Page : Allocated {
    std::array<event*, page_size> first{};
    std::array<Interest, page_size> known{};
    std::array<Interest, page_size> wanted{};
    std::uint64_t unsettled = 0;
    std::uint64_t trusted = 0;
  };

  // One descriptor's place in its page.
  struct Slot {
    event*& first;
    Interest& known;
    Interest& wanted;
    std::uint64_t& unsettled;
    std::uint64_t& trusted;
    std::uint64_t bit;

    bool is_unsettled() const noexcept { return (unsettled & bit) != 0; }
    bool is_trusted() const noexcept { return (trusted & bit) != 0; }
  };

  static std::size_t place_in_page(int fd) noexcept {
    return static_cast<std::size_t>(fd) % page_size;
  }
  // Null: no descriptor of that page has ever been watched.
  Page* page_of(int fd) const noexcept {
    const std::size_t index = static_cast<std::size_t>(fd) / page_size;
    return index < pages_.size() ? pages_[index].get() : nullptr;
  }
  Slot slot_of(int fd) noexcept {
    Page& page = *page_of(fd);
    const std::size_t place = place_in_page(fd);
    return {page.first[place], page.known[place], page.wanted[place],
            page.unsettled,    page.trusted,      std::uint64_t{1} << place};
  }
  bool make_room(int fd);
  void unlink(event& ev) noexcept;
  bool trust(const event& ev, const Slot& slot) noexcept;

  std::vector<std::unique_ptr<Page>, Allocator<std::unique_ptr<Page>>> pages_;
  // These never grow, so that nothing can fail.
  std::vector<int, Allocator<int>> unsettled_;
  std::vector<int, Allocator<int>> trusted_;
};

template <class Visit>
bool FdMap::visit(Visit visit_one) const {
  for (const auto& page : pages_) {
    if (page == nullptr) continue;
    for (event* first : page->first) {
      for (event* ev = first; ev != nullptr; ev = next_of(*ev)) {
        if (visit_one(*ev)) return true;
      }
    }
  }
  return false;
}

}  // namespace ev

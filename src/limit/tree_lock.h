// The lock of a tree of groups. Trees are joined, split and freed while streams of other threads
// ask for tokens, so the lock must outlive every tree: there are a few mutexes for the whole
// process, and a tree uses one of them. Who holds a key asks for "the mutex of my tree" and gets it
// even if the tree is being joined to another one meanwhile.
//
// A critical section is some hundred nanoseconds of arithmetic. Order: stream's lock, then the
// tree's, then a loop's. Programs that never enable threads never touch a mutex.
#pragma once

#include <atomic>
#include <mutex>

namespace ev {

// Which mutex. Written only with the old and the new one held.
class TreeKey {
 public:
  static TreeKey next() noexcept;  // spreads the trees over the mutexes
  TreeKey() = default;
  TreeKey(const TreeKey& other) noexcept : stripe_(other.stripe()) {}
  TreeKey& operator=(const TreeKey& other) noexcept {
    stripe_.store(other.stripe(), std::memory_order_release);
    return *this;
  }
  unsigned stripe() const noexcept { return stripe_.load(std::memory_order_acquire); }

 private:
  std::atomic<unsigned> stripe_{0};
};

class TreeGuard {
 public:
  explicit TreeGuard(const TreeKey& key) noexcept;
  // Both trees at once, without deadlock.
  TreeGuard(const TreeKey& a, const TreeKey& b) noexcept;
  ~TreeGuard();
  TreeGuard(const TreeGuard&) = delete;
  TreeGuard& operator=(const TreeGuard&) = delete;

 private:
  std::mutex* first_ = nullptr;
  std::mutex* second_ = nullptr;
};

}  // namespace ev

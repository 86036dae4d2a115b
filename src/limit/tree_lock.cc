#include "limit/tree_lock.h"

#include <algorithm>

#include "sys/lock.h"

namespace ev {
namespace {

constexpr unsigned stripes = 16;
constinit std::mutex mutexes[stripes];
constinit std::atomic<unsigned> trees{0};

}  // namespace

TreeKey TreeKey::next() noexcept {
  TreeKey key;
  key.stripe_.store(trees.fetch_add(1, std::memory_order_relaxed) % stripes,
                    std::memory_order_relaxed);
  return key;
}

TreeGuard::TreeGuard(const TreeKey& key) noexcept {
  if (!threads_enabled()) return;
  for (;;) {
    const unsigned stripe = key.stripe();
    mutexes[stripe].lock();
    if (key.stripe() == stripe) {
      first_ = &mutexes[stripe];
      return;
    }
    mutexes[stripe].unlock();
  }
}

TreeGuard::TreeGuard(const TreeKey& a, const TreeKey& b) noexcept {
  if (!threads_enabled()) return;
  for (;;) {
    const unsigned stripe_a = a.stripe();
    const unsigned stripe_b = b.stripe();
    first_ = &mutexes[std::min(stripe_a, stripe_b)];
    second_ = stripe_a == stripe_b ? nullptr : &mutexes[std::max(stripe_a, stripe_b)];
    first_->lock();
    if (second_ != nullptr) second_->lock();
    if (a.stripe() == stripe_a && b.stripe() == stripe_b) return;
    if (second_ != nullptr) second_->unlock();
    first_->unlock();
  }
}

TreeGuard::~TreeGuard() {
  if (second_ != nullptr) second_->unlock();
  if (first_ != nullptr) first_->unlock();
}

}  // namespace ev

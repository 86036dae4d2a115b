#include "buffer/buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "buffer/callbacks.h"
#include "buffer/chain.h"

using ev::Chain;

namespace {

// Buffers double up to this, so that a large one neither copies nor waits for fresh pages.
constexpr std::size_t growth_limit = 65536;

}  // namespace

evbuffer::~evbuffer() {
  if (const ev::BufferExtras* mine = rare()) {
    cancel_deferred();
    delete mine;
  }
  release_chains(first_);
}

// --- The chains ---

void evbuffer::release_chains(Chain* first) noexcept {
  while (first != nullptr) std::exchange(first, first->next)->release();
}

// By what the buffer holds and the chain beside it holds: pieces between references, files and
// chains of other buffers must not get much room each.
std::size_t evbuffer::grown(std::size_t size, const Chain* beside) const noexcept {
  constexpr std::size_t beside_foreign = 976;
  const std::size_t most = beside == nullptr || beside->kind != Chain::Kind::owned
                               ? beside_foreign
                               : std::max(2 * beside->capacity, beside_foreign);
  return std::max(size, std::min({total_, most, growth_limit}));
}

Chain* evbuffer::spare() const noexcept { return last_ != nullptr ? last_->next : nullptr; }

std::size_t evbuffer::room() const noexcept { return last_ != nullptr ? last_->room() : 0; }

// The chain becomes what reserve_contiguous() hands out: behind bytes the spare, otherwise the only
// chain.
void evbuffer::replace_spare(Chain* chain) noexcept {
  if (total_ == 0) {
    release_chains(std::exchange(first_, chain));
    last_ = chain;
  } else {
    release_chains(std::exchange(last_->next, chain));
  }
}

void evbuffer::add_to_tail(std::size_t size) noexcept {
  flags_ &= static_cast<std::uint8_t>(~has_reserved);
  last_->length += size;
  total_ += size;
}

void evbuffer::add_to_spare(std::size_t size) noexcept {
  if (size == 0) return;
  flags_ &= static_cast<std::uint8_t>(~has_reserved);
  Chain* chain = last_->next;
  chain->length += size;
  if (last_->length == 0) {
    last_->next = nullptr;
    last_->release();
    first_ = chain;
  }
  last_ = chain;
  total_ += size;
}

void evbuffer::link_back(Chain* chain) noexcept { link_back(chain, chain, chain->length); }

void evbuffer::link_back(Chain* first, Chain* last, std::size_t size) noexcept {
  flags_ &= static_cast<std::uint8_t>(~has_reserved);
  if (last_ == nullptr) {  // the usual case
    first_ = first;
  } else {
    replace_spare(first);
  }
  last_ = last;
  total_ += size;
}

void evbuffer::link_front(Chain* first, Chain* last, std::size_t size) noexcept {
  // Behind the new bytes, an empty buffer's room is a spare.
  last->next = first_;
  if (total_ == 0) {
    if (first_ != nullptr) release_chains(std::exchange(first_->next, nullptr));
    last_ = last;
  }
  first_ = first;
  total_ += size;
}

Chain* evbuffer::unlink_front(std::size_t size) noexcept {
  Chain* done = first_;
  if (size == total_) {
    first_ = last_ = nullptr;
    total_ = 0;
    flags_ &= static_cast<std::uint8_t>(~has_files);
    return done;
  }
  total_ -= size;
  Chain** link = &first_;
  Chain* chain = first_;
  while (size >= chain->length) {
    size -= chain->length;
    link = &chain->next;
    chain = chain->next;
  }
  chain->drop_front(size);
  if (link == &first_) return nullptr;
  *link = nullptr;
  first_ = chain;
  return done;
}

// --- Adding and taking bytes ---

// Fills the room behind the last chain first. Allocates before it changes anything.
void evbuffer::copy_in(const void* data, std::size_t size) {
  if (size <= room()) {
    std::memcpy(last_->tail(), data, size);
    return add_to_tail(size);
  }
  if (last_ != nullptr) return copy_in_pieces(data, size);
  Chain* chain = Chain::make(size);
  std::memcpy(chain->memory, data, size);
  first_ = last_ = chain;
  chain->length = total_ = size;
}

void evbuffer::copy_in_pieces(const void* data, std::size_t size) {
  const std::size_t here = room();
  const std::size_t rest = size - here;
  if (spare() == nullptr || spare()->capacity < rest) {
    Chain* chain = Chain::make(grown(rest, last_));
    release_chains(std::exchange(last_->next, chain));
  }
  if (here > 0) {
    std::memcpy(last_->tail(), data, here);
    add_to_tail(here);
  }
  std::memcpy(last_->next->memory, static_cast<const std::byte*>(data) + here, rest);
  add_to_spare(rest);
}

bool evbuffer::append(const void* data, std::size_t size) {
  return !frozen(ev::End::back) && put(data, size);
}

bool evbuffer::put(const void* data, std::size_t size) {
  if (!fits(size)) return false;
  if (size == 0) return true;
  copy_in(data, size);
  changed(size, 0);
  return true;
}

bool evbuffer::prepend(const void* data, std::size_t size) {
  if (size == 0) return true;
  if (frozen(ev::End::front) || !fits(size)) return false;
  const std::size_t here = total_ > 0 ? std::min(first_->headroom(), size) : 0;
  const std::size_t rest = size - here;
  Chain* chain = rest > 0 ? Chain::make(grown(rest, first_)) : nullptr;
  const auto* bytes = static_cast<const std::byte*>(data);
  if (here > 0) {
    first_->offset -= here;
    first_->length += here;
    total_ += here;
    std::memcpy(first_->data(), bytes + rest, here);
  }
  if (chain != nullptr) {
    // At the end of its storage, so that the next prepend finds room in front.
    chain->offset = chain->capacity - rest;
    chain->length = rest;
    std::memcpy(chain->data(), bytes, rest);
    link_front(chain, chain, rest);
  }
  changed(size, 0);
  return true;
}

bool evbuffer::drain(std::size_t size) {
  if (empty()) return true;
  if (frozen(ev::End::front)) return false;
  take_front(std::min(size, total_));
  return true;
}

void evbuffer::take_front(std::size_t size) {
  if (size == 0) return;
  // Cleanup callbacks run when the buffer is whole again: they may use it.
  release_chains(unlink_front(size));
  changed(0, size);
}

ssize_t evbuffer::remove(void* out, std::size_t most) {
  const ssize_t count = copy_out(out, most);
  if (count > 0) take_front(static_cast<std::size_t>(count));
  return count;
}

ssize_t evbuffer::copy_out(void* out, std::size_t most) const {
  const std::size_t size = std::min(most, total_);
  if (size == 0) return 0;
  if (frozen(ev::End::front) || !make_readable(size)) return -1;
  copy_from({first_, 0}, out, size);
  return static_cast<ssize_t>(size);
}

ssize_t evbuffer::copy_out_from(const evbuffer_ptr& from, void* out, std::size_t most) const {
  if (from.pos < 0) return -1;
  const auto skipped = static_cast<std::size_t>(from.pos);
  if (skipped > total_) return -1;
  const std::size_t size = std::min(most, total_ - skipped);
  if (size == 0) return 0;
  if (frozen(ev::End::front) || !make_readable(skipped + size)) return -1;
  copy_from(place_of(&from), out, size);
  return static_cast<ssize_t>(size);
}

void evbuffer::copy_from(Place place, void* out, std::size_t size) const noexcept {
  auto* to = static_cast<std::byte*>(out);
  for (Chain* chain = place.chain; size > 0; chain = chain->next) {
    const std::size_t piece = std::min(size, chain->length - place.at);
    std::memcpy(to, chain->data() + place.at, piece);
    to += piece;
    size -= piece;
    place.at = 0;
  }
}

bool evbuffer::make_readable(std::size_t size) const noexcept {
  if ((flags_ & has_files) == 0) return true;
  std::size_t seen = 0;
  for (Chain* chain = first_; chain != nullptr && seen < size; chain = chain->next) {
    if (!chain->make_readable()) return false;
    seen += chain->length;
  }
  return true;
}

// --- Rules ---

void evbuffer::freeze(ev::End end) noexcept { flags_ |= freeze_bit(end); }

void evbuffer::unfreeze(ev::End end) noexcept {
  flags_ &= static_cast<std::uint8_t>(~freeze_bit(end));
}

void evbuffer::set_drains_to_fd(bool on) noexcept {
  flags_ = static_cast<std::uint8_t>(on ? flags_ | drains_to_fd : flags_ & ~drains_to_fd);
}

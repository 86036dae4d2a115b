// Looking at bytes where they are: extents, positions, and making the front contiguous.
#include <algorithm>
#include <cstring>
#include <utility>

#include "buffer/buffer.h"
#include "buffer/chain.h"

using ev::Chain;

std::size_t evbuffer::contiguous_size() const noexcept {
  return first_ != nullptr ? first_->length : 0;
}

evbuffer::Place evbuffer::place_of(std::size_t offset) const noexcept {
  return place_behind({first_, 0}, offset);
}

evbuffer::Place evbuffer::place_behind(const Place& start, std::size_t distance) noexcept {
  Chain* chain = start.chain;
  std::size_t at = start.at + distance;
  while (chain != nullptr && at >= chain->length) {
    at -= chain->length;
    chain = chain->next;
  }
  return {chain, chain != nullptr ? at : 0};
}

// Null is the start of the buffer. A position at the end knows no chain; bytes may have come behind
// it since.
evbuffer::Place evbuffer::place_of(const evbuffer_ptr* position) const noexcept {
  if (position == nullptr) return place_of(std::size_t{0});
  auto* chain = static_cast<Chain*>(position->internal_.chain);
  if (chain == nullptr) return place_of(static_cast<std::size_t>(position->pos));
  return {chain, position->internal_.pos_in_chain};
}

bool evbuffer::set_position(evbuffer_ptr& position, std::size_t offset,
                            evbuffer_ptr_how how) const noexcept {
  std::size_t start = 0;
  if (how == EVBUFFER_PTR_ADD) {
    // Nothing is known of a position that never was one.
    if (position.pos < 0 || offset > max_size - static_cast<std::size_t>(position.pos))
      return false;
    start = static_cast<std::size_t>(position.pos);
  } else if (how != EVBUFFER_PTR_SET) {
    return false;
  }
  if (start + offset > total_) {
    position = {-1, {nullptr, 0}};
    return false;
  }
  // From where it is, so that stepping through a buffer does not begin at its front each time.
  const Place from = how == EVBUFFER_PTR_ADD ? place_of(&position) : place_of(std::size_t{0});
  const Place place = place_behind(from, offset);
  position = {static_cast<ssize_t>(start + offset), {place.chain, place.at}};
  return true;
}

int evbuffer::peek(iovec* vectors, int most, ssize_t bytes, const evbuffer_ptr* from) const {
  if (from != nullptr && from->pos < 0) return 0;
  // Without vectors it is only counted, and for that a file need not be read.
  const bool fill = vectors != nullptr && most > 0;
  Place place = place_of(from);
  int count = 0;
  std::size_t seen = 0;
  for (Chain* chain = place.chain; chain != nullptr && chain->length > 0; chain = chain->next) {
    // The extent of a given position always counts.
    const bool needed =
        bytes < 0 || seen < static_cast<std::size_t>(bytes) || (from != nullptr && count == 0);
    if (!needed || (bytes < 0 && fill && count == most)) break;
    const std::size_t size = chain->length - place.at;
    if (fill && count < most) {
      if (!chain->make_readable()) return -1;
      vectors[count] = {chain->data() + place.at, size};
    }
    seen += size;
    place.at = 0;
    ++count;
  }
  return count;
}

int evbuffer::peek(iovec* vectors, int most, std::size_t bytes) const noexcept {
  if (!make_readable(std::min(bytes, total_))) return 0;
  std::size_t left = std::min(bytes, total_);
  int count = 0;
  for (Chain* chain = first_; left > 0 && count < most; chain = chain->next) {
    const std::size_t size = std::min(left, chain->length);
    vectors[count++] = {chain->data(), size};
    left -= size;
  }
  return count;
}

std::byte* evbuffer::pull_up(ssize_t size) {
  const std::size_t wanted = size < 0 ? total_ : static_cast<std::size_t>(size);
  if (wanted == 0 || wanted > total_ || !make_readable(wanted)) return nullptr;
  const std::size_t have = first_->length;
  if (have >= wanted) return first_->data();

  Chain* front = first_;
  std::size_t rest = wanted;
  if (front->room() >= wanted - have) {
    // Behind its bytes no view looks, so that even a shared chain may grow there.
    rest -= have;
    copy_from({front->next, 0}, front->tail(), rest);
    first_ = front->next;
    total_ -= have;
  } else {
    // Twice the size, so that a buffer that grows and is pulled up each time is not copied each
    // time.
    front = Chain::make(wanted > ev::chunk_sizes.back() ? 2 * wanted : wanted);
    copy_from({first_, 0}, front->memory, wanted);
  }
  Chain* done = unlink_front(rest);
  front->length = wanted;
  link_front(front, front, wanted);
  release_chains(done);
  return front->data();
}

// Bytes that change hands without being copied: between buffers, and from the program's memory and
// files.
#include <algorithm>
#include <memory>
#include <utility>

#include "buffer/buffer.h"
#include "buffer/chain.h"
#include "buffer/file_segment.h"

using ev::Chain;

namespace {

// Up to this many bytes, copying costs less than sharing, and does not keep a large chain alive for
// a small piece.
constexpr std::size_t worth_sharing = 4096;

struct ReleaseChains {
  void operator()(Chain* first) const noexcept {
    while (first != nullptr) std::exchange(first, first->next)->release();
  }
};
using OwnedChains = std::unique_ptr<Chain, ReleaseChains>;

}  // namespace

bool evbuffer::append_buffer(evbuffer& source) {
  if (&source == this || source.empty()) return true;
  if (frozen(ev::End::back) || source.frozen(ev::End::front) || !fits(source.total_)) return false;
  const std::size_t size = source.total_;
  source.transfer(*this, size);
  both_changed(source, {0, size}, *this, {size, 0});
  return true;
}

bool evbuffer::prepend_buffer(evbuffer& source) {
  if (&source == this || source.empty()) return true;
  if (frozen(ev::End::front) || source.frozen(ev::End::front) || !fits(source.total_)) return false;
  const std::size_t size = source.total_;
  release_chains(std::exchange(source.last_->next, nullptr));
  inherit_files(source);
  link_front(source.first_, source.last_, size);
  source.unlink_front(size);
  both_changed(source, {0, size}, *this, {size, 0});
  return true;
}

ssize_t evbuffer::remove_to(evbuffer& destination, std::size_t most) {
  if (&destination == this || most == 0) return 0;
  if (frozen(ev::End::front) || destination.frozen(ev::End::back)) return -1;
  const std::size_t size = std::min(most, total_);
  if (!destination.fits(size)) return -1;
  if (size == total_) {
    // The callbacks come in the order of append_buffer(): programs know no other.
    if (!destination.append_buffer(*this)) return -1;
  } else {
    move_front_to(destination, size);
  }
  return static_cast<ssize_t>(size);
}

void evbuffer::move_front_to(evbuffer& destination, std::size_t size) {
  if (size == 0) return;
  transfer(destination, size);
  both_changed(destination, {size, 0}, *this, {0, size});
}

void evbuffer::inherit_files(const evbuffer& source) noexcept {
  if ((source.flags_ & has_files) != 0) flags_ |= has_files;
}

// Moves the front to the back of `destination`. Allocates before it changes anything.
void evbuffer::transfer(evbuffer& destination, std::size_t size) {
  if (first_ == last_ && size == total_ && first_->next == nullptr) {  // the usual case
    destination.inherit_files(*this);
    total_ = 0;
    last_ = nullptr;
    return destination.link_back(std::exchange(first_, nullptr));
  }
  transfer_piecewise(destination, size);
}

void evbuffer::transfer_piecewise(evbuffer& destination, std::size_t size) {
  Chain* before = nullptr;  // the last chain that moves as a whole
  Chain* split = first_;
  std::size_t whole = 0;
  while (split != nullptr && split->length > 0 && split->length <= size - whole) {
    whole += split->length;
    before = split;
    split = split->next;
  }
  const std::size_t rest = size - whole;
  const bool copied = rest > 0 && rest <= worth_sharing && split->memory != nullptr;
  if (before == nullptr && copied) {
    destination.copy_in(split->data(), rest);
    split->drop_front(rest);
    total_ -= rest;
    return;
  }
  Chain* piece = nullptr;
  if (copied) {
    piece = Chain::make(destination.grown(rest, before));
    std::copy_n(split->data(), rest, piece->memory);
    piece->length = rest;
  } else if (rest > 0) {
    piece = Chain::make_view(*split, 0, rest);
  }
  destination.inherit_files(*this);
  Chain* moved = unlink_front(size);
  if (before != nullptr) destination.link_back(moved, before, whole);
  if (piece != nullptr) destination.link_back(piece);
}

bool evbuffer::append_reference(const void* data, std::size_t size, evbuffer_ref_cleanup_cb cleanup,
                                void* argument) {
  if (frozen(ev::End::back) || !fits(size)) return false;
  if (size == 0) {
    if (cleanup != nullptr) cleanup(data, 0, argument);
    return true;
  }
  link_back(Chain::make_reference(data, size, {cleanup, argument}));
  changed(size, 0);
  return true;
}

bool evbuffer::append_shared(evbuffer& source) {
  if (source.empty()) return true;
  if (frozen(ev::End::back) || &source == this || !fits(source.total_)) return false;
  for (Chain* chain = source.first_; chain != source.last_->next; chain = chain->next) {
    if (chain->multicast || chain->kind == Chain::Kind::file) return false;
  }
  OwnedChains views;
  Chain* last = nullptr;
  for (Chain* chain = source.first_; chain != source.last_->next; chain = chain->next) {
    Chain* view = Chain::make_view(*chain, 0, chain->length);
    view->multicast = true;
    if (last == nullptr) {
      views.reset(view);
    } else {
      last->next = view;
    }
    last = view;
  }
  const std::size_t size = source.total_;
  link_back(views.release(), last, size);
  changed(size, 0);
  return true;
}

bool evbuffer::append_file(evbuffer_file_segment& segment, ev_off_t offset, ev_off_t length) {
  if (frozen(ev::End::back) || offset < 0 || length < -1) return false;
  const auto start = static_cast<std::size_t>(offset);
  if (start > segment.size()) return false;
  const std::size_t left = segment.size() - start;
  const std::size_t size = length == -1 ? left : static_cast<std::size_t>(length);
  if (size > left || !fits(size)) return false;
  const bool by_sendfile = (flags_ & drains_to_fd) != 0 && segment.allows_sendfile();
  if (!by_sendfile && segment.bytes() == nullptr) return false;
  if (size == 0) return true;
  Chain* chain = Chain::make_file(segment, start, size, by_sendfile);
  link_back(chain);
  if (by_sendfile) {
    flags_ |= has_files;
  } else {
    chain->make_readable();
  }
  changed(size, 0);
  return true;
}

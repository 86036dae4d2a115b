// Room at the back that somebody else fills: reserved extents, reads, formatted text.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <utility>

#include "buffer/buffer.h"
#include "buffer/chain.h"

using ev::Chain;

namespace {

// Enough for most formatted text, so that it is formatted once.
constexpr std::size_t format_guess = 200;

// Up to this many bytes, copying costs less than another large chain.
constexpr std::size_t worth_copying = 4096;

iovec vector_of(std::span<std::byte> bytes) noexcept { return {bytes.data(), bytes.size()}; }

bool is_within(const iovec& vector, const std::byte* start, std::size_t size) noexcept {
  return vector.iov_len == 0 || (vector.iov_base == start && vector.iov_len <= size);
}

}  // namespace

bool evbuffer::expand(std::size_t size) {
  if (!fits(size)) return false;
  if (size > 0) contiguous_room(size);
  return true;
}

std::span<std::byte> evbuffer::contiguous_room(std::size_t size) {
  if (room() >= std::max<std::size_t>(size, 1)) return {last_->tail(), last_->room()};
  const Chain* behind = spare();
  if (behind == nullptr || behind->capacity < size) replace_spare(Chain::make(grown(size, last_)));
  Chain* chain = total_ == 0 && last_->next == nullptr ? last_ : last_->next;
  return {chain->memory, chain->capacity};
}

std::span<std::byte> evbuffer::reserve_contiguous(std::size_t size) {
  const std::span<std::byte> room = contiguous_room(size);
  // commit_contiguous() takes a spare chain for what was handed out.
  if (room.data() == last_->tail()) release_chains(std::exchange(last_->next, nullptr));
  return room;
}

void evbuffer::commit_contiguous(std::size_t size) {
  if (size == 0) return;
  if (spare() != nullptr) {
    commit_spare(size);
  } else {
    add_to_tail(size);
  }
  changed(size, 0);
}

int evbuffer::reserve(ssize_t size, iovec* vectors, int most) {
  if (frozen(ev::End::back) || most < 1 || size < 0) return -1;
  const auto wanted = static_cast<std::size_t>(size);
  if (!fits(wanted)) return -1;
  if (wanted == 0 && most > 1) return 0;
  const std::size_t here = room();
  if (most == 1 || here == 0 || here >= wanted) {
    vectors[0] = vector_of(contiguous_room(wanted));
    flags_ |= has_reserved;
    return 1;
  }
  const Chain* behind = spare();
  if (behind == nullptr || behind->capacity < wanted - here) {
    Chain* chain = Chain::make(grown(wanted - here, last_));
    release_chains(std::exchange(last_->next, chain));
  }
  vectors[0] = {last_->tail(), here};
  vectors[1] = {last_->next->memory, last_->next->capacity};
  flags_ |= has_reserved;
  return 2;
}

bool evbuffer::commit(const iovec* vectors, int count) {
  if (frozen(ev::End::back)) return false;
  if (count <= 0) return true;
  if (count > 2 || last_ == nullptr) return false;
  const Chain* behind = spare();
  const auto in_spare = [behind](const iovec& vector) {
    return behind != nullptr && is_within(vector, behind->memory, behind->capacity);
  };
  const bool at_tail = is_within(vectors[0], last_->tail(), last_->room());
  if (!at_tail && (count == 2 || !in_spare(vectors[0]))) return false;
  if (count == 2 && vectors[1].iov_len > 0 && !in_spare(vectors[1])) return false;
  const std::size_t to_tail = at_tail ? vectors[0].iov_len : 0;
  const std::size_t to_spare = count == 2 ? vectors[1].iov_len : vectors[0].iov_len - to_tail;
  const std::size_t size = to_tail + to_spare;
  if (size == 0) return true;
  if ((flags_ & has_reserved) == 0 || !fits(size)) return false;
  add_to_tail(to_tail);
  commit_spare(to_spare);
  changed(size, 0);
  return true;
}

// A little in a large chain goes to where it fits. The next reservation finds the large chain
// again: who always asks for much and uses little does not fill the memory with it.
void evbuffer::commit_spare(std::size_t size) noexcept {
  if (size == 0) return;
  Chain* behind = last_->next;
  if (last_->length == 0 || size > std::min(worth_copying, behind->capacity / 4)) {
    return add_to_spare(size);
  }
  if (room() < size) {
    const std::size_t enough = grown(size, last_);
    Chain* fitting = enough <= behind->capacity / 4 ? Chain::try_make(enough) : nullptr;
    if (fitting == nullptr) return add_to_spare(size);
    fitting->next = behind;
    last_->next = fitting;
    last_ = fitting;
  }
  std::memcpy(last_->tail(), behind->memory, size);
  add_to_tail(size);
}

int evbuffer::append_format(const char* format, va_list arguments) {
  if (frozen(ev::End::back)) return -1;
  std::span<std::byte> space = contiguous_room(format_guess);
  va_list again;
  va_copy(again, arguments);
  int size = std::vsnprintf(reinterpret_cast<char*>(space.data()), space.size(), format, again);
  va_end(again);
  if (size >= 0 && !fits(static_cast<std::size_t>(size))) return -1;
  if (size >= 0 && static_cast<std::size_t>(size) >= space.size()) {
    space = contiguous_room(static_cast<std::size_t>(size) + 1);  // with the terminating zero
    size = std::vsnprintf(reinterpret_cast<char*>(space.data()), space.size(), format, arguments);
  }
  if (size <= 0) return size < 0 ? -1 : 0;
  const auto length = static_cast<std::size_t>(size);
  if (space.data() == last_->tail()) {
    add_to_tail(length);
  } else {
    commit_spare(length);
  }
  changed(length, 0);
  return size;
}

std::size_t evbuffer::append_vectors(const iovec* vectors, int count) {
  std::size_t wanted = 0;
  for (int i = 0; i < count; ++i) {
    if (vectors[i].iov_len > max_size - wanted) return 0;
    wanted += vectors[i].iov_len;
  }
  if (frozen(ev::End::back) || !expand(wanted)) return 0;
  std::size_t added = 0;
  for (int i = 0; i < count; ++i) {
    if (!append(vectors[i].iov_base, vectors[i].iov_len)) break;
    added += vectors[i].iov_len;
  }
  return added;
}

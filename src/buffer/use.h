// The door into a buffer for calls from the program: takes the lock, and keeps the buffer (and the
// stream around it) until the call is over, whatever the callbacks in it free.
#pragma once

#include <cstdint>

#include "buffer/buffer.h"

namespace ev {

class BufferUse {
 public:
  explicit BufferUse(evbuffer& buffer) noexcept : buffer_(buffer), extras_(buffer.rare()) {
    if (extras_ != nullptr) held_ = enter(buffer);
  }
  // Queries do not change the buffer, but they do lock it.
  explicit BufferUse(const evbuffer& buffer) noexcept : BufferUse(const_cast<evbuffer&>(buffer)) {}
  ~BufferUse() {
    if (extras_ != nullptr) leave(buffer_, *extras_, held_);
  }
  BufferUse(const BufferUse&) = delete;
  BufferUse& operator=(const BufferUse&) = delete;

 private:
  // Static, so that the members of the common, plain case live in registers.
  static BufferObserver* enter(evbuffer& buffer) noexcept;
  static void leave(evbuffer& buffer, BufferExtras& extras, BufferObserver* held) noexcept;

  evbuffer& buffer_;
  BufferExtras* const extras_;
  BufferObserver* held_ = nullptr;
};

// Two buffers, locked in the same order by everybody.
class BufferPairUse {
 public:
  BufferPairUse(evbuffer& one, evbuffer& other) noexcept
      : first_(one.lock().comes_before(other.lock()) ? one : other),
        second_(one.lock().comes_before(other.lock()) ? other : one) {
    if (one.has_callbacks() == other.has_callbacks()) return;
    // Callbacks of the one may free the stream around the other, which is not held for any of its
    // own.
    quiet_.observer = one.has_callbacks() ? other.observer() : one.observer();
    if (quiet_.observer != nullptr) quiet_.observer->hold();
  }

 private:
  struct Held {
    BufferObserver* observer = nullptr;
    Held() = default;
    ~Held() {
      if (observer != nullptr) observer->release();
    }
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
  };

  Held quiet_;  // before the locks: released after them
  BufferUse first_;
  BufferUse second_;
};

}  // namespace ev

// Streams on streams: a call that goes down (a write) or up (a read) through more than a few of
// them continues from the loop's stack, so that the height of a stack does not become the depth of
// ours.
#pragma once

namespace ev {

class StackDepth {
 public:
  StackDepth() noexcept { depth_++; }
  ~StackDepth() { depth_--; }
  StackDepth(const StackDepth&) = delete;
  StackDepth& operator=(const StackDepth&) = delete;
  bool is_too_deep() const noexcept { return depth_ > 16; }

 private:
  [[gnu::tls_model("initial-exec")]] static inline thread_local int depth_ = 0;
};

}  // namespace ev

// One direction of a compression library: takes bytes, gives bytes. Not thread-safe; used under the
// lock of the filter that owns it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "sys/seam.h"

namespace ev {

enum class CodecMode : std::uint8_t {
  normal,  // bytes may be held back
  flush,   // everything taken so far shall come out
  finish   // and the end of the stream
};

struct CodecStep {
  enum class State : std::uint8_t {
    idle,   // all is taken, and nothing more comes out in this mode without more input
    full,   // there may be more to come out
    broken  // not a compressed stream, or no memory
  };
  State state = State::broken;
  std::size_t taken = 0;
  std::size_t given = 0;
};

class Codec : public AllocatedAcross {
 public:
  virtual ~Codec() = default;
  // `into` is not empty; `from` may be.
  virtual CodecStep run(std::span<const std::byte> from, std::span<std::byte> into,
                        CodecMode mode) noexcept = 0;
  // Between two streams: for an expanding codec, the place where the end is no surprise.
  virtual bool is_between_streams() const noexcept = 0;
};

}  // namespace ev

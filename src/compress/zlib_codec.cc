#include "compress/zlib_codec.h"

#include <event2/bevel_compress.h>
#include <zlib.h>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace ev {
namespace {

constexpr int default_memory_level = 8;

void* allocate_items(void*, unsigned count, unsigned size) {
  return bevel_memory_allocate(std::size_t{count} * size);
}

void release(void*, void* memory) { bevel_memory_release(memory); }

// zlib's way to say which framing it reads or writes.
int window_bits(const bevel_compress_options& how) {
  switch (how.format) {
    case BEVEL_ZLIB_GZIP:
      return MAX_WBITS + 16;
    case BEVEL_ZLIB_RAW:
      return -MAX_WBITS;
    default:
      return MAX_WBITS;
  }
}

// The extents of one step, which may be longer than zlib can count.
class Extents {
 public:
  Extents(z_stream& stream, std::span<const std::byte> from, std::span<std::byte> into)
      : stream_(stream), had_(clamp(from.size())), room_(clamp(into.size())) {
    // zlib does not write there, but its type has no const.
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(from.data()));
    stream.avail_in = had_;
    stream.next_out = reinterpret_cast<Bytef*>(into.data());
    stream.avail_out = room_;
  }

  CodecStep step(CodecStep::State state) const {
    return {state, had_ - stream_.avail_in, room_ - stream_.avail_out};
  }

 private:
  static unsigned clamp(std::size_t size) {
    return static_cast<unsigned>(
        std::min<std::size_t>(size, std::numeric_limits<unsigned>::max() / 2));
  }

  z_stream& stream_;
  unsigned had_;
  unsigned room_;
};

class DeflateCodec final : public Codec {
 public:
  ~DeflateCodec() override { deflateEnd(&stream_); }

  bool open(const bevel_compress_options& how) {
    stream_.zalloc = allocate_items;
    stream_.zfree = release;
    const int level = how.level == 0 ? Z_DEFAULT_COMPRESSION : how.level;
    return deflateInit2(&stream_, level, Z_DEFLATED, window_bits(how), default_memory_level,
                        Z_DEFAULT_STRATEGY) == Z_OK;
  }

  CodecStep run(std::span<const std::byte> from, std::span<std::byte> into,
                CodecMode mode) noexcept override {
    // zlib would write an empty block for each flush, and an empty stream for each end.
    const bool nothing_new = from.empty() && !flushing_;
    if (nothing_new && (mode == CodecMode::normal || clean_for(mode))) {
      return {CodecStep::State::idle, 0, 0};
    }
    const Extents extents(stream_, from, into);
    const int returned = deflate(&stream_, flag_of(mode));
    if (returned == Z_STREAM_END) {
      deflateReset(&stream_);
      flushing_ = false;
      state_ = State::between;
      return extents.step(CodecStep::State::idle);
    }
    if (returned != Z_OK && returned != Z_BUF_ERROR) return {};
    const bool full = stream_.avail_out == 0 || stream_.avail_in > 0;
    flushing_ = full && mode != CodecMode::normal;
    state_ = mode == CodecMode::normal ? State::holding : State::flushed;
    return extents.step(full ? CodecStep::State::full : CodecStep::State::idle);
  }

  bool is_between_streams() const noexcept override { return state_ == State::between; }

 private:
  enum class State { between, holding, flushed };

  static int flag_of(CodecMode mode) {
    switch (mode) {
      case CodecMode::flush:
        return Z_SYNC_FLUSH;
      case CodecMode::finish:
        return Z_FINISH;
      default:
        return Z_NO_FLUSH;
    }
  }

  bool clean_for(CodecMode mode) const {
    return state_ == State::between || (mode == CodecMode::flush && state_ == State::flushed);
  }

  z_stream stream_{};
  State state_ = State::between;
  bool flushing_ = false;  // a flush was cut off for want of room
};

class InflateCodec final : public Codec {
 public:
  ~InflateCodec() override { inflateEnd(&stream_); }

  bool open(const bevel_compress_options& how) {
    stream_.zalloc = allocate_items;
    stream_.zfree = release;
    return inflateInit2(&stream_, window_bits(how)) == Z_OK;
  }

  CodecStep run(std::span<const std::byte> from, std::span<std::byte> into,
                CodecMode) noexcept override {
    if (from.empty() && between_) return {CodecStep::State::idle, 0, 0};
    const Extents extents(stream_, from, into);
    const int returned = inflate(&stream_, Z_SYNC_FLUSH);
    if (returned == Z_STREAM_END) {
      inflateReset(&stream_);
      between_ = true;
      return extents.step(stream_.avail_in > 0 ? CodecStep::State::full : CodecStep::State::idle);
    }
    if (returned != Z_OK && returned != Z_BUF_ERROR) return {};
    between_ = false;
    const bool full = stream_.avail_out == 0 || stream_.avail_in > 0;
    return extents.step(full ? CodecStep::State::full : CodecStep::State::idle);
  }

  bool is_between_streams() const noexcept override { return between_; }

 private:
  z_stream stream_{};
  bool between_ = true;
};

template <class Kind>
Codec* new_codec(const bevel_compress_options& how) {
  auto* codec = new (std::nothrow) Kind;
  if (codec == nullptr || codec->open(how)) return codec;
  delete codec;
  return nullptr;
}

}  // namespace

Codec* new_deflate_codec(const bevel_compress_options& how) noexcept {
  return new_codec<DeflateCodec>(how);
}

Codec* new_inflate_codec(const bevel_compress_options& how) noexcept {
  return new_codec<InflateCodec>(how);
}

}  // namespace ev

#include "compress/zstd_codec.h"

#include <event2/bevel_compress.h>
#include <zstd.h>

#include <algorithm>
#include <bit>

namespace ev {
namespace {

// RFC 8878 asks every decoder for 8 MiB; higher levels would use more.
constexpr std::size_t default_window = std::size_t{8} << 20;
constexpr int highest_level_for_it = 19;

int window_log(const bevel_compress_options& how) {
  const std::size_t window = how.max_window == 0 ? default_window : how.max_window;
  const ZSTD_bounds bounds = ZSTD_dParam_getBounds(ZSTD_d_windowLogMax);
  const int log = static_cast<int>(std::bit_width(window)) - 1;
  return std::clamp(log, bounds.lowerBound, bounds.upperBound);
}

class ZstdCompressor final : public Codec {
 public:
  ~ZstdCompressor() override { ZSTD_freeCCtx(context_); }

  bool open(const bevel_compress_options& how) {
    context_ = ZSTD_createCCtx();
    if (context_ == nullptr) return false;
    ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, how.level);
    ZSTD_CCtx_setParameter(context_, ZSTD_c_checksumFlag, 1);
    if (how.max_window != 0 || how.level > highest_level_for_it) {
      ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, window_log(how));
    }
    return true;
  }

  CodecStep run(std::span<const std::byte> from, std::span<std::byte> into,
                CodecMode mode) noexcept override {
    if (from.empty() && is_between_streams_) return {CodecStep::State::idle, 0, 0};
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    const std::size_t left = ZSTD_compressStream2(context_, &out, &in, directive(mode));
    if (ZSTD_isError(left) != 0) return {};
    const bool holds_output = mode == CodecMode::normal ? out.pos == out.size : left > 0;
    const bool full = holds_output || in.pos < in.size;
    is_between_streams_ = mode == CodecMode::finish && !full;
    return {full ? CodecStep::State::full : CodecStep::State::idle, in.pos, out.pos};
  }

  bool is_between_streams() const noexcept override { return is_between_streams_; }

 private:
  static ZSTD_EndDirective directive(CodecMode mode) {
    switch (mode) {
      case CodecMode::flush:
        return ZSTD_e_flush;
      case CodecMode::finish:
        return ZSTD_e_end;
      default:
        return ZSTD_e_continue;
    }
  }

  ZSTD_CCtx* context_ = nullptr;
  bool is_between_streams_ = true;
};

class ZstdExpander final : public Codec {
 public:
  ~ZstdExpander() override { ZSTD_freeDCtx(context_); }

  bool open(const bevel_compress_options& how) {
    context_ = ZSTD_createDCtx();
    if (context_ == nullptr) return false;
    ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, window_log(how));
    return true;
  }

  CodecStep run(std::span<const std::byte> from, std::span<std::byte> into,
                CodecMode) noexcept override {
    // Without input zstd would take this for the beginning of the next stream.
    if (from.empty() && is_between_streams_) return {CodecStep::State::idle, 0, 0};
    ZSTD_inBuffer in{from.data(), from.size(), 0};
    ZSTD_outBuffer out{into.data(), into.size(), 0};
    const std::size_t wanted = ZSTD_decompressStream(context_, &out, &in);
    if (ZSTD_isError(wanted) != 0) return {};
    is_between_streams_ = wanted == 0;
    const bool holds_output = !is_between_streams_ && out.pos == out.size;
    const bool full = holds_output || in.pos < in.size;
    return {full ? CodecStep::State::full : CodecStep::State::idle, in.pos, out.pos};
  }

  bool is_between_streams() const noexcept override { return is_between_streams_; }

 private:
  ZSTD_DCtx* context_ = nullptr;
  bool is_between_streams_ = true;
};

template <class Kind>
Codec* new_codec(const bevel_compress_options& how) {
  auto* codec = new (std::nothrow) Kind;
  if (codec == nullptr || codec->open(how)) return codec;
  delete codec;
  return nullptr;
}

}  // namespace

bool is_zstd_level(int level) noexcept {
  return level >= ZSTD_minCLevel() && level <= ZSTD_maxCLevel();
}

Codec* new_zstd_compressor(const bevel_compress_options& how) noexcept {
  return new_codec<ZstdCompressor>(how);
}

Codec* new_zstd_expander(const bevel_compress_options& how) noexcept {
  return new_codec<ZstdExpander>(how);
}

}  // namespace ev

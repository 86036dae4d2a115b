// The C functions of event2/bevel_compress.h, in its order.
#include <event2/bevel_compress.h>

#include <cerrno>

#include "compress/compression_filter.h"
#if BEVEL_HAS_ZLIB
#include "compress/zlib_codec.h"
#endif
#if BEVEL_HAS_ZSTD
#include "compress/zstd_codec.h"
#endif

namespace {

using ev::Codec;

bufferevent* refused(int error) {
  errno = error;
  return nullptr;
}

constexpr unsigned one_way = BEVEL_COMPRESS_OUTPUT_ONLY | BEVEL_COMPRESS_INPUT_ONLY;
constexpr unsigned known_flags = BEVEL_COMPRESS_PROMPT | one_way;

bool are_valid(const bevel_compress_options& how) {
  return (how.flags & ~known_flags) == 0 && (how.flags & one_way) != one_way;
}

using NewCodec = Codec* (*)(const bevel_compress_options&);

bufferevent* new_filter(bufferevent* underlying, const bevel_compress_options& how, int options,
                        NewCodec new_compressor, NewCodec new_expander) {
  const bool compresses = (how.flags & BEVEL_COMPRESS_INPUT_ONLY) == 0;
  const bool expands = (how.flags & BEVEL_COMPRESS_OUTPUT_ONLY) == 0;
  Codec* compressor = compresses ? new_compressor(how) : nullptr;
  Codec* expander = expands ? new_expander(how) : nullptr;
  if ((compresses && compressor == nullptr) || (expands && expander == nullptr)) {
    delete compressor;
    delete expander;
    return refused(ENOMEM);
  }
  return ev::CompressionFilter::make(underlying, compressor, expander, how, options);
}

}  // namespace

bufferevent* bevel_filter_zstd_new(bufferevent* underlying, const bevel_compress_options* how,
                                   int options) {
#if BEVEL_HAS_ZSTD
  const bevel_compress_options chosen = how != nullptr ? *how : bevel_compress_options{};
  if (underlying == nullptr || !are_valid(chosen) || chosen.format != 0) return refused(EINVAL);
  if (!ev::is_zstd_level(chosen.level)) return refused(EINVAL);
  return new_filter(underlying, chosen, options, ev::new_zstd_compressor, ev::new_zstd_expander);
#else
  (void)underlying, (void)how, (void)options;
  return refused(ENOSYS);
#endif
}

bufferevent* bevel_filter_zlib_new(bufferevent* underlying, const bevel_compress_options* how,
                                   int options) {
#if BEVEL_HAS_ZLIB
  const bevel_compress_options chosen = how != nullptr ? *how : bevel_compress_options{};
  const bool has_format = chosen.format >= BEVEL_ZLIB_ZLIB && chosen.format <= BEVEL_ZLIB_RAW;
  if (underlying == nullptr || !are_valid(chosen) || !has_format) return refused(EINVAL);
  if (chosen.level < 0 || chosen.level > 9 || chosen.max_window != 0) return refused(EINVAL);
  return new_filter(underlying, chosen, options, ev::new_deflate_codec, ev::new_inflate_codec);
#else
  (void)underlying, (void)how, (void)options;
  return refused(ENOSYS);
#endif
}

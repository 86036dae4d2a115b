// The codecs of zstd. Their memory is malloc's: giving zstd another one is not in its stable
// interface.
#pragma once

#include "compress/codec.h"

struct bevel_compress_options;

namespace ev {

bool is_zstd_level(int level) noexcept;

// Null: no memory. The options are valid.
Codec* new_zstd_compressor(const bevel_compress_options& how) noexcept;
Codec* new_zstd_expander(const bevel_compress_options& how) noexcept;

}  // namespace ev

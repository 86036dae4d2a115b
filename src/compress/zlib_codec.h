// The codecs of zlib. Memory comes from the core library's functions.
#pragma once

#include "compress/codec.h"

struct bevel_compress_options;

namespace ev {

// Null: no memory. The options are valid.
Codec* new_deflate_codec(const bevel_compress_options& how) noexcept;
Codec* new_inflate_codec(const bevel_compress_options& how) noexcept;

}  // namespace ev

// Two codecs as the functions of a filtering bufferevent, whose context this is. A plain user of
// the public functions for buffers and filters.
#pragma once

#include <event2/bevel_compress.h>
#include <event2/bufferevent.h>

#include <memory>

#include "compress/codec.h"
#include "compress/expansion_limit.h"

namespace ev {

class CompressionFilter final : public AllocatedAcross {
 public:
  // Either codec may be null: bytes pass unchanged that way. Takes both. Null: no memory.
  static bufferevent* make(bufferevent* underlying, Codec* compressor, Codec* expander,
                           const bevel_compress_options& how, int options) noexcept;

 private:
  // One direction. `held` bytes at the front of the source have been taken by the codec already:
  // while it has output that found no room, its last byte stays, since a filter is not called again
  // for an empty source.
  struct Side {
    std::unique_ptr<Codec> codec;
    std::size_t held = 0;
  };

  CompressionFilter(Codec* compressor, Codec* expander, const bevel_compress_options& how) noexcept;

  static bufferevent_filter_result expand(evbuffer* source, evbuffer* destination, ev_ssize_t limit,
                                          bufferevent_flush_mode mode, void* self);
  static bufferevent_filter_result compress(evbuffer* source, evbuffer* destination,
                                            ev_ssize_t limit, bufferevent_flush_mode mode,
                                            void* self);
  static void release(void* self);

  Side out_;
  Side in_;
  ExpansionLimit limit_;
  bool prompt_;
};

}  // namespace ev

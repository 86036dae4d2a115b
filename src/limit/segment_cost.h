// What a number of payload bytes costs in tokens when every packet on the wire costs some more.
// Without overhead (the default) a byte is a token.
#pragma once

#include <algorithm>
#include <cstdint>

#include "limit/rate.h"

namespace ev {

struct SegmentCost {
  std::uint32_t overhead = 0;  // bytes of headers per packet, 40 for TCP over IPv4
  std::uint32_t segment_size =
      1460;  // payload bytes of a full packet (the connection's MSS), at least 1

  std::uint64_t of(std::uint64_t payload) const {
    if (overhead == 0) return payload;
    const Wide packets = (Wide{payload} + segment_size - 1) / segment_size;
    return static_cast<std::uint64_t>(std::min(payload + packets * overhead, Wide{max_tokens}));
  }

  // The most payload that `tokens` pay for; at least 1 if there is a token at all, because a debt
  // of part of a header is better than a stream that never moves.
  std::uint64_t payload(std::uint64_t tokens) const {
    if (overhead == 0 || tokens == 0) return tokens;
    const std::uint64_t packet = std::uint64_t{segment_size} + overhead;
    const std::uint64_t rest = tokens % packet;
    const std::uint64_t bytes =
        tokens / packet * segment_size + (rest > overhead ? rest - overhead : 0);
    return std::max<std::uint64_t>(bytes, 1);
  }
};

}  // namespace ev

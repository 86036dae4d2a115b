#include "compress/compression_filter.h"

#include <event2/buffer.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace ev {
namespace {

constexpr std::size_t smallest_room = 512;
constexpr std::size_t largest_room = 65536;
// zlib would repeat the mark of a flush for ever if it had no room for it at once.
constexpr std::size_t room_for_flush = 64;

std::size_t room_of(ev_ssize_t limit) {
  return limit < 0 ? std::numeric_limits<std::size_t>::max() : static_cast<std::size_t>(limit);
}

// What the codec has not seen of the source, as far as it lies in one piece.
std::span<const std::byte> piece_behind(evbuffer* source, std::size_t held) {
  evbuffer_ptr position;
  evbuffer_iovec piece;
  if (evbuffer_get_length(source) <= held) return {};
  if (evbuffer_ptr_set(source, &position, held, EVBUFFER_PTR_SET) != 0) return {};
  if (evbuffer_peek(source, -1, &position, &piece, 1) < 1) return {};
  return {static_cast<const std::byte*>(piece.iov_base), piece.iov_len};
}

// Takes bytes for one codec from one buffer and gives them to another.
class Transfer {
 public:
  Transfer(Codec& codec, std::size_t& held, evbuffer* source, evbuffer* destination)
      : codec_(codec), held_(held), source_(source), destination_(destination) {}

  // Runs the codec until it is idle or `most` bytes have come out. `allows` is asked about each
  // step.
  template <class Allows>
  bufferevent_filter_result run(std::size_t most, CodecMode mode, Allows allows) {
    CodecStep step{CodecStep::State::full, 0, 0};
    while (step.state == CodecStep::State::full && produced_ < most) {
      const auto from = piece_behind(source_, held_);
      const bool is_last = held_ + from.size() == evbuffer_get_length(source_);
      const std::size_t room =
          std::min(most - produced_, std::clamp(from.size() * 2, smallest_room, largest_room));
      evbuffer_iovec space;
      if (evbuffer_reserve_space(destination_, static_cast<ev_ssize_t>(room), &space, 1) < 1) {
        return BEV_ERROR;
      }
      step = codec_.run(from, {static_cast<std::byte*>(space.iov_base), room},
                        is_last ? mode : CodecMode::normal);
      if (step.state == CodecStep::State::broken || !allows(step)) return BEV_ERROR;
      space.iov_len = step.given;
      if (step.given > 0) evbuffer_commit_space(destination_, &space, 1);
      produced_ += step.given;
      drain(step);
      if (!is_last) step.state = CodecStep::State::full;
    }
    return produced_ > 0 ? BEV_OK : BEV_NEED_MORE;
  }

 private:
  void drain(const CodecStep& step) {
    const std::size_t seen = held_ + step.taken;
    const bool is_all = seen == evbuffer_get_length(source_);
    held_ = step.state == CodecStep::State::full && is_all && seen > 0 ? 1 : 0;
    if (seen > held_) evbuffer_drain(source_, seen - held_);
  }

  Codec& codec_;
  std::size_t& held_;
  evbuffer* source_;
  evbuffer* destination_;
  std::size_t produced_ = 0;
};

}  // namespace

CompressionFilter::CompressionFilter(Codec* compressor, Codec* expander,
                                     const bevel_compress_options& how) noexcept
    : out_{std::unique_ptr<Codec>(compressor)},
      in_{std::unique_ptr<Codec>(expander)},
      limit_(how.max_output, how.max_ratio),
      prompt_((how.flags & BEVEL_COMPRESS_PROMPT) != 0) {}

bufferevent* CompressionFilter::make(bufferevent* underlying, Codec* compressor, Codec* expander,
                                     const bevel_compress_options& how, int options) noexcept {
  auto* filter = new (std::nothrow) CompressionFilter(compressor, expander, how);
  if (filter == nullptr) {
    delete compressor;
    delete expander;
    return errno = ENOMEM, nullptr;
  }
  bufferevent* bev =
      bufferevent_filter_new(underlying, expander != nullptr ? expand : nullptr,
                             compressor != nullptr ? compress : nullptr, options, release, filter);
  if (bev == nullptr) delete filter;
  return bev;
}

void CompressionFilter::release(void* self) { delete static_cast<CompressionFilter*>(self); }

bufferevent_filter_result CompressionFilter::compress(evbuffer* source, evbuffer* destination,
                                                      ev_ssize_t limit, bufferevent_flush_mode mode,
                                                      void* self) {
  auto& filter = *static_cast<CompressionFilter*>(self);
  CodecMode wanted = filter.prompt_ ? CodecMode::flush : CodecMode::normal;
  if (mode == BEV_FLUSH) wanted = CodecMode::flush;
  if (mode == BEV_FINISHED) wanted = CodecMode::finish;
  std::size_t room = room_of(limit);
  if (room > 0 && wanted == CodecMode::flush) room = std::max(room, room_for_flush);
  Transfer transfer(*filter.out_.codec, filter.out_.held, source, destination);
  return transfer.run(room, wanted, [](const CodecStep&) { return true; });
}

bufferevent_filter_result CompressionFilter::expand(evbuffer* source, evbuffer* destination,
                                                    ev_ssize_t limit, bufferevent_flush_mode mode,
                                                    void* self) {
  auto& filter = *static_cast<CompressionFilter*>(self);
  Transfer transfer(*filter.in_.codec, filter.in_.held, source, destination);
  const auto result = transfer.run(room_of(limit), CodecMode::normal, [&](const CodecStep& step) {
    return filter.limit_.allows(step.taken, step.given);
  });
  // An end inside a stream is a broken one: somebody may have cut it.
  const bool ends = mode == BEV_FINISHED && result != BEV_ERROR;
  return ends && !filter.in_.codec->is_between_streams() ? BEV_ERROR : result;
}

}  // namespace ev

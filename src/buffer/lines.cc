// Searching in a buffer: strings, ends of lines, whole lines.
#include <algorithm>
#include <span>

#include "buffer/buffer.h"
#include "buffer/chain.h"
#include "buffer/search.h"

using ev::Chain;
using ev::Found;

namespace {

constexpr evbuffer_ptr nowhere = {-1, {nullptr, 0}};
constexpr std::byte cr{'\r'};
constexpr std::byte lf{'\n'};

// A line end, counted from where the search began.
struct LineEnd {
  Found at;
  std::size_t length = 0;
};

evbuffer_ptr position_of(const Found& found, std::size_t start) noexcept {
  if (!found) return nowhere;
  return {static_cast<ssize_t>(start + found.distance),
          {const_cast<Chain*>(found.chain), found.at}};
}

// How many CR and LF follow each other.
std::size_t length_of_run(const Found& from, std::size_t most) noexcept {
  std::size_t length = 0;
  std::size_t at = from.at;
  for (const Chain* chain = from.chain; length < most; chain = chain->next, at = 0) {
    for (; at < chain->length && length < most; ++at, ++length) {
      const std::byte byte = chain->data()[at];
      if (byte != cr && byte != lf) return length;
    }
  }
  return length;
}

// The byte before `found`, if it is a CR. `chain` is where the search began.
Found cr_before(const Chain* chain, const Found& found) noexcept {
  if (found.distance == 0) return {};
  Found before = {found.chain, found.at, found.distance - 1};
  if (before.at == 0) {
    while (chain->next != found.chain) chain = chain->next;
    before.chain = chain;
    before.at = chain->length;
  }
  --before.at;
  return before.chain->data()[before.at] == cr ? before : Found{};
}

LineEnd find_line_end(const Chain* chain, std::size_t at, std::size_t limit,
                      evbuffer_eol_style style) noexcept {
  static constexpr std::byte crlf[] = {cr, lf};
  static constexpr std::byte nul[] = {std::byte{0}};
  const ev::Bytes both(crlf);
  switch (style) {
    case EVBUFFER_EOL_ANY: {
      const Found first = ev::find_either(chain, at, limit, lf, cr);
      return {first, first ? length_of_run(first, limit - first.distance) : 0};
    }
    case EVBUFFER_EOL_CRLF: {
      const Found end = ev::find(chain, at, limit, both.last(1));
      if (!end) return {};
      const Found before = cr_before(chain, end);
      return before ? LineEnd{before, 2} : LineEnd{end, 1};
    }
    case EVBUFFER_EOL_CRLF_STRICT:
      return {ev::find(chain, at, limit, both), 2};
    case EVBUFFER_EOL_LF:
      return {ev::find(chain, at, limit, both.last(1)), 1};
    case EVBUFFER_EOL_NUL:
      return {ev::find(chain, at, limit, nul), 1};
  }
  return {};
}

}  // namespace

evbuffer_ptr evbuffer::search(const char* needle, std::size_t size, const evbuffer_ptr* from,
                              const evbuffer_ptr* end) const {
  const ssize_t start = from != nullptr ? from->pos : 0;
  const ssize_t stop = end != nullptr ? end->pos : static_cast<ssize_t>(total_);
  if (start < 0 || static_cast<std::size_t>(start) > total_) return nowhere;
  const auto skipped = static_cast<std::size_t>(start);
  const Place place = place_of(from);
  // As it always was: nothing to look for is found where the search begins.
  if (size == 0 || size > max_size) return {start, {place.chain, place.at}};
  if (stop < start || !make_readable(total_)) return nowhere;
  const std::size_t limit = std::min(static_cast<std::size_t>(stop), total_) - skipped;
  return position_of(ev::find(place.chain, place.at, limit, std::as_bytes(std::span(needle, size))),
                     skipped);
}

evbuffer_ptr evbuffer::search_end_of_line(const evbuffer_ptr* from, std::size_t* length,
                                          evbuffer_eol_style style) const {
  if (length != nullptr) *length = 0;
  const ssize_t start = from != nullptr ? from->pos : 0;
  if (start < 0 || static_cast<std::size_t>(start) >= total_) return nowhere;
  if (!make_readable(total_)) return nowhere;
  const auto skipped = static_cast<std::size_t>(start);
  const Place place = place_of(from);
  const LineEnd end = find_line_end(place.chain, place.at, total_ - skipped, style);
  if (end.at && length != nullptr) *length = end.length;
  return position_of(end.at, skipped);
}

char* evbuffer::read_line(std::size_t* length, evbuffer_eol_style style) {
  if (length != nullptr) *length = 0;
  std::size_t end_length = 0;
  if (frozen(ev::End::front)) return nullptr;
  const evbuffer_ptr end = search_end_of_line(nullptr, &end_length, style);
  if (end.pos < 0) return nullptr;
  const auto size = static_cast<std::size_t>(end.pos);
  auto* line = static_cast<char*>(ev::allocate(size + 1));
  copy_from({first_, 0}, line, size);
  line[size] = '\0';
  if (length != nullptr) *length = size;
  // Two steps, as callbacks have always seen it.
  if (size != 0) take_front(size);
  take_front(std::min(end_length, total_));
  return line;
}

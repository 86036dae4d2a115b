#include "buffer/search.h"

#include <algorithm>
#include <cstring>

#include "buffer/pair_search.h"
#include "buffer/rolling_hash.h"

namespace ev {
namespace {

const std::byte* find_byte(const std::byte* from, std::size_t size, std::byte wanted) noexcept {
  return static_cast<const std::byte*>(std::memchr(from, std::to_integer<int>(wanted), size));
}

// The first byte of the needle, and the last one that differs from it: in runs of one byte this
// never agrees falsely.
BytePair pair_of(Bytes needle) noexcept {
  std::size_t apart = needle.size() - 1;
  while (apart > 0 && needle[apart] == needle[0]) --apart;
  if (apart == 0) apart = needle.size() - 1;
  return {needle[0], needle[apart], apart};
}

// Reads on from one chain to the next.
struct Cursor {
  const Chain* chain;
  std::size_t at;

  void settle() noexcept {
    while (at == chain->length) {
      chain = chain->next;
      at = 0;
    }
  }
  std::byte next() noexcept {
    settle();
    return chain->data()[at++];
  }
};

class Search {
 public:
  Search(const Chain* chain, std::size_t at, std::size_t limit, Bytes needle) noexcept
      : chain_(chain), at_(at), limit_(limit), needle_(needle), pair_(pair_of(needle)) {}

  Found run() noexcept {
    const std::size_t last_start = limit_ - needle_.size();
    while (distance_ <= last_start) {
      const std::size_t size = std::min(chain_->length - at_, limit_ - distance_);
      const std::size_t starts = std::min(size, last_start - distance_ + 1);
      const std::size_t inside = size >= needle_.size() ? size - needle_.size() + 1 : 0;
      std::size_t from = 0;
      const bool found = find_inside(from, inside) || find_across(from, starts);
      at_ += from;
      distance_ += from;
      if (found) return {chain_, at_, distance_};
      if (exhausted(0)) return distance_ <= last_start ? find_by_hash() : Found{};
      chain_ = chain_->next;
      at_ = 0;
    }
    return {};
  }

 private:
  // Both look for starts in [from, end) of this chain and leave `from` at the find, or at where
  // they gave up.
  bool find_inside(std::size_t& from, std::size_t end) noexcept;
  bool find_across(std::size_t& from, std::size_t end) noexcept;
  Found find_by_hash() noexcept;

  const std::byte* candidate(const std::byte* from, const std::byte* last) noexcept {
    return paired_ ? find_pair(from, last, pair_)
                   : find_byte(from, static_cast<std::size_t>(last - from) + 1, needle_[0]);
  }
  bool matches(const std::byte* bytes) noexcept {
    work_ += needle_.size();
    return std::memcmp(bytes, needle_.data(), needle_.size()) == 0;
  }
  bool matches(const Chain* chain, std::size_t at) noexcept;

  // False hits have cost more than hashing everything would have.
  bool exhausted(std::size_t ahead) const noexcept {
    return work_ > 8 * (distance_ + ahead) + 4096;
  }

  const Chain* chain_;
  std::size_t at_;
  std::size_t distance_ = 0;
  const std::size_t limit_;
  const Bytes needle_;
  const BytePair pair_;
  std::size_t work_ = 0;
  std::size_t false_hits_ = 0;
  bool paired_ = false;
};

bool Search::find_inside(std::size_t& from, std::size_t end) noexcept {
  const std::byte* start = chain_->data() + at_;
  while (from < end) {
    const std::byte* hit = candidate(start + from, start + end - 1);
    if (hit == nullptr) break;
    from = static_cast<std::size_t>(hit - start);
    if (matches(hit)) return true;
    ++from;
    // memchr that stops every few bytes is slower than comparing two bytes everywhere.
    if (!paired_) paired_ = ++false_hits_ * 64 > distance_ + from + 512;
    if (exhausted(from)) return false;
  }
  from = std::max(from, end);
  return false;
}

bool Search::find_across(std::size_t& from, std::size_t end) noexcept {
  const std::byte* start = chain_->data() + at_;
  while (from < end && !exhausted(from)) {
    const std::byte* hit = find_byte(start + from, end - from, needle_[0]);
    if (hit == nullptr) {
      from = end;
      break;
    }
    from = static_cast<std::size_t>(hit - start);
    if (matches(chain_, at_ + from)) return true;
    ++from;
  }
  return false;
}

bool Search::matches(const Chain* chain, std::size_t at) noexcept {
  for (std::size_t done = 0; done < needle_.size(); chain = chain->next, at = 0) {
    const std::size_t piece = std::min(needle_.size() - done, chain->length - at);
    work_ += piece;
    if (std::memcmp(chain->data() + at, needle_.data() + done, piece) != 0) return false;
    done += piece;
  }
  return true;
}

Found Search::find_by_hash() noexcept {
  const RollingHash hash(needle_.size());
  Cursor back{chain_, at_};
  Cursor front = back;
  std::uint64_t wanted = 0;
  std::uint64_t window = 0;
  for (const std::byte byte : needle_) {
    wanted = hash.push(wanted, byte);
    window = hash.push(window, front.next());
  }
  for (;; ++distance_) {
    back.settle();
    if (window == wanted && matches(back.chain, back.at)) return {back.chain, back.at, distance_};
    if (distance_ + needle_.size() == limit_) return {};
    window = hash.roll(window, back.next(), front.next());
  }
}

}  // namespace

Found find(const Chain* chain, std::size_t at, std::size_t limit, Bytes needle) noexcept {
  if (needle.size() > limit) return {};
  return Search(chain, at, limit, needle).run();
}

Found find_either(const Chain* chain, std::size_t at, std::size_t limit, std::byte one,
                  std::byte other) noexcept {
  std::size_t window = 64;  // grows: the second search shall not run far ahead of a near first
  for (std::size_t distance = 0; distance < limit;) {
    if (at == chain->length) {
      chain = chain->next;
      at = 0;
      continue;
    }
    const std::size_t size = std::min({chain->length - at, limit - distance, window});
    const std::byte* start = chain->data() + at;
    const std::byte* hit = find_byte(start, size, one);
    const std::byte* rival =
        find_byte(start, hit != nullptr ? static_cast<std::size_t>(hit - start) : size, other);
    if (rival != nullptr) hit = rival;
    if (hit != nullptr) {
      const auto skipped = static_cast<std::size_t>(hit - start);
      return {chain, at + skipped, distance + skipped};
    }
    at += size;
    distance += size;
    window = std::min<std::size_t>(4 * window, 16384);
  }
  return {};
}

}  // namespace ev

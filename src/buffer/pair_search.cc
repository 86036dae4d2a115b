#include "buffer/pair_search.h"

#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace ev {
namespace {

const std::byte* find_pair_plainly(const std::byte* from, const std::byte* last,
                                   BytePair pair) noexcept {
  for (; from <= last; ++from) {
    if (from[0] == pair.first && from[pair.apart] == pair.second) return from;
  }
  return nullptr;
}

#if defined(__x86_64__)

const __m128i* narrow(const std::byte* at) noexcept { return reinterpret_cast<const __m128i*>(at); }
const __m256i* wide(const std::byte* at) noexcept { return reinterpret_cast<const __m256i*>(at); }

// Bit i is set when the pair is at from + i.
unsigned hits_16(const std::byte* from, __m128i first, __m128i second, std::size_t apart) noexcept {
  const __m128i here = _mm_cmpeq_epi8(_mm_loadu_si128(narrow(from)), first);
  const __m128i there = _mm_cmpeq_epi8(_mm_loadu_si128(narrow(from + apart)), second);
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_and_si128(here, there)));
}

[[gnu::target("avx2")]] unsigned hits_32(const std::byte* from, __m256i first, __m256i second,
                                         std::size_t apart) noexcept {
  const __m256i here = _mm256_cmpeq_epi8(_mm256_loadu_si256(wide(from)), first);
  const __m256i there = _mm256_cmpeq_epi8(_mm256_loadu_si256(wide(from + apart)), second);
  return static_cast<unsigned>(_mm256_movemask_epi8(_mm256_and_si256(here, there)));
}

const std::byte* find_pair_16(const std::byte* from, const std::byte* last,
                              BytePair pair) noexcept {
  const __m128i first = _mm_set1_epi8(std::to_integer<char>(pair.first));
  const __m128i second = _mm_set1_epi8(std::to_integer<char>(pair.second));
  for (; last - from >= 15; from += 16) {
    const unsigned hits = hits_16(from, first, second, pair.apart);
    if (hits != 0) return from + __builtin_ctz(hits);
  }
  return find_pair_plainly(from, last, pair);
}

[[gnu::target("avx2")]] const std::byte* find_pair_32(const std::byte* from, const std::byte* last,
                                                      BytePair pair) noexcept {
  const __m256i first = _mm256_set1_epi8(std::to_integer<char>(pair.first));
  const __m256i second = _mm256_set1_epi8(std::to_integer<char>(pair.second));
  for (; last - from >= 31; from += 32) {
    const unsigned hits = hits_32(from, first, second, pair.apart);
    if (hits != 0) return from + __builtin_ctz(hits);
  }
  return find_pair_plainly(from, last, pair);
}

bool detect_avx2() noexcept {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx2") != 0;
}

// False until the library is initialized, which only costs speed.
const bool has_avx2 = detect_avx2();

#endif

}  // namespace

const std::byte* find_pair(const std::byte* from, const std::byte* last, BytePair pair) noexcept {
#if defined(__x86_64__)
  return has_avx2 ? find_pair_32(from, last, pair) : find_pair_16(from, last, pair);
#else
  return find_pair_plainly(from, last, pair);
#endif
}

}  // namespace ev

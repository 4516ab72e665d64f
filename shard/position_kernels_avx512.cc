// Position kernels for CpuLevel::kAvx512. Varints of one and two bytes, which nearly all are, are
// decoded 64 bytes at a time: the bytes' high bits say where numbers end, compress and expand
// instructions bring first and second bytes of the numbers into line. Positions are compared 32 at
// a time.
#include <algorithm>
#include <cstdint>

#include "shard/position_kernels.h"

#if defined(__x86_64__)

// g++ 12 takes the deliberately undefined operands inside its own avx512fintrin.h for mistakes.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,avx2,bmi,bmi2,popcnt,lzcnt")

#include "shard/position_kernels_generic.h"

namespace canopy {
namespace {

constexpr size_t kBytes = 64;  // of a vector
constexpr size_t kLanes = 32;  // of 16 bits in a vector

inline uint64_t LowBits(size_t n) { return _bzhi_u64(~uint64_t{0}, static_cast<uint32_t>(n)); }

// Inclusive sums over the 32 lanes: first within each 128 bits, then across.
inline __m512i RunningSums(__m512i v) {
  v = _mm512_add_epi16(v, _mm512_bslli_epi128(v, 2));
  v = _mm512_add_epi16(v, _mm512_bslli_epi128(v, 4));
  v = _mm512_add_epi16(v, _mm512_bslli_epi128(v, 8));
  // The second and the fourth quarter get the total of the one before them, then the upper half
  // that of the lower.
  const __m512i quarters = _mm512_set_epi64(0x0017001700170017, 0x0017001700170017, 0, 0,
                                            0x0007000700070007, 0x0007000700070007, 0, 0);
  v = _mm512_add_epi16(v, _mm512_maskz_permutexvar_epi16(0xFF00FF00, quarters, v));
  return _mm512_add_epi16(v, _mm512_maskz_permutexvar_epi16(0xFFFF0000, _mm512_set1_epi16(15), v));
}

// The sums of 32 numbers on top of `carry`; the last one becomes the carry.
inline __m512i AddSums(__m512i numbers, __m512i& carry) {
  const __m512i sums = _mm512_add_epi16(RunningSums(numbers), carry);
  carry = _mm512_permutexvar_epi16(_mm512_set1_epi16(31), sums);
  return sums;
}

inline void StoreSums(__m512i numbers, __m512i& carry, uint16_t* out) {
  _mm512_storeu_si512(out, AddSums(numbers, carry));
}

bool AddFrequencies(const uint8_t* bytes, size_t n, uint32_t* starts) {
  starts[0] = 0;
  __m512i carry = _mm512_setzero_si512();
  for (size_t i = 0; i < n; i += kLanes) {
    const size_t size = std::min(kLanes, n - i);
    const __m256i some = _mm256_maskz_loadu_epi8(static_cast<__mmask32>(LowBits(size)), bytes + i);
    if (_mm256_cmpeq_epi8_mask(some, _mm256_set1_epi8(-1)) != 0) return false;
    const __m512i sums = AddSums(_mm512_cvtepu8_epi16(some), carry);
    _mm512_storeu_si512(starts + i + 1, _mm512_cvtepu16_epi32(_mm512_castsi512_si256(sums)));
    _mm512_storeu_si512(starts + i + 17, _mm512_cvtepu16_epi32(_mm512_extracti64x4_epi64(sums, 1)));
  }
  return true;
}

inline __m512i WidenLow(__m512i bytes) {
  return _mm512_cvtepu8_epi16(_mm512_castsi512_si256(bytes));
}
inline __m512i WidenHigh(__m512i bytes) {
  return _mm512_cvtepu8_epi16(_mm512_extracti64x4_epi64(bytes, 1));
}

// `ends`: the last bytes of the numbers to take from `bytes`; `used`: bytes up to the last of them.
// False: a number has more than two bytes.
inline bool DecodeVector(__m512i bytes, uint64_t ends, size_t used, __m512i& carry, uint16_t* out) {
  const uint64_t taken = LowBits(used);
  if (ends == taken) {
    const __m512i numbers = _mm512_maskz_mov_epi8(taken, bytes);
    StoreSums(WidenLow(numbers), carry, out);
    if (used > kLanes) StoreSums(WidenHigh(numbers), carry, out + kLanes);
    return true;
  }
  const uint64_t firsts = ((ends << 1) | 1) & taken;
  const uint64_t longer = firsts & ~ends;  // first bytes of numbers of two bytes
  const uint64_t seconds = longer << 1;
  if ((firsts | seconds) != taken) return false;
  const __m512i low =
      _mm512_and_si512(_mm512_maskz_compress_epi8(firsts, bytes), _mm512_set1_epi8(0x7F));
  const __m512i high = _mm512_maskz_expand_epi8(_pext_u64(longer, firsts),
                                                _mm512_maskz_compress_epi8(seconds, bytes));
  StoreSums(_mm512_or_si512(WidenLow(low), _mm512_slli_epi16(WidenLow(high), 7)), carry, out);
  if (_mm_popcnt_u64(ends) > static_cast<int>(kLanes)) {
    StoreSums(_mm512_or_si512(WidenHigh(low), _mm512_slli_epi16(WidenHigh(high), 7)), carry,
              out + kLanes);
  }
  return true;
}

const uint8_t* DecodeSums(const uint8_t* begin, const uint8_t* end, size_t count, uint16_t* out) {
  __m512i carry = _mm512_setzero_si512();
  while (count > 0) {
    const size_t available = std::min<size_t>(kBytes, static_cast<size_t>(end - begin));
    const __m512i bytes = _mm512_maskz_loadu_epi8(LowBits(available), begin);
    uint64_t ends = ~_mm512_movepi8_mask(bytes) & LowBits(available);
    auto numbers = static_cast<size_t>(_mm_popcnt_u64(ends));
    if (numbers > count) {
      ends = _pdep_u64(LowBits(count), ends);
      numbers = count;
    }
    if (numbers == 0) return nullptr;
    const size_t used = kBytes - _lzcnt_u64(ends);
    if (!DecodeVector(bytes, ends, used, carry, out)) {
      auto sum = static_cast<uint16_t>(_mm_cvtsi128_si32(_mm512_castsi512_si128(carry)));
      if (DecodeSumsFrom(begin, begin + used, numbers, sum, out) == nullptr) return nullptr;
      carry = _mm512_set1_epi16(static_cast<int16_t>(sum));
    }
    begin += used;
    out += numbers;
    count -= numbers;
  }
  return begin;
}

uint32_t SumFrequencies(const uint8_t* bytes, size_t n) {
  __m512i sums = _mm512_setzero_si512();
  uint64_t escaped = 0;
  for (size_t i = 0; i < n; i += kBytes) {
    const __m512i some = _mm512_maskz_loadu_epi8(LowBits(std::min(kBytes, n - i)), bytes + i);
    escaped |= _mm512_cmpeq_epi8_mask(some, _mm512_set1_epi8(-1));
    sums = _mm512_add_epi64(sums, _mm512_sad_epu8(some, _mm512_setzero_si512()));
  }
  return escaped != 0 ? kNoSum : static_cast<uint32_t>(_mm512_reduce_add_epi64(sums));
}

const uint8_t* Skip(const uint8_t* begin, const uint8_t* end, size_t count) {
  while (count > 0) {
    const size_t available = std::min<size_t>(kBytes, static_cast<size_t>(end - begin));
    const uint64_t taken = LowBits(available);
    const uint64_t ends = ~_mm512_movepi8_mask(_mm512_maskz_loadu_epi8(taken, begin)) & taken;
    const auto numbers = static_cast<size_t>(_mm_popcnt_u64(ends));
    if (numbers >= count) {
      return begin + _tzcnt_u64(_pdep_u64(uint64_t{1} << (count - 1), ends)) + 1;
    }
    if (available < kBytes) return nullptr;
    begin += kBytes;
    count -= numbers;
  }
  return begin;
}

// How many positions p of `few` have p + offset (which is a number with sign) in `many`.
template <bool kStopAtFirst>
inline uint32_t MatchBlocks(const PositionSlice& few, const PositionSlice& many, uint16_t offset) {
  uint32_t count = 0;
  uint32_t i = 0;
  // What few.sums[i] has to be changed by to be comparable with many.sums, modulo 2^16.
  const auto shift = static_cast<uint16_t>(many.base - few.base + offset);
  for (uint32_t from = 0; from < many.count && i < few.count; from += kLanes) {
    const uint32_t size = std::min<uint32_t>(kLanes, many.count - from);
    const auto valid = static_cast<__mmask32>(LowBits(size));
    const __m512i block = _mm512_maskz_loadu_epi16(valid, many.sums + from);
    const bool last_block = from + size == many.count;
    const uint16_t last = many.At(from + size - 1);
    uint32_t matched = 0;
    for (; i < few.count; ++i) {
      // Compared as positions, with sign: `offset` may be negative.
      const int32_t wanted = int32_t{few.At(i)} + static_cast<int16_t>(offset);
      if (!last_block && wanted > int32_t{last}) break;
      const __m512i asked = _mm512_set1_epi16(static_cast<int16_t>(few.sums[i] + shift));
      matched |= _mm512_mask_cmpeq_epi16_mask(valid, block, asked);
    }
    if (kStopAtFirst && matched != 0) return 1;
    count += static_cast<uint32_t>(_mm_popcnt_u32(matched));
  }
  return count;
}

constexpr uint32_t kFewPositions = 4;

// The same when `few` has 1 to 4 positions and `many` at most 32, as is usual: no branch depends on
// the data. A list is padded with its last position, whose repeated matches fall on the same bit.
inline uint32_t MatchFew(const PositionSlice& few, const PositionSlice& many, uint16_t offset) {
  const auto shift = static_cast<uint16_t>(many.base - few.base + offset);
  const auto valid = static_cast<__mmask32>(LowBits(many.count));
  const __m512i block = _mm512_maskz_loadu_epi16(valid, many.sums);
  const uint32_t last = few.count - 1;
  uint32_t matched = 0;
#pragma GCC unroll 4
  for (uint32_t i = 0; i < kFewPositions; ++i) {
    const auto asked = static_cast<int16_t>(few.sums[std::min(i, last)] + shift);
    matched |= _mm512_mask_cmpeq_epi16_mask(valid, block, _mm512_set1_epi16(asked));
  }
  return static_cast<uint32_t>(_mm_popcnt_u32(matched));
}

inline uint32_t MatchPair(const PositionSlice& a, const PositionSlice& b, uint16_t distance,
                          bool count_all) {
  const bool swapped = a.count > b.count;
  const PositionSlice& few = swapped ? b : a;
  const PositionSlice& many = swapped ? a : b;
  const auto offset = static_cast<uint16_t>(swapped ? -distance : distance);
  if (few.count - 1 < kFewPositions && many.count <= kLanes) return MatchFew(few, many, offset);
  return count_all ? MatchBlocks<false>(few, many, offset) : MatchBlocks<true>(few, many, offset);
}

void CountPairs(const PositionSlice* a, const PositionSlice* b, size_t n, uint16_t distance,
                const bool* count_all, float* counts) {
  for (size_t i = 0; i < n; ++i) {
    counts[i] = static_cast<float>(MatchPair(a[i], b[i], distance, count_all[i]));
  }
}

constexpr PositionKernels kKernels = {.add_frequencies = AddFrequencies,
                                      .sum_frequencies = SumFrequencies,
                                      .skip = Skip,
                                      .decode_sums = DecodeSums,
                                      .count_pairs = CountPairs};

}  // namespace

const PositionKernels* Avx512PositionKernels() { return &kKernels; }

}  // namespace canopy

#pragma GCC pop_options

#else

namespace canopy {
const PositionKernels* Avx512PositionKernels() { return nullptr; }
}  // namespace canopy

#endif

// Set kernels for CpuLevel::kAvx512: popcounts in the vector unit, arrays written with compress
// instructions (always register to register: compressing into memory is slow on Zen 4), tails by
// masked loads.
#include <algorithm>
#include <cstdint>

#include "shard/set_kernels.h"

#if defined(__x86_64__)

// g++ 12 takes the deliberately undefined operands inside its own avx512fintrin.h for mistakes.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,avx2,bmi,bmi2,popcnt,lzcnt")

#include "shard/set_kernels_generic.h"

namespace canopy {
namespace {

constexpr size_t kVectorWords = 8;

inline __m512i Load(const uint64_t* words) { return _mm512_loadu_si512(words); }

template <size_t kSets>
inline __m512i AndVector(const uint64_t* const* sets, size_t word) {
  __m512i bits = Load(sets[0] + word);
  for (size_t i = 1; i < kSets; ++i) bits = _mm512_and_si512(bits, Load(sets[i] + word));
  return bits;
}

inline __m512i AndVectorN(const uint64_t* const* sets, size_t n, size_t word) {
  __m512i bits = Load(sets[0] + word);
  for (size_t i = 1; i < n; ++i) bits = _mm512_and_si512(bits, Load(sets[i] + word));
  return bits;
}

// Two accumulators, so that the additions of one vector do not wait for those of the other.
template <size_t kSets>
inline uint32_t AndCountOf(const uint64_t* const* sets) {
  __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
  for (size_t w = 0; w < kBitsetWords; w += 2 * kVectorWords) {
    even = _mm512_add_epi64(even, _mm512_popcnt_epi64(AndVector<kSets>(sets, w)));
    odd = _mm512_add_epi64(odd, _mm512_popcnt_epi64(AndVector<kSets>(sets, w + kVectorWords)));
  }
  return static_cast<uint32_t>(_mm512_reduce_add_epi64(_mm512_add_epi64(even, odd)));
}

uint32_t AndCount(const uint64_t* const* sets, size_t n) {
  switch (n) {
    case 1:
      return AndCountOf<1>(sets);
    case 2:
      return AndCountOf<2>(sets);
    case 3:
      return AndCountOf<3>(sets);
    case 4:
      return AndCountOf<4>(sets);
    default:
      break;
  }
  __m512i counts = _mm512_setzero_si512();
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    counts = _mm512_add_epi64(counts, _mm512_popcnt_epi64(AndVectorN(sets, n, w)));
  }
  return static_cast<uint32_t>(_mm512_reduce_add_epi64(counts));
}

uint32_t OrCount(const uint64_t* const* sets, size_t n) {
  __m512i counts = _mm512_setzero_si512();
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    __m512i bits = Load(sets[0] + w);
    for (size_t i = 1; i < n; ++i) bits = _mm512_or_si512(bits, Load(sets[i] + w));
    counts = _mm512_add_epi64(counts, _mm512_popcnt_epi64(bits));
  }
  return static_cast<uint32_t>(_mm512_reduce_add_epi64(counts));
}

uint32_t Count(const uint64_t* set) { return AndCountOf<1>(&set); }

uint32_t AndInto(const uint64_t* const* sets, size_t n, uint64_t* out) {
  __m512i counts = _mm512_setzero_si512();
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    const __m512i bits = AndVectorN(sets, n, w);
    _mm512_storeu_si512(out + w, bits);
    counts = _mm512_add_epi64(counts, _mm512_popcnt_epi64(bits));
  }
  return static_cast<uint32_t>(_mm512_reduce_add_epi64(counts));
}

void OrWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    _mm512_storeu_si512(out + w, _mm512_or_si512(Load(out + w), Load(set + w)));
  }
}

void AndWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    _mm512_storeu_si512(out + w, _mm512_and_si512(Load(out + w), Load(set + w)));
  }
}

void AndNotWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    _mm512_storeu_si512(out + w, _mm512_andnot_si512(Load(set + w), Load(out + w)));
  }
}

uint32_t ToArray(const uint64_t* set, uint16_t* out) {
  alignas(64) static constexpr uint8_t kPlaces[64] = {
      0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
      22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 35, 36, 37, 38, 39, 40, 41, 42, 43,
      44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 62, 63};
  const __m512i places = _mm512_load_si512(kPlaces);
  uint32_t n = 0;
  for (size_t w = 0; w < kBitsetWords; ++w) {
    const uint64_t bits = set[w];
    if (bits == 0) continue;
    const __m512i packed = _mm512_maskz_compress_epi8(bits, places);
    const __m512i base = _mm512_set1_epi16(static_cast<int16_t>(w * 64));
    const uint32_t count = static_cast<uint32_t>(_mm_popcnt_u64(bits));
    _mm512_storeu_si512(
        out + n, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(packed))));
    if (count > 32) {
      const __m256i upper = _mm512_extracti64x4_epi64(packed, 1);
      _mm512_storeu_si512(out + n + 32, _mm512_add_epi16(base, _mm512_cvtepu8_epi16(upper)));
    }
    n += count;
  }
  return n;
}

constexpr size_t kBlock = 32;

// Which of the `valid` entries equal an entry of b[*j, nb) up to `last`; *j moves behind those.
inline uint32_t MatchBlock(__m512i entries, uint32_t valid, uint16_t last, const uint16_t* b,
                           size_t nb, size_t* j) {
  uint32_t equal = 0;
  size_t at = *j;
  for (; at < nb && b[at] <= last; ++at) {
    equal |= _mm512_cmpeq_epi16_mask(entries, _mm512_set1_epi16(static_cast<int16_t>(b[at])));
  }
  *j = at;
  return equal & valid;
}

// Cuts the longer list into blocks and passes each block with its matches to `hit(entries,
// matched)`.
template <typename BlockHit>
inline void BlockIntersect(const uint16_t* a, size_t na, const uint16_t* b, size_t nb,
                           BlockHit& hit) {
  if (na < nb) {
    std::swap(a, b);
    std::swap(na, nb);
  }
  size_t j = 0;
  for (size_t i = 0; i < na && j < nb; i += kBlock) {
    const size_t size = std::min(kBlock, na - i);
    const uint32_t valid = _bzhi_u32(~0u, static_cast<uint32_t>(size));
    const __m512i entries = _mm512_maskz_loadu_epi16(valid, a + i);
    hit(entries, MatchBlock(entries, valid, a[i + size - 1], b, nb, &j));
  }
}

struct CountBlocks {
  uint32_t count = 0;
  void operator()(__m512i, uint32_t matched) { count += _mm_popcnt_u32(matched); }
};

struct WriteBlocks {
  uint16_t* out;
  uint32_t count = 0;
  void operator()(__m512i entries, uint32_t matched) {
    _mm512_storeu_si512(out + count, _mm512_maskz_compress_epi16(matched, entries));
    count += _mm_popcnt_u32(matched);
  }
};

uint32_t IntersectCount(const uint16_t* a, size_t na, const uint16_t* b, size_t nb) {
  CountHits uneven;
  if (IntersectedUnevenly(a, na, b, nb, uneven)) return uneven.count;
  CountBlocks hits;
  BlockIntersect(a, na, b, nb, hits);
  return hits.count;
}

uint32_t Intersect(const uint16_t* a, size_t na, const uint16_t* b, size_t nb, uint16_t* out) {
  WriteHits uneven{out};
  if (IntersectedUnevenly(a, na, b, nb, uneven)) return uneven.count;
  WriteBlocks hits{out};
  BlockIntersect(a, na, b, nb, hits);
  return hits.count;
}

constexpr SetKernels MakeKernels() {
  SetKernels kernels = GenericSetKernels();
  kernels.count = Count;
  kernels.and_count = AndCount;
  kernels.or_count = OrCount;
  kernels.and_into = AndInto;
  kernels.or_with = OrWith;
  kernels.and_with = AndWith;
  kernels.and_not_with = AndNotWith;
  kernels.to_array = ToArray;
  kernels.intersect_count = IntersectCount;
  kernels.intersect = Intersect;
  return kernels;
}

constexpr SetKernels kKernels = MakeKernels();

}  // namespace

const SetKernels* Avx512SetKernels() { return &kKernels; }

}  // namespace canopy

#pragma GCC pop_options

#else

namespace canopy {
const SetKernels* Avx512SetKernels() { return nullptr; }
}  // namespace canopy

#endif

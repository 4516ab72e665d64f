// Set kernels for CpuLevel::kAvx2. Popcounts by nibble look-up (Mula, Kurz, Lemire, "Faster
// Population Counts Using AVX2 Instructions", 2018); arrays are intersected by comparing blocks of
// 16 entries with one entry at a time.
#include <algorithm>
#include <cstdint>

#include "shard/set_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt,lzcnt")

#include "shard/set_kernels_generic.h"

namespace canopy {
namespace {

constexpr size_t kVectorWords = 4;

inline __m256i Load(const uint64_t* words) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(words));
}
inline void Store(uint64_t* words, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(words), value);
}

// Bits set in each of the four words.
inline __m256i CountWords(__m256i value) {
  const __m256i table = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4,  //
                                         0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
  const __m256i low = _mm256_set1_epi8(0x0f);
  const __m256i counts = _mm256_add_epi8(
      _mm256_shuffle_epi8(table, _mm256_and_si256(value, low)),
      _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(value, 4), low)));
  return _mm256_sad_epu8(counts, _mm256_setzero_si256());
}

inline uint32_t Sum(__m256i counts) {
  const __m128i half =
      _mm_add_epi64(_mm256_castsi256_si128(counts), _mm256_extracti128_si256(counts, 1));
  return static_cast<uint32_t>(_mm_cvtsi128_si64(half) + _mm_extract_epi64(half, 1));
}

inline __m256i AndVector(const uint64_t* const* sets, size_t n, size_t word) {
  __m256i bits = Load(sets[0] + word);
  for (size_t i = 1; i < n; ++i) bits = _mm256_and_si256(bits, Load(sets[i] + word));
  return bits;
}

uint32_t AndCount(const uint64_t* const* sets, size_t n) {
  __m256i counts = _mm256_setzero_si256();
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    counts = _mm256_add_epi64(counts, CountWords(AndVector(sets, n, w)));
  }
  return Sum(counts);
}

uint32_t OrCount(const uint64_t* const* sets, size_t n) {
  __m256i counts = _mm256_setzero_si256();
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    __m256i bits = Load(sets[0] + w);
    for (size_t i = 1; i < n; ++i) bits = _mm256_or_si256(bits, Load(sets[i] + w));
    counts = _mm256_add_epi64(counts, CountWords(bits));
  }
  return Sum(counts);
}

uint32_t Count(const uint64_t* set) { return AndCount(&set, 1); }

uint32_t AndInto(const uint64_t* const* sets, size_t n, uint64_t* out) {
  __m256i counts = _mm256_setzero_si256();
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    const __m256i bits = AndVector(sets, n, w);
    Store(out + w, bits);
    counts = _mm256_add_epi64(counts, CountWords(bits));
  }
  return Sum(counts);
}

void OrWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    Store(out + w, _mm256_or_si256(Load(out + w), Load(set + w)));
  }
}

void AndWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    Store(out + w, _mm256_and_si256(Load(out + w), Load(set + w)));
  }
}

void AndNotWith(uint64_t* out, const uint64_t* set) {
  for (size_t w = 0; w < kBitsetWords; w += kVectorWords) {
    Store(out + w, _mm256_andnot_si256(Load(set + w), Load(out + w)));
  }
}

constexpr size_t kBlock = 16;

// Which of the 16 entries of the block equal an entry of b[*j, nb) up to `last`; *j moves behind
// those. One bit an entry.
inline uint32_t MatchBlock(const uint16_t* block, uint16_t last, const uint16_t* b, size_t nb,
                           size_t* j) {
  const __m256i entries = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(block));
  __m256i equal = _mm256_setzero_si256();
  size_t at = *j;
  for (; at < nb && b[at] <= last; ++at) {
    equal = _mm256_or_si256(
        equal, _mm256_cmpeq_epi16(entries, _mm256_set1_epi16(static_cast<int16_t>(b[at]))));
  }
  *j = at;
  return _pext_u32(static_cast<uint32_t>(_mm256_movemask_epi8(equal)), 0x55555555);
}

// `a` is the longer: it is cut into the blocks.
template <typename Hit>
inline void BlockIntersect(const uint16_t* a, size_t na, const uint16_t* b, size_t nb, Hit& hit) {
  if (na < nb) {
    std::swap(a, b);
    std::swap(na, nb);
  }
  size_t i = 0, j = 0;
  for (; i + kBlock <= na && j < nb; i += kBlock) {
    uint32_t matched = MatchBlock(a + i, a[i + kBlock - 1], b, nb, &j);
    for (; matched != 0; matched &= matched - 1) hit(a[i + __builtin_ctz(matched)]);
  }
  MergeIntersect(a + i, na - i, b + j, nb - j, hit);
}

uint32_t IntersectCount(const uint16_t* a, size_t na, const uint16_t* b, size_t nb) {
  CountHits hits;
  if (!IntersectedUnevenly(a, na, b, nb, hits)) BlockIntersect(a, na, b, nb, hits);
  return hits.count;
}

uint32_t Intersect(const uint16_t* a, size_t na, const uint16_t* b, size_t nb, uint16_t* out) {
  WriteHits hits{out};
  if (!IntersectedUnevenly(a, na, b, nb, hits)) BlockIntersect(a, na, b, nb, hits);
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
  kernels.intersect_count = IntersectCount;
  kernels.intersect = Intersect;
  return kernels;
}

constexpr SetKernels kKernels = MakeKernels();

}  // namespace

const SetKernels* Avx2SetKernels() { return &kKernels; }

}  // namespace canopy

#pragma GCC pop_options

#else

namespace canopy {
const SetKernels* Avx2SetKernels() { return nullptr; }
}  // namespace canopy

#endif

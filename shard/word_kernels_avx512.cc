// Word kernels for CpuLevel::kAvx512. A word's postings are spread over its documents by expanding
// their frequency bytes with the bitset's word as mask; divisions are reciprocal estimates (14
// bits).
#include <algorithm>
#include <cstdint>

#include "shard/word_kernels.h"

#if defined(__x86_64__)

// g++ 12 takes the deliberately undefined operands inside its own avx512fintrin.h for mistakes.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,avx2,bmi,bmi2,popcnt,lzcnt")

#include "shard/word_kernels_generic.h"

namespace canopy {
namespace {

constexpr size_t kSumLanes = 32;

// Thirty-two bytes as 16-bit lanes.
inline __m512i Widen(const uint8_t* bytes) {
  return _mm512_cvtepu8_epi16(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(bytes)));
}

void AddBounds(const uint8_t* bounds, uint16_t unit, uint16_t* sums) {
  const __m512i units = _mm512_set1_epi16(static_cast<int16_t>(unit));
  for (size_t w = 0; w < kWordsPerChunk; w += kSumLanes) {
    const __m512i added = _mm512_mullo_epi16(units, Widen(bounds + w));
    _mm512_storeu_si512(sums + w, _mm512_add_epi16(_mm512_loadu_si512(sums + w), added));
  }
}

void AddRequiredBounds(const uint8_t* bounds, uint16_t unit, uint16_t* sums) {
  const __m512i units = _mm512_set1_epi16(static_cast<int16_t>(unit));
  for (size_t w = 0; w < kWordsPerChunk; w += kSumLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w), bound = Widen(bounds + w);
    const __mmask32 present =
        _mm512_mask_test_epi16_mask(_mm512_test_epi16_mask(sum, sum), bound, bound);
    const __m512i added = _mm512_mullo_epi16(units, bound);
    _mm512_storeu_si512(sums + w, _mm512_maskz_add_epi16(present, sum, added));
  }
}

void AddOptionalBounds(const uint8_t* bounds, uint16_t unit, uint16_t* sums) {
  const __m512i units = _mm512_set1_epi16(static_cast<int16_t>(unit));
  for (size_t w = 0; w < kWordsPerChunk; w += kSumLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w);
    const __m512i added = _mm512_mullo_epi16(units, Widen(bounds + w));
    _mm512_storeu_si512(sums + w,
                        _mm512_maskz_add_epi16(_mm512_test_epi16_mask(sum, sum), sum, added));
  }
}

uint16_t MaxSum(const uint16_t* sums, size_t n) {
  __m512i max = _mm512_setzero_si512();
  for (size_t w = 0; w < n; w += kSumLanes) {
    max = _mm512_max_epu16(max, _mm512_loadu_si512(sums + w));
  }
  uint16_t lanes[kSumLanes];
  _mm512_storeu_si512(lanes, max);
  return *std::max_element(lanes, lanes + kSumLanes);
}

void MakeLevels(const uint16_t* sums, size_t n, uint32_t shift, uint8_t* levels) {
  const __m512i one = _mm512_set1_epi16(1);
  const __m128i count = _mm_cvtsi32_si128(static_cast<int>(shift));
  for (size_t w = 0; w < n; w += kSumLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w);
    const __m512i level =
        _mm512_maskz_add_epi16(_mm512_test_epi16_mask(sum, sum), one, _mm512_srl_epi16(sum, count));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(levels + w), _mm512_cvtepi16_epi8(level));
  }
}

size_t FindLevel(const uint8_t* levels, size_t n, uint8_t level, uint32_t* out) {
  const __m512i wanted = _mm512_set1_epi8(static_cast<char>(level));
  size_t found = 0;
  for (size_t w = 0; w < n; w += 64) {
    uint64_t equal = _mm512_cmpeq_epi8_mask(_mm512_loadu_si512(levels + w), wanted);
    for (; equal != 0; equal &= equal - 1) {
      out[found++] = static_cast<uint32_t>(w + _tzcnt_u64(equal));
    }
  }
  return found;
}

size_t FindSums(const uint16_t* sums, size_t n, uint16_t least, uint32_t* out) {
  const __m512i leasts = _mm512_set1_epi16(static_cast<int16_t>(least));
  size_t found = 0;
  for (size_t w = 0; w < n; w += kSumLanes) {
    uint32_t enough = _mm512_cmpge_epu16_mask(_mm512_loadu_si512(sums + w), leasts);
    for (; enough != 0; enough &= enough - 1) {
      out[found++] = static_cast<uint32_t>(w + _tzcnt_u32(enough));
    }
  }
  return found;
}

// Sixty-four documents as four vectors of 32-bit lanes. Bytes are widened by unpacking, which
// leaves the documents in another order: lane 4 q + i of vector v is document 16 q + 4 v + i.
// Everything here keeps to that order; Documents() undoes it.
struct Spread {
  __m512i v[4];
};

inline Spread WidenAll(__m512i bytes) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i low = _mm512_unpacklo_epi8(bytes, zero);
  const __m512i high = _mm512_unpackhi_epi8(bytes, zero);
  return {{_mm512_unpacklo_epi16(low, zero), _mm512_unpackhi_epi16(low, zero),
           _mm512_unpacklo_epi16(high, zero), _mm512_unpackhi_epi16(high, zero)}};
}

// Vector v of 64 floats.
inline __m512 LoadSpread(const float* floats, size_t v) {
  const float* const from = floats + 4 * v;
  __m512 spread = _mm512_castps128_ps512(_mm_loadu_ps(from));
  spread = _mm512_insertf32x4(spread, _mm_loadu_ps(from + 16), 1);
  spread = _mm512_insertf32x4(spread, _mm_loadu_ps(from + 32), 2);
  return _mm512_insertf32x4(spread, _mm_loadu_ps(from + 48), 3);
}

// The documents that have a bit in the masks of the four vectors.
inline uint64_t Documents(const __mmask16* masks) {
  uint64_t documents = 0;
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) {
    documents |= _pdep_u64(masks[v], uint64_t{0x000F000F000F000F} << (4 * v));
  }
  return documents;
}

inline void AddMore(const WordParts& more, __m512* sums) {
  alignas(64) float floats[kWordDocs];
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) _mm512_store_ps(floats + 16 * v, _mm512_setzero_ps());
  AddParts(more, floats);
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) sums[v] = LoadSpread(floats, v);
}

// The frequencies of the term's postings at their documents, 0 elsewhere.
inline __m512i SpreadFrequencies(const WordTerm& term, size_t place) {
  const uint64_t bits = term.window[place];
  const auto count = static_cast<uint32_t>(_mm_popcnt_u64(bits));
  const __m512i packed =
      _mm512_maskz_loadu_epi8(_bzhi_u64(~uint64_t{0}, count), WordFrequencies(term, place));
  return _mm512_maskz_expand_epi8(bits, packed);
}

// Adds the term's parts to the sums. No K is 0, so a frequency of 0 adds 0.
inline void AddTerm(const WordTerm& term, size_t place, const __m512* norms, __m512* sums) {
  const __m512i bytes = SpreadFrequencies(term, place);
  const bool has_endless = _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(-1)) != 0;
  const Spread tfs = WidenAll(bytes);
  const __m512 weight = _mm512_set1_ps(term.weight);
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) {
    __m512 tf = _mm512_cvtepi32_ps(tfs.v[v]);
    if (has_endless) [[unlikely]] {
      tf = _mm512_mask_mov_ps(tf, _mm512_cmpeq_epi32_mask(tfs.v[v], _mm512_set1_epi32(255)),
                              _mm512_set1_ps(kEndlessTf));
    }
    const __m512 inverse = _mm512_rcp14_ps(_mm512_add_ps(tf, norms[v]));
    sums[v] = _mm512_fmadd_ps(_mm512_mul_ps(weight, tf), inverse, sums[v]);
  }
}

// The bytes of a table of 256 at 64 places.
inline __m512i LookUp(const uint8_t* table, __m512i places, __mmask64 upper_half) {
  const __m512i lower =
      _mm512_permutex2var_epi8(_mm512_load_si512(table), places, _mm512_load_si512(table + 64));
  const __m512i upper = _mm512_permutex2var_epi8(_mm512_load_si512(table + 128), places,
                                                 _mm512_load_si512(table + 192));
  return _mm512_mask_blend_epi8(upper_half, lower, upper);
}

// K of 64 documents: four look-ups of bytes, which are cheaper than gathering 64 floats.
inline void LoadNorms(const NormTable& table, const uint8_t* codes, __m512* norms) {
  const __m512i places = _mm512_loadu_si512(codes);
  const __mmask64 upper_half = _mm512_movepi8_mask(places);
  const __m512i byte0 = LookUp(table.planes[0].data(), places, upper_half);
  const __m512i byte1 = LookUp(table.planes[1].data(), places, upper_half);
  const __m512i byte2 = LookUp(table.planes[2].data(), places, upper_half);
  const __m512i byte3 = LookUp(table.planes[3].data(), places, upper_half);
  const __m512i low0 = _mm512_unpacklo_epi8(byte0, byte1);
  const __m512i low1 = _mm512_unpacklo_epi8(byte2, byte3);
  const __m512i high0 = _mm512_unpackhi_epi8(byte0, byte1);
  const __m512i high1 = _mm512_unpackhi_epi8(byte2, byte3);
  norms[0] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(low0, low1));
  norms[1] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(low0, low1));
  norms[2] = _mm512_castsi512_ps(_mm512_unpacklo_epi16(high0, high1));
  norms[3] = _mm512_castsi512_ps(_mm512_unpackhi_epi16(high0, high1));
}

// The documents whose sums are at least `least`.
inline uint64_t FindAtLeast(const __m512* sums, float least) {
  __mmask16 reached[4];
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) {
    reached[v] = _mm512_cmp_ps_mask(sums[v], _mm512_set1_ps(least), _CMP_GE_OQ);
  }
  return (reached[0] | reached[1] | reached[2] | reached[3]) == 0 ? 0 : Documents(reached);
}

uint64_t ScoreWord(const WordTerm* terms, size_t n, size_t place, const WordParts& more,
                   const NormTable& table, const uint8_t* codes, float least) {
  __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(),
                    _mm512_setzero_ps()};
  if (more.count != 0) AddMore(more, sums);
  if (n == 0) return FindAtLeast(sums, least);
  __m512 norms[4];
  LoadNorms(table, codes, norms);
  for (size_t t = 0;; ++t) {
    AddTerm(terms[t], place, norms, sums);
    if (t + 1 == n) return FindAtLeast(sums, least);
    if (FindAtLeast(sums, least - terms[t].rest) == 0) return 0;
  }
}

constexpr WordKernels MakeKernels() {
  WordKernels kernels = GenericWordKernels();
  kernels.add_bounds = AddBounds;
  kernels.add_required_bounds = AddRequiredBounds;
  kernels.add_optional_bounds = AddOptionalBounds;
  kernels.max_sum = MaxSum;
  kernels.make_levels = MakeLevels;
  kernels.find_level = FindLevel;
  kernels.find_sums = FindSums;
  kernels.score_word = ScoreWord;
  return kernels;
}

constexpr WordKernels kKernels = MakeKernels();

}  // namespace

const WordKernels* Avx512WordKernels() { return &kKernels; }

}  // namespace canopy

#pragma GCC pop_options

#else

namespace canopy {
const WordKernels* Avx512WordKernels() { return nullptr; }
}  // namespace canopy

#endif

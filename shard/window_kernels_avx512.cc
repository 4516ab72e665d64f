// Window kernels for CpuLevel::kAvx512. A window's postings are spread over its documents by
// expanding their frequency bytes with the bitset's words as masks; divisions are reciprocal
// estimates (14 bits).
#include <algorithm>
#include <cstdint>

#include "shard/window_kernels.h"

#if defined(__x86_64__)

// g++ 12 takes the deliberately undefined operands inside its own avx512fintrin.h for mistakes.
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target( \
    "avx512f,avx512bw,avx512dq,avx512vl,avx512vbmi,avx512vbmi2,avx512bitalg,avx512vpopcntdq,avx2,bmi,bmi2,popcnt,lzcnt")

#include "shard/window_kernels_generic.h"

namespace canopy {
namespace {

constexpr size_t kLanes = 16;

// Sixteen bytes as 32-bit lanes.
inline __m512i Widen(const uint8_t* bytes) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes)));
}

void AddBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m512i units = _mm512_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m512i added = _mm512_mullo_epi32(units, Widen(bounds + w));
    _mm512_storeu_si512(sums + w, _mm512_add_epi32(_mm512_loadu_si512(sums + w), added));
  }
}

void AddRequiredBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m512i units = _mm512_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w), bound = Widen(bounds + w);
    const __mmask16 present =
        _mm512_mask_test_epi32_mask(_mm512_test_epi32_mask(sum, sum), bound, bound);
    const __m512i added = _mm512_mullo_epi32(units, bound);
    _mm512_storeu_si512(sums + w, _mm512_maskz_add_epi32(present, sum, added));
  }
}

void AddOptionalBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m512i units = _mm512_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w);
    const __m512i added = _mm512_mullo_epi32(units, Widen(bounds + w));
    _mm512_storeu_si512(sums + w,
                        _mm512_maskz_add_epi32(_mm512_test_epi32_mask(sum, sum), sum, added));
  }
}

uint32_t MaxSum(const uint32_t* sums, size_t n) {
  __m512i max = _mm512_setzero_si512();
  for (size_t w = 0; w < n; w += kLanes) {
    max = _mm512_max_epu32(max, _mm512_loadu_si512(sums + w));
  }
  return _mm512_reduce_max_epu32(max);
}

void MakeLevels(const uint32_t* sums, size_t n, uint32_t shift, uint8_t* levels) {
  const __m512i one = _mm512_set1_epi32(1);
  const __m128i count = _mm_cvtsi32_si128(static_cast<int>(shift));
  for (size_t w = 0; w < n; w += kLanes) {
    const __m512i sum = _mm512_loadu_si512(sums + w);
    const __m512i level =
        _mm512_maskz_add_epi32(_mm512_test_epi32_mask(sum, sum), one, _mm512_srl_epi32(sum, count));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(levels + w), _mm512_cvtepi32_epi8(level));
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

// Sixty-four documents as four vectors of floats. Bytes are widened by unpacking, which leaves the
// documents in another order: lane 4 q + i of vector v is document 16 q + 4 v + i. Everything here
// keeps to that order; Documents() undoes it.
struct Spread {
  __m512i v[4];
};

// 64 bytes as 64 numbers of 32 bits.
inline Spread WidenAll(__m512i bytes) {
  const __m512i zero = _mm512_setzero_si512();
  const __m512i low = _mm512_unpacklo_epi8(bytes, zero);
  const __m512i high = _mm512_unpackhi_epi8(bytes, zero);
  return {{_mm512_unpacklo_epi16(low, zero), _mm512_unpackhi_epi16(low, zero),
           _mm512_unpacklo_epi16(high, zero), _mm512_unpackhi_epi16(high, zero)}};
}

// K of 64 documents.
inline void LoadNorms(const float* table, const uint8_t* codes, __m512* norms) {
  const Spread places = WidenAll(_mm512_loadu_si512(codes));
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) {
    norms[v] = _mm512_i32gather_ps(places.v[v], table, sizeof(float));
  }
}

// Scores of vector v's documents, which stand in fours 16 apart.
inline __m512 LoadSpread(const float* scores, size_t v) {
  const float* const from = scores + 4 * v;
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

inline uint32_t Popcount(uint64_t word) { return static_cast<uint32_t>(_mm_popcnt_u64(word)); }

uint64_t ScoreWord(const WordTerm* terms, size_t n, size_t word, const float* table,
                   const uint8_t* codes, const float* scores, float least) {
  __m512 norms[4], sums[4];
  LoadNorms(table, codes, norms);
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) {
    // Documents 16 q + 4 v + i for q, i in 0..3.
    sums[v] = scores == nullptr ? _mm512_setzero_ps() : LoadSpread(scores, v);
  }
  for (size_t t = 0; t < n; ++t) {
    const uint64_t bits = terms[t].words[word];
    const uint8_t* const frequencies = WordFrequencies(terms[t], word);
    const __m512i packed =
        _mm512_maskz_loadu_epi8(_bzhi_u64(~uint64_t{0}, Popcount(bits)), frequencies);
    const __m512i bytes = _mm512_maskz_expand_epi8(bits, packed);
    const Spread tfs = WidenAll(bytes);
    const __m512 weight = _mm512_set1_ps(terms[t].weight);
#pragma GCC unroll 4
    for (size_t v = 0; v < 4; ++v) {
      const __mmask16 endless = _mm512_cmpeq_epi32_mask(tfs.v[v], _mm512_set1_epi32(255));
      const __mmask16 present = _mm512_test_epi32_mask(tfs.v[v], tfs.v[v]);
      const __m512 tf =
          _mm512_mask_mov_ps(_mm512_cvtepi32_ps(tfs.v[v]), endless, _mm512_set1_ps(kEndlessTf));
      const __m512 inverse = _mm512_rcp14_ps(_mm512_add_ps(tf, norms[v]));
      const __m512 part = _mm512_mul_ps(_mm512_mul_ps(weight, tf), inverse);
      sums[v] = _mm512_mask_add_ps(sums[v], present, sums[v], part);
    }
  }
  __mmask16 reached[4];
#pragma GCC unroll 4
  for (size_t v = 0; v < 4; ++v) {
    reached[v] = _mm512_cmp_ps_mask(sums[v], _mm512_set1_ps(least), _CMP_GE_OQ);
  }
  return (reached[0] | reached[1] | reached[2] | reached[3]) == 0 ? 0 : Documents(reached);
}

// Sixteen postings at a time.
void AddArray(const uint16_t* docs, size_t n, const uint8_t* frequencies, float weight,
              const float* table, const uint8_t* codes, float* scores) {
  for (size_t i = 0; i < n; i += kLanes) {
    const auto valid =
        static_cast<__mmask16>(_bzhi_u32(~0u, static_cast<uint32_t>(std::min(kLanes, n - i))));
    const __m512i places =
        _mm512_and_si512(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(valid, docs + i)),
                         _mm512_set1_epi32(kWindowDocs - 1));
    const __m512i bytes = _mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(valid, frequencies + i));
    const __m512 tf = _mm512_mask_mov_ps(_mm512_cvtepi32_ps(bytes),
                                         _mm512_cmpeq_epi32_mask(bytes, _mm512_set1_epi32(255)),
                                         _mm512_set1_ps(kEndlessTf));
    // Codes are read four at a time, so that none past the window's is touched.
    const __m512i aligned = _mm512_andnot_si512(_mm512_set1_epi32(3), places);
    const __m512i words =
        _mm512_mask_i32gather_epi32(_mm512_setzero_si512(), valid, aligned, codes, 1);
    const __m512i shift = _mm512_slli_epi32(_mm512_and_si512(places, _mm512_set1_epi32(3)), 3);
    const __m512i code = _mm512_and_si512(_mm512_srlv_epi32(words, shift), _mm512_set1_epi32(255));
    const __m512 norms =
        _mm512_mask_i32gather_ps(_mm512_setzero_ps(), valid, code, table, sizeof(float));
    const __m512 inverse = _mm512_rcp14_ps(_mm512_add_ps(tf, norms));
    const __m512 part = _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(weight), tf), inverse);
    alignas(64) float parts[kLanes];
    alignas(64) uint32_t at[kLanes];
    _mm512_store_ps(parts, part);
    _mm512_store_si512(at, places);
    const size_t size = std::min(kLanes, n - i);
    for (size_t j = 0; j < size; ++j) scores[at[j]] += parts[j];
  }
}

void MaxScores(const float* scores, float* maxima) {
  for (size_t w = 0; w < kWindowWords; ++w) {
    const float* const word = scores + w * 64;
    maxima[w] = _mm512_reduce_max_ps(
        _mm512_max_ps(_mm512_max_ps(_mm512_loadu_ps(word), _mm512_loadu_ps(word + 16)),
                      _mm512_max_ps(_mm512_loadu_ps(word + 32), _mm512_loadu_ps(word + 48))));
  }
}

constexpr WindowKernels MakeKernels() {
  WindowKernels kernels = GenericWindowKernels();
  kernels.add_bounds = AddBounds;
  kernels.add_required_bounds = AddRequiredBounds;
  kernels.add_optional_bounds = AddOptionalBounds;
  kernels.max_sum = MaxSum;
  kernels.make_levels = MakeLevels;
  kernels.find_level = FindLevel;
  kernels.add_array = AddArray;
  kernels.score_word = ScoreWord;
  kernels.max_scores = MaxScores;
  return kernels;
}

constexpr WindowKernels kKernels = MakeKernels();

}  // namespace

const WindowKernels* Avx512WindowKernels() { return &kKernels; }

}  // namespace canopy

#pragma GCC pop_options

#else

namespace canopy {
const WindowKernels* Avx512WindowKernels() { return nullptr; }
}  // namespace canopy

#endif

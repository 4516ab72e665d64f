// Window kernels for CpuLevel::kAvx2. Divisions are reciprocal estimates (12 bits).
#include <algorithm>
#include <cstdint>
#include <cstring>

#include "shard/window_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt,lzcnt")

#include "shard/window_kernels_generic.h"

namespace canopy {
namespace {

constexpr size_t kLanes = 8;

inline __m256i LoadSums(const uint32_t* sums) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(sums));
}
inline void StoreSums(uint32_t* sums, __m256i value) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(sums), value);
}
// Eight bytes as 32-bit lanes.
inline __m256i Widen(const uint8_t* bytes) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
}
inline __m256i IsZero(__m256i value) { return _mm256_cmpeq_epi32(value, _mm256_setzero_si256()); }

void AddBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m256i units = _mm256_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m256i added = _mm256_mullo_epi32(units, Widen(bounds + w));
    StoreSums(sums + w, _mm256_add_epi32(LoadSums(sums + w), added));
  }
}

void AddRequiredBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m256i units = _mm256_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m256i sum = LoadSums(sums + w), bound = Widen(bounds + w);
    const __m256i absent = _mm256_or_si256(IsZero(sum), IsZero(bound));
    const __m256i total = _mm256_add_epi32(sum, _mm256_mullo_epi32(units, bound));
    StoreSums(sums + w, _mm256_andnot_si256(absent, total));
  }
}

void AddOptionalBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  const __m256i units = _mm256_set1_epi32(static_cast<int>(unit));
  for (size_t w = 0; w < kWindowsPerChunk; w += kLanes) {
    const __m256i sum = LoadSums(sums + w);
    const __m256i total = _mm256_add_epi32(sum, _mm256_mullo_epi32(units, Widen(bounds + w)));
    StoreSums(sums + w, _mm256_andnot_si256(IsZero(sum), total));
  }
}

uint32_t MaxSum(const uint32_t* sums, size_t n) {
  __m256i max = _mm256_setzero_si256();
  for (size_t w = 0; w < n; w += kLanes) max = _mm256_max_epu32(max, LoadSums(sums + w));
  uint32_t lanes[kLanes];
  StoreSums(lanes, max);
  return *std::max_element(lanes, lanes + kLanes);
}

size_t FindLevel(const uint8_t* levels, size_t n, uint8_t level, uint32_t* out) {
  const __m256i wanted = _mm256_set1_epi8(static_cast<char>(level));
  size_t found = 0;
  for (size_t w = 0; w < n; w += 32) {
    const __m256i some = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(levels + w));
    auto equal = static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(some, wanted)));
    for (; equal != 0; equal &= equal - 1) {
      out[found++] = static_cast<uint32_t>(w + __builtin_ctz(equal));
    }
  }
  return found;
}

// Adds a term's parts to the scores of 64 documents; a tf of 0 adds nothing.
inline void AddWord(const uint8_t* tfs, __m256 weight, const float* norms, float* scores) {
  const __m256 largest = _mm256_set1_ps(255), endless = _mm256_set1_ps(kEndlessTf);
  for (size_t d = 0; d < 64; d += kLanes) {
    const __m256 byte = _mm256_cvtepi32_ps(Widen(tfs + d));
    const __m256 tf = _mm256_blendv_ps(byte, endless, _mm256_cmp_ps(byte, largest, _CMP_EQ_OQ));
    const __m256 ratio =
        _mm256_mul_ps(tf, _mm256_rcp_ps(_mm256_add_ps(tf, _mm256_loadu_ps(norms + d))));
    const __m256 part = _mm256_and_ps(_mm256_mul_ps(weight, ratio),
                                      _mm256_cmp_ps(tf, _mm256_setzero_ps(), _CMP_GT_OQ));
    _mm256_storeu_ps(scores + d, _mm256_add_ps(_mm256_loadu_ps(scores + d), part));
  }
}

uint64_t ScoreWord(const WordTerm* terms, size_t n, size_t word, const float* table,
                   const uint8_t* codes, const float* scores, float least) {
  float norms[64], sums[64] = {};
  for (size_t d = 0; d < 64; d += kLanes) {
    _mm256_storeu_ps(norms + d, _mm256_i32gather_ps(table, Widen(codes + d), sizeof(float)));
  }
  if (scores != nullptr) std::memcpy(sums, scores, sizeof(sums));
  for (size_t i = 0; i < n; ++i) {
    uint8_t tfs[64] = {};
    const uint8_t* frequencies = WordFrequencies(terms[i], word);
    for (uint64_t bits = terms[i].words[word]; bits != 0; bits &= bits - 1) {
      tfs[__builtin_ctzll(bits)] = *frequencies++;
    }
    AddWord(tfs, _mm256_set1_ps(terms[i].weight), norms, sums);
  }
  const __m256 leasts = _mm256_set1_ps(least);
  uint64_t reached = 0;
  for (size_t d = 0; d < 64; d += kLanes) {
    const __m256 enough = _mm256_cmp_ps(_mm256_loadu_ps(sums + d), leasts, _CMP_GE_OQ);
    reached |= static_cast<uint64_t>(_mm256_movemask_ps(enough)) << d;
  }
  return reached;
}

constexpr WindowKernels MakeKernels() {
  WindowKernels kernels = GenericWindowKernels();
  kernels.add_bounds = AddBounds;
  kernels.add_required_bounds = AddRequiredBounds;
  kernels.add_optional_bounds = AddOptionalBounds;
  kernels.max_sum = MaxSum;
  kernels.find_level = FindLevel;
  kernels.score_word = ScoreWord;
  return kernels;
}

constexpr WindowKernels kKernels = MakeKernels();

}  // namespace

const WindowKernels* Avx2WindowKernels() { return &kKernels; }

}  // namespace canopy

#pragma GCC pop_options

#else

namespace canopy {
const WindowKernels* Avx2WindowKernels() { return nullptr; }
}  // namespace canopy

#endif

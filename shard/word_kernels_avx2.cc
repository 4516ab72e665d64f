// Word kernels for CpuLevel::kAvx2. The plain loops over bounds are left to the compiler, which
// vectorizes them; divisions are reciprocal estimates (12 bits).
#include <algorithm>
#include <cstdint>

#include "shard/word_kernels.h"

#if defined(__x86_64__)

#include <immintrin.h>

#pragma GCC push_options
#pragma GCC target("avx2,bmi,bmi2,popcnt,lzcnt")

#include "shard/word_kernels_generic.h"

namespace canopy {
namespace {

constexpr size_t kLanes = 8;

// Eight bytes as 32-bit lanes.
inline __m256i Widen(const uint8_t* bytes) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(bytes)));
}

inline __m256i Load(const void* from) {
  return _mm256_loadu_si256(static_cast<const __m256i*>(from));
}

size_t FindLevel(const uint8_t* levels, size_t n, uint8_t level, uint32_t* out) {
  const __m256i wanted = _mm256_set1_epi8(static_cast<char>(level));
  size_t found = 0;
  for (size_t w = 0; w < n; w += 32) {
    auto equal =
        static_cast<uint32_t>(_mm256_movemask_epi8(_mm256_cmpeq_epi8(Load(levels + w), wanted)));
    for (; equal != 0; equal &= equal - 1) {
      out[found++] = static_cast<uint32_t>(w + __builtin_ctz(equal));
    }
  }
  return found;
}

size_t FindSums(const uint16_t* sums, size_t n, uint16_t least, uint32_t* out) {
  const __m256i leasts = _mm256_set1_epi16(static_cast<int16_t>(least));
  size_t found = 0;
  for (size_t w = 0; w < n; w += 16) {
    const __m256i some = Load(sums + w);
    const __m256i enough = _mm256_cmpeq_epi16(_mm256_max_epu16(some, leasts), some);
    auto places = static_cast<uint32_t>(_mm256_movemask_epi8(enough)) & 0x55555555;
    for (; places != 0; places &= places - 1) {
      out[found++] = static_cast<uint32_t>(w + __builtin_ctz(places) / 2);
    }
  }
  return found;
}

// Adds a term's parts to the scores of 64 documents; a tf of 0 adds nothing.
inline void AddTerm(const uint8_t* tfs, __m256 weight, const float* norms, float* scores) {
  const __m256 largest = _mm256_set1_ps(255), endless = _mm256_set1_ps(kEndlessTf);
  for (size_t d = 0; d < kWordDocs; d += kLanes) {
    const __m256 byte = _mm256_cvtepi32_ps(Widen(tfs + d));
    const __m256 tf = _mm256_blendv_ps(byte, endless, _mm256_cmp_ps(byte, largest, _CMP_EQ_OQ));
    const __m256 ratio =
        _mm256_mul_ps(tf, _mm256_rcp_ps(_mm256_add_ps(tf, _mm256_loadu_ps(norms + d))));
    const __m256 part = _mm256_and_ps(_mm256_mul_ps(weight, ratio),
                                      _mm256_cmp_ps(tf, _mm256_setzero_ps(), _CMP_GT_OQ));
    _mm256_storeu_ps(scores + d, _mm256_add_ps(_mm256_loadu_ps(scores + d), part));
  }
}

uint64_t ScoreWord(const WordTerm* terms, size_t n, size_t place, const WordParts& more,
                   const NormTable& table, const uint8_t* codes, float least) {
  float norms[kWordDocs], sums[kWordDocs] = {};
  AddParts(more, sums);
  for (size_t d = 0; d < kWordDocs && n != 0; d += kLanes) {
    _mm256_storeu_ps(norms + d,
                     _mm256_i32gather_ps(table.k.data(), Widen(codes + d), sizeof(float)));
  }
  for (size_t i = 0; i < n; ++i) {
    uint8_t tfs[kWordDocs] = {};
    const uint8_t* frequencies = WordFrequencies(terms[i], place);
    for (uint64_t bits = terms[i].window[place]; bits != 0; bits &= bits - 1) {
      tfs[__builtin_ctzll(bits)] = *frequencies++;
    }
    AddTerm(tfs, _mm256_set1_ps(terms[i].weight), norms, sums);
  }
  const __m256 leasts = _mm256_set1_ps(least);
  uint64_t reached = 0;
  for (size_t d = 0; d < kWordDocs; d += kLanes) {
    const __m256 enough = _mm256_cmp_ps(_mm256_loadu_ps(sums + d), leasts, _CMP_GE_OQ);
    reached |= static_cast<uint64_t>(_mm256_movemask_ps(enough)) << d;
  }
  return reached;
}

constexpr WordKernels MakeKernels() {
  WordKernels kernels = GenericWordKernels();
  kernels.find_level = FindLevel;
  kernels.find_sums = FindSums;
  kernels.score_word = ScoreWord;
  return kernels;
}

constexpr WordKernels kKernels = MakeKernels();

}  // namespace

const WordKernels* Avx2WordKernels() { return &kKernels; }

}  // namespace canopy

#pragma GCC pop_options

#else

namespace canopy {
const WordKernels* Avx2WordKernels() { return nullptr; }
}  // namespace canopy

#endif

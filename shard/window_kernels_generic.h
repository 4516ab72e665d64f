// The window kernels in plain C++. Included by window_kernels_<level>.cc inside that level's target
// region, as set_kernels_generic.h is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shard/window_kernels.h"

namespace canopy {
namespace {

// Stands for a frequency that does not fit its byte: its part is then the weight, the limit of all
// parts.
constexpr float kEndlessTf = 1e9f;

inline float ApproximateTf(uint8_t byte) { return byte == 255 ? kEndlessTf : byte; }

inline void GenericAddBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  for (size_t w = 0; w < kWindowsPerChunk; ++w) sums[w] += unit * bounds[w];
}

inline void GenericAddRequiredBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  for (size_t w = 0; w < kWindowsPerChunk; ++w) {
    sums[w] = sums[w] != 0 && bounds[w] != 0 ? sums[w] + unit * bounds[w] : 0;
  }
}

inline void GenericAddOptionalBounds(const uint8_t* bounds, uint32_t unit, uint32_t* sums) {
  for (size_t w = 0; w < kWindowsPerChunk; ++w) {
    sums[w] = sums[w] != 0 ? sums[w] + unit * bounds[w] : 0;
  }
}

inline uint32_t GenericMaxSum(const uint32_t* sums, size_t n) {
  uint32_t max = 0;
  for (size_t w = 0; w < n; ++w) max = std::max(max, sums[w]);
  return max;
}

inline void GenericMakeLevels(const uint32_t* sums, size_t n, uint32_t shift, uint8_t* levels) {
  for (size_t w = 0; w < n; ++w) {
    levels[w] = static_cast<uint8_t>(sums[w] == 0 ? 0 : 1 + (sums[w] >> shift));
  }
}

inline size_t GenericFindLevel(const uint8_t* levels, size_t n, uint8_t level, uint32_t* out) {
  size_t found = 0;
  for (size_t w = 0; w < n; ++w) {
    if (levels[w] == level) out[found++] = static_cast<uint32_t>(w);
  }
  return found;
}

// The frequency bytes of word `word`.
inline const uint8_t* WordFrequencies(const WordTerm& term, size_t word) {
  const uint8_t* frequencies = term.frequencies;
  for (size_t w = 0; w < word; ++w) frequencies += __builtin_popcountll(term.words[w]);
  return frequencies;
}

inline void GenericAddArray(const uint16_t* docs, size_t n, const uint8_t* frequencies,
                            float weight, const float* table, const uint8_t* codes, float* scores) {
  for (size_t i = 0; i < n; ++i) {
    const size_t doc = docs[i] % kWindowDocs;
    const float tf = ApproximateTf(frequencies[i]);
    scores[doc] += weight * tf / (tf + table[codes[doc]]);
  }
}

inline uint64_t GenericScoreWord(const WordTerm* terms, size_t n, size_t word, const float* table,
                                 const uint8_t* codes, const float* scores, float least) {
  float sums[64] = {};
  if (scores != nullptr) std::copy(scores, scores + 64, sums);
  for (size_t i = 0; i < n; ++i) {
    const uint8_t* frequencies = WordFrequencies(terms[i], word);
    for (uint64_t bits = terms[i].words[word]; bits != 0; bits &= bits - 1) {
      const size_t doc = __builtin_ctzll(bits);
      const float tf = ApproximateTf(*frequencies++);
      sums[doc] += terms[i].weight * tf / (tf + table[codes[doc]]);
    }
  }
  uint64_t reached = 0;
  for (size_t i = 0; i < 64; ++i) reached |= uint64_t{sums[i] >= least} << i;
  return reached;
}

inline void GenericMaxScores(const float* scores, float* maxima) {
  for (size_t w = 0; w < kWindowWords; ++w) {
    maxima[w] = *std::max_element(scores + w * 64, scores + w * 64 + 64);
  }
}

constexpr WindowKernels GenericWindowKernels() {
  return {.add_bounds = GenericAddBounds,
          .add_required_bounds = GenericAddRequiredBounds,
          .add_optional_bounds = GenericAddOptionalBounds,
          .max_sum = GenericMaxSum,
          .make_levels = GenericMakeLevels,
          .find_level = GenericFindLevel,
          .add_array = GenericAddArray,
          .score_word = GenericScoreWord,
          .max_scores = GenericMaxScores};
}

}  // namespace
}  // namespace canopy

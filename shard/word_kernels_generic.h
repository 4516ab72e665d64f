// The word kernels in plain C++. Included by word_kernels_<level>.cc inside that level's target
// region, as set_kernels_generic.h is.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "shard/word_kernels.h"

namespace canopy {
namespace {

inline void GenericAddBounds(const uint8_t* bounds, uint16_t unit, uint16_t* sums) {
  for (size_t w = 0; w < kWordsPerChunk; ++w) {
    sums[w] = static_cast<uint16_t>(sums[w] + unit * bounds[w]);
  }
}

inline void GenericAddRequiredBounds(const uint8_t* bounds, uint16_t unit, uint16_t* sums) {
  for (size_t w = 0; w < kWordsPerChunk; ++w) {
    const auto sum = static_cast<uint16_t>(sums[w] + unit * bounds[w]);
    sums[w] = sums[w] != 0 && bounds[w] != 0 ? sum : uint16_t{0};
  }
}

inline void GenericAddOptionalBounds(const uint8_t* bounds, uint16_t unit, uint16_t* sums) {
  for (size_t w = 0; w < kWordsPerChunk; ++w) {
    const auto sum = static_cast<uint16_t>(sums[w] + unit * bounds[w]);
    sums[w] = sums[w] != 0 ? sum : uint16_t{0};
  }
}

inline void GenericMinBounds(const uint8_t* bounds, uint8_t* smallest) {
  for (size_t w = 0; w < kWordsPerChunk; ++w) smallest[w] = std::min(smallest[w], bounds[w]);
}

inline uint16_t GenericMaxSum(const uint16_t* sums, size_t n) {
  uint16_t max = 0;
  for (size_t w = 0; w < n; ++w) max = std::max(max, sums[w]);
  return max;
}

inline void GenericMakeLevels(const uint16_t* sums, size_t n, uint32_t shift, uint8_t* levels) {
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

inline size_t GenericFindSums(const uint16_t* sums, size_t n, uint16_t least, uint32_t* out) {
  size_t found = 0;
  for (size_t w = 0; w < n; ++w) {
    if (sums[w] >= least) out[found++] = static_cast<uint32_t>(w);
  }
  return found;
}

// The frequency bytes of word `place`.
inline const uint8_t* WordFrequencies(const WordTerm& term, size_t place) {
  const uint8_t* frequencies = term.frequencies;
  for (size_t w = 0; w < place; ++w) frequencies += __builtin_popcountll(term.window[w]);
  return frequencies;
}

inline void AddParts(const WordParts& parts, float* sums) {
  for (size_t i = 0; i < parts.count; ++i) sums[parts.docs[i] % kWordDocs] += parts.parts[i];
}

inline uint64_t GenericScoreWord(const WordTerm* terms, size_t n, size_t place,
                                 const WordParts& more, const NormTable& norms,
                                 const uint8_t* codes, float least) {
  float sums[kWordDocs] = {};
  AddParts(more, sums);
  for (size_t i = 0; i < n; ++i) {
    const uint8_t* frequencies = WordFrequencies(terms[i], place);
    for (uint64_t bits = terms[i].window[place]; bits != 0; bits &= bits - 1) {
      const size_t doc = __builtin_ctzll(bits);
      const float tf = ApproximateTf(*frequencies++);
      sums[doc] += terms[i].weight * tf / (tf + norms.k[codes[doc]]);
    }
  }
  uint64_t reached = 0;
  for (size_t i = 0; i < kWordDocs; ++i) reached |= uint64_t{sums[i] >= least} << i;
  return reached;
}

constexpr WordKernels GenericWordKernels() {
  return {.add_bounds = GenericAddBounds,
          .add_required_bounds = GenericAddRequiredBounds,
          .add_optional_bounds = GenericAddOptionalBounds,
          .min_bounds = GenericMinBounds,
          .max_sum = GenericMaxSum,
          .make_levels = GenericMakeLevels,
          .find_level = GenericFindLevel,
          .find_sums = GenericFindSums,
          .score_word = GenericScoreWord};
}

}  // namespace
}  // namespace canopy

// BM25 as Canopy defines it. Each leaf of a query adds to a document the part
//     weight * tf / (tf + K[length code]),  weight = boost * idf,  K = k1 * (1 - b + b * length /
//     average length),
// computed in float, rounded to a multiple of 2^-24 and added as an integer, so that a score is the
// same bits in whatever order, on whatever processor and in whatever shard its parts are added.
// (Robertson and Zaragoza, "The Probabilistic Relevance Framework", 2009, without the constant
// factor k1 + 1, as in Lucene since version 8.) Every exact score comes from ScorePart and
// RoundToFixed; vector kernels only find candidates.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <array>
#include <cmath>
#include <cstdint>

#include "base/types.h"
#include "shard/length_code.h"

namespace canopy {

// K of every length code, for one field (or all fields together).
struct LengthNorms {
  std::array<float, 256> k;

  // An average of 0 (a collection without tokens has no postings to score) counts as 1.
  static LengthNorms Make(float k1, float b, float average_length) {
    LengthNorms norms;
    if (!(average_length > 0)) average_length = 1;
    for (size_t code = 0; code < norms.k.size(); ++code) {
      const float length = static_cast<float>(kDecodedLengths[code]);
      norms.k[code] = k1 * (1 - b + b * length / average_length);
    }
    return norms;
  }
};

// ln(1 + (docs - df + 0.5) / (df + 0.5)), in double, then float. REQUIRES: df <= docs.
inline float Idf(uint64_t docs, uint64_t df) {
  const double n = static_cast<double>(docs), d = static_cast<double>(df);
  return static_cast<float>(std::log(1 + (n - d + 0.5) / (d + 0.5)));
}

inline float ScorePart(float weight, float tf, float k) { return weight * tf / (tf + k); }

// To the nearest multiple of 2^-24, ties to even. REQUIRES: 0 <= part < 2^28.
inline FixedScore RoundToFixed(float part) {
  const float scaled = part * static_cast<float>(int64_t{1} << kScoreFractionBits);
#if defined(__SSE2__)
  return _mm_cvtss_si64(_mm_set_ss(scaled));  // what llrint does, without the call
#else
  return std::llrint(scaled);
#endif
}

}  // namespace canopy

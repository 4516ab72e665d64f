// Bounds of score parts in one byte. The score part of a posting is tf / (tf + K(length)), K = k1 *
// (1 - b + b * length / average): what BM25 multiplies with the term's weight. It grows with the
// ratio tf / K(length), so the largest part of a set of postings is found by comparing ratios, and
// only the largest is turned into a byte.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>

#include "base/types.h"
#include "shard/length_code.h"

namespace canopy {

// Thread safety: immutable.
class BoundTable final {
 public:
  BoundTable(double average_length, float k1, float b) {
    for (uint32_t code = 0; code < 256; ++code) {
      const double k = k1 * (1.0 - b + b * kDecodedLengths[code] / average_length);
      inverse_k_[code] = k > 0 ? 1 / k : std::numeric_limits<double>::infinity();
    }
  }

  // Above 0; infinite when K is 0.
  double Ratio(TermFrequency tf, uint8_t length_code) const { return tf * inverse_k_[length_code]; }

  // 1 to 255. The factor covers the rounding of searchers that compute the part in single
  // precision.
  static uint8_t Byte(double ratio) {
    const double part = std::isinf(ratio) ? 1.0 : ratio / (1.0 + ratio);
    const double byte = std::ceil(255.0 * part * (1.0 + 1e-6));
    return byte < 255 ? static_cast<uint8_t>(byte) : uint8_t{255};
  }

 private:
  std::array<double, 256> inverse_k_;
};

}  // namespace canopy

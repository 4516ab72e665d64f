// The position kernels in plain C++. Included by position_kernels_<level>.cc inside that level's
// target region, as set_kernels_generic.h is.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shard/position_kernels.h"

namespace canopy {
namespace {

inline bool GenericAddFrequencies(const uint8_t* bytes, size_t n, uint32_t* starts) {
  uint32_t sum = 0;
  for (size_t i = 0; i < n; ++i) {
    starts[i] = sum;
    if (bytes[i] == 255) return false;
    sum += bytes[i];
  }
  starts[n] = sum;
  return true;
}

inline uint32_t GenericSumFrequencies(const uint8_t* bytes, size_t n) {
  uint32_t sum = 0;
  bool escaped = false;
  for (size_t i = 0; i < n; ++i) {
    sum += bytes[i];
    escaped |= bytes[i] == 255;
  }
  return escaped ? kNoSum : sum;
}

// One varint of up to 32 bits; null when there is none.
inline const uint8_t* DecodeDifference(const uint8_t* begin, const uint8_t* end, uint32_t& value) {
  uint64_t sum = 0;
  for (int shift = 0; begin < end && shift < 35; shift += 7) {
    const uint64_t byte = *begin++;
    sum |= (byte & 0x7F) << shift;
    if (byte < 0x80) {
      value = static_cast<uint32_t>(sum);
      return sum <= UINT32_MAX ? begin : nullptr;
    }
  }
  return nullptr;
}

// As decode_sums, starting from `sum`, which becomes the last of the sums.
inline const uint8_t* DecodeSumsFrom(const uint8_t* begin, const uint8_t* end, size_t count,
                                     uint16_t& sum, uint16_t* out) {
  for (size_t i = 0; i < count; ++i) {
    uint32_t difference = 0;
    if (begin < end && *begin < 0x80) [[likely]] {
      difference = *begin++;
    } else {
      begin = DecodeDifference(begin, end, difference);
      if (begin == nullptr) return nullptr;
    }
    sum = static_cast<uint16_t>(sum + difference);
    out[i] = sum;
  }
  return begin;
}

inline const uint8_t* GenericDecodeSums(const uint8_t* begin, const uint8_t* end, size_t count,
                                        uint16_t* out) {
  uint16_t sum = 0;
  return DecodeSumsFrom(begin, end, count, sum, out);
}

template <bool kStopAtFirst>
inline uint32_t MergePairs(const PositionSlice& a, const PositionSlice& b, uint16_t distance) {
  uint32_t count = 0, i = 0, j = 0;
  while (i < a.count && j < b.count) {
    const uint32_t wanted = uint32_t{a.At(i)} + distance, found = b.At(j);
    if (kStopAtFirst && wanted == found) return 1;
    count += wanted == found ? 1 : 0;
    i += wanted <= found ? 1 : 0;
    j += found <= wanted ? 1 : 0;
  }
  return count;
}

inline void GenericCountPairs(const PositionSlice* a, const PositionSlice* b, size_t n,
                              uint16_t distance, const bool* count_all, float* counts) {
  for (size_t i = 0; i < n; ++i) {
    const uint32_t count = count_all[i] ? MergePairs<false>(a[i], b[i], distance)
                                        : MergePairs<true>(a[i], b[i], distance);
    counts[i] = static_cast<float>(count);
  }
}

}  // namespace
}  // namespace canopy

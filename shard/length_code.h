// Document lengths in one byte: exact below 40, four significant bits above. The coding of Lucene's
// SmallFloat.intToByte4, so that scores can be compared with Lucene's to the last digit.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace canopy {

inline constexpr uint32_t kExactLengthCodes =
    24;  // codes below it are taken out of the floating-point range

// REQUIRES: length < 2^31.
constexpr uint8_t EncodeLength(uint32_t length) {
  if (length < kExactLengthCodes) return static_cast<uint8_t>(length);
  const uint32_t rest = length - kExactLengthCodes;
  if (rest < 8) return static_cast<uint8_t>(length);
  const auto shift = static_cast<uint32_t>(std::bit_width(rest)) - 4;
  return static_cast<uint8_t>(kExactLengthCodes + (((rest >> shift) & 7) | ((shift + 1) << 3)));
}

// The smallest length with this code.
constexpr uint32_t DecodeLength(uint8_t code) {
  if (code < kExactLengthCodes) return code;
  const uint32_t number = code - kExactLengthCodes;
  if (number < 8) return kExactLengthCodes + number;
  return kExactLengthCodes + (((number & 7) | 8) << ((number >> 3) - 1));
}

inline constexpr std::array<uint32_t, 256> kDecodedLengths = [] {
  std::array<uint32_t, 256> table{};
  for (uint32_t code = 0; code < 256; ++code)
    table[code] = DecodeLength(static_cast<uint8_t>(code));
  return table;
}();

}  // namespace canopy

// Constants of the file of term bounds. docs/shard_format.md says what they mean; a change there
// comes first, with a higher kTermBoundsVersion.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/numeric/int128.h"

namespace canopy {

inline constexpr std::string_view kTermBoundsName = "term-bounds.canopy";
// History: 1 first version.
inline constexpr uint32_t kTermBoundsVersion = 1;
inline constexpr std::string_view kTermBoundsMagic = "CANOPYTB";
inline constexpr std::string_view kTermBoundsFooterMagic = "CANOPYTF";
inline constexpr size_t kTermBoundsHeaderBytes = 64;
inline constexpr size_t kTermBoundsFooterBytes = 64;
inline constexpr size_t kTermBoundsSummedBytes = 32;  // of the footer, by its own checksum

inline constexpr uint64_t kMaxTermBoundsNames = 0xFFFFFFFF;  // bytes
// A rare term takes so many bits of the filter for each shard that has it.
inline constexpr uint64_t kFilterBitsPerEntry = 4;

// Terms in so many documents of the collection, and more, have a row of bounds. A row is N bytes,
// so it takes at most a quarter of a byte a posting.
constexpr uint64_t LeastFrequentDf(uint32_t num_shards) {
  return 4 * std::max<uint64_t>(num_shards, 16);
}

// A term's two rows in the filter, by its key: its hash with the low 16 bits cleared. REQUIRES:
// rows > 0.
struct FilterRows {
  uint64_t first, second;

  static constexpr uint64_t Key(uint64_t hash) { return hash >> 16 << 16; }
  static FilterRows Of(uint64_t key, uint64_t rows) {
    constexpr uint64_t kGoldenRatio = 0x9E3779B97F4A7C15;
    return {Scale(key, rows), Scale(key * kGoldenRatio, rows)};
  }

 private:
  static uint64_t Scale(uint64_t value, uint64_t rows) {
    return absl::Uint128High64(absl::uint128(value) * rows);
  }
};

}  // namespace canopy

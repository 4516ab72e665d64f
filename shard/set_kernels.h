// Set algebra on the containers of one chunk: bitsets of kBitsetWords words and ascending uint16
// arrays. One table of functions for every CpuLevel, all with the same results; each is tested
// against CRoaring at every level. In a query's flow: matching and counting are made of these,
// chunk by chunk.
//
// No function reads outside its arguments. Functions that write an array may write up to
// kArraySlack entries past the ones they report, so `out` has room for that.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shard/posting_list.h"

namespace canopy {

inline constexpr size_t kArraySlack = 64;
inline constexpr uint32_t kNoRank = ~uint32_t{0};

struct SetKernels {
  // Bits set in the bitset.
  uint32_t (*count)(const uint64_t* set);
  // Bits set in all of sets[0], ..., sets[n - 1]. REQUIRES: n >= 1.
  uint32_t (*and_count)(const uint64_t* const* sets, size_t n);
  // Bits set in any of the n sets. REQUIRES: n >= 1.
  uint32_t (*or_count)(const uint64_t* const* sets, size_t n);
  // out = AND of the n sets; returns its bits. `out` may be one of them. REQUIRES: n >= 1.
  uint32_t (*and_into)(const uint64_t* const* sets, size_t n, uint64_t* out);
  // out |= set, out &= set, out &= ~set.
  void (*or_with)(uint64_t* out, const uint64_t* set);
  void (*and_with)(uint64_t* out, const uint64_t* set);
  void (*and_not_with)(uint64_t* out, const uint64_t* set);
  // Sets the bits that the array names.
  void (*set_bits)(uint64_t* out, const uint16_t* array, size_t n);
  // The set as an ascending array; returns its length.
  uint32_t (*to_array)(const uint64_t* set, uint16_t* out);
  // Entries of the array that are in all of sets[0], ..., sets[m - 1]: how many, and which. `out`
  // may be `array`. REQUIRES: m >= 1.
  uint32_t (*probe_count)(const uint16_t* array, size_t n, const uint64_t* const* sets, size_t m);
  uint32_t (*probe)(const uint16_t* array, size_t n, const uint64_t* const* sets, size_t m,
                    uint16_t* out);
  // Entries of the array that are not in `set`. `out` may be `array`.
  uint32_t (*probe_not)(const uint16_t* array, size_t n, const uint64_t* set, uint16_t* out);
  // Entries in both arrays: how many, and which. `out` is neither of them.
  uint32_t (*intersect_count)(const uint16_t* a, size_t na, const uint16_t* b, size_t nb);
  uint32_t (*intersect)(const uint16_t* a, size_t na, const uint16_t* b, size_t nb, uint16_t* out);
  // The ranks, within the term, of n documents of the container's chunk, ascending; kNoRank for
  // those without posting. `window_ranks` as in ContainerView; may be null for an array.
  void (*find_ranks)(const ContainerView& container, const uint16_t* window_ranks,
                     const uint16_t* docs, size_t n, uint32_t* ranks);
};

// The table of CurrentCpuLevel().
const SetKernels& CurrentSetKernels();

// One a level; the upper two are null where the build has no such code.
const SetKernels* BaselineSetKernels();
const SetKernels* Avx2SetKernels();
const SetKernels* Avx512SetKernels();

}  // namespace canopy

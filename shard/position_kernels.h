// Positions in bulk, for exact phrases: the varints of many postings are decoded into running sums
// of their differences modulo 2^16, over all the postings at once. Within a document of fewer than
// 2^16 tokens, the position of occurrence j is then sums[j] - base modulo 2^16, where base is the
// sum before the document's first occurrence; no posting has to be decoded by itself. One table of
// functions for every CpuLevel, all with the same results.
#pragma once

#include <cstddef>
#include <cstdint>

namespace canopy {

// decode_sums writes up to this many entries past those asked for.
inline constexpr size_t kSumSlack = 64;

// The positions of one term in one document.
struct PositionSlice {
  const uint16_t* sums = nullptr;
  uint32_t count = 0;
  uint16_t base = 0;

  uint16_t At(uint32_t i) const { return static_cast<uint16_t>(sums[i] - base); }
};

inline constexpr uint32_t kNoSum = ~uint32_t{0};

struct PositionKernels {
  // starts[i] = sum of the first i frequency bytes, for i up to n. False, with `starts` undefined,
  // when a byte is 255, which stands for another number. `starts` has room for kSumSlack more.
  // REQUIRES: n <= kPositionBlockPostings, so that sums fit 16 bits.
  bool (*add_frequencies)(const uint8_t* bytes, size_t n, uint32_t* starts);
  // The sum of n frequency bytes, or kNoSum when one is 255.
  uint32_t (*sum_frequencies)(const uint8_t* bytes, size_t n);
  // The place after `count` varints of [begin, end), or null when the bytes end early.
  const uint8_t* (*skip)(const uint8_t* begin, const uint8_t* end, size_t count);
  // Decodes `count` varints of [begin, end) into their running sums; `out` has room for kSumSlack
  // more. Returns the place after them, or null when the bytes end early or a number has more than
  // 32 bits.
  const uint8_t* (*decode_sums)(const uint8_t* begin, const uint8_t* end, size_t count,
                                uint16_t* out);
  // For each of n documents: how many positions p of a[i] have p + distance among those of b[i];
  // where count_all[i] is false, only whether there is one. All positions are below 2^16 - distance
  // and ascend.
  void (*count_pairs)(const PositionSlice* a, const PositionSlice* b, size_t n, uint16_t distance,
                      const bool* count_all, float* counts);
};

// The table of CurrentCpuLevel().
const PositionKernels& CurrentPositionKernels();

// One a level; null where the build has no such code. There is none for AVX2, which uses the
// baseline's.
const PositionKernels* BaselinePositionKernels();
const PositionKernels* Avx512PositionKernels();

}  // namespace canopy

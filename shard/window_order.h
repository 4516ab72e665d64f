// Which windows of a shard can hold documents for the top k, best first. The bounds of a query's
// terms are added up for every window (0 where no document can match), and windows are taken by
// descending bound until no bound reaches the k-th score. (Mallia, Suel and Tonellotto, "Faster
// Learned Sparse Retrieval with Block-Max Pruning", SIGIR 2024, on bitmaps instead of forward
// indexes.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/types/span.h"
#include "base/types.h"
#include "shard/flat_query.h"
#include "shard/search_scratch.h"
#include "shard/shard_file.h"
#include "shard/window_kernels.h"
#include "shard/window_table.h"

namespace canopy {

// Bounds are integers in units of 2^shift FixedScore, small enough for sums in 32 bits. The part of
// a posting whose bound byte is b is at most Units(term) * b of them, rounding included.
class BoundScale final {
 public:
  // `weights`: of the terms, at most kMaxFlatTerms; 0 for those that are not scored. `growth`: by
  // how much parts can have grown since the bound bytes were made (see kBoundUnit).
  BoundScale(absl::Span<const float> weights, double growth);

  uint32_t Units(size_t term) const { return units_[term]; }
  // The largest score that a sum of bounds allows.
  FixedScore Score(uint32_t sum) const { return static_cast<FixedScore>(sum) << shift_; }

 private:
  std::array<uint32_t, kMaxFlatTerms> units_;
  int shift_ = 0;
};

absl::InlinedVector<float, kMaxFlatTerms> Weights(const FlatQuery& query);

// The growth of score parts since the shard was built, when the average length is `average_length`
// now.
double BoundGrowth(const ShardFile& shard, float average_length);

// sums[w] = the bound of window w, 0 where no document can match. `sums`: zeros, for all windows of
// the table.
void AddUpBounds(const FlatQuery& query, const WindowTable& table, const BoundScale& scale,
                 uint32_t* sums);

// Thread safety: one thread. Lifetime: borrows the scratch memory.
class WindowOrder final {
 public:
  // `scratch.sums`: the bounds.
  WindowOrder(const BoundScale& scale, WindowScratch& scratch);

  // The windows (chunk * kWindowsPerChunk + place in the chunk) of the next lower level that has
  // any; empty when there are none left or when none of them can hold a score of `least` or more.
  absl::Span<const uint32_t> Next(FixedScore least);
  // The bound of one of these, to be compared again: `least` rises as windows are searched.
  uint32_t Sum(uint32_t window) const { return scratch_.sums[window]; }

 private:
  const WindowKernels& kernels_;
  const BoundScale& scale_;
  WindowScratch& scratch_;
  const size_t num_windows_;
  uint32_t shift_ = 0;  // of sums to levels
  uint32_t level_ = 0;  // the last one taken
};

}  // namespace canopy

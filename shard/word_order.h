// Which words of a shard (64 documents each) can hold documents for the top k, best first. The
// bounds of a query's terms are added up for every word (0 where no document can match), and words
// are taken by descending bound until no bound reaches the k-th score. (Mallia, Suel and
// Tonellotto, "Faster Learned Sparse Retrieval with Block-Max Pruning", SIGIR 2024, on bitmaps
// instead of forward indexes.)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/types.h"
#include "shard/flat_query.h"
#include "shard/poll.h"
#include "shard/search_scratch.h"
#include "shard/shard_file.h"
#include "shard/word_kernels.h"
#include "shard/word_table.h"

namespace canopy {

// Bounds are integers in units of some FixedScore, large enough for sums in 16 bits. The part of a
// posting whose bound byte is b is at most Units(term) * b of them, rounding included.
class BoundScale final {
 public:
  // `weights`: of the terms, at most kMaxFlatTerms; 0 for those that are not scored. `growth`: by
  // how much parts can have grown since the bound bytes were made (see posting_list.h).
  BoundScale(absl::Span<const float> weights, double growth);

  uint16_t Units(size_t term) const { return units_[term]; }
  // The largest score that a sum of bounds allows.
  FixedScore Score(uint32_t sum) const { return sum * unit_; }
  // The smallest sum that allows `score`, at least 1; above 65,535 if none does.
  uint64_t LeastSum(FixedScore score) const {
    return score <= unit_ ? 1 : static_cast<uint64_t>((score + unit_ - 1) / unit_);
  }

 private:
  std::array<uint16_t, kMaxFlatTerms> units_;
  FixedScore unit_ = 1;
};

absl::InlinedVector<float, kMaxFlatTerms> Weights(const FlatQuery& query);

// The growth of score parts since the shard was built, when the average length is `average_length`
// now.
double BoundGrowth(const ShardFile& shard, float average_length);

// sums[w] = the bound of word w, 0 where no document can match. `sums`: zeros, for all words of the
// table. CANCELLED, DEADLINE_EXCEEDED.
absl::Status AddUpBounds(const FlatQuery& query, const WordTable& table, const BoundScale& scale,
                         Poll& poll, uint16_t* sums);

// Thread safety: one thread. Lifetime: borrows the scratch memory.
class WordOrder final {
 public:
  // `scratch.sums`: the bounds.
  WordOrder(const BoundScale& scale, WordScratch& scratch);

  // The words (chunk * kWordsPerChunk + place in the chunk), ascending, of the next lower level
  // that has any; empty when there are none left or when none of them can hold a score of `least`
  // or more.
  absl::Span<const uint32_t> Next(FixedScore least);
  // The bound of one of these, to be compared again: `least` rises as words are searched.
  uint32_t Sum(uint32_t word) const { return scratch_.sums[word]; }

 private:
  absl::Span<const uint32_t> NextScanned();
  absl::Span<const uint32_t> NextSorted();
  void Sort(uint16_t least_sum);

  // The levels that are looked for one by one, while the k-th score is still rising fast. Then what
  // is left is sorted.
  static constexpr int kScannedLevels = 20;
  static constexpr uint32_t kMaxLevel = 255;

  const WordKernels& kernels_;
  const BoundScale& scale_;
  WordScratch& scratch_;
  const size_t num_words_;
  uint32_t shift_ = 0;  // of sums to levels
  uint32_t level_ = 0;  // the last one taken
  int scanned_ = 0;     // levels
  bool is_sorted_ = false;
  std::array<uint32_t, kMaxLevel + 2> starts_;  // of levels among the sorted words
};

}  // namespace canopy

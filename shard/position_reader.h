// Positions of one term's postings, decoded on demand, for phrases. A posting is found by its rank:
// its block of 128 through the block's place, then the tfs of the postings before it say how many
// varints to skip.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "shard/dictionary_reader.h"
#include "shard/format.h"
#include "shard/position_kernels.h"
#include "shard/posting_list.h"
#include "shard/sections.h"

namespace canopy {

// The bytes of a block of consecutive postings: for each its tf varints, the first position and
// then differences.
struct PositionBlock {
  const uint8_t* begin = nullptr;
  const uint8_t* end = nullptr;
  uint32_t first_rank = 0;
  uint32_t postings = 0;

  size_t size() const { return static_cast<size_t>(end - begin); }
};

// Positions count tokens over all text fields of a document, one after the other without gaps, from
// 0. Thread safety: one thread. Lifetime: borrows from the ShardFile and from the PostingList.
class PositionReader final {
 public:
  PositionReader() = default;
  // DATA_LOSS: the table of blocks is out of bounds. Takes no time that grows with df.
  static absl::StatusOr<PositionReader> Open(const Section& positions, const TermInfo& term,
                                             const FrequencyView& frequencies);

  // Appends the `tf` positions of the posting at `rank` to `out`, ascending. `tf` is the posting's
  // frequency. Cheapest when ranks ascend. DATA_LOSS: the rank is not below df, the bytes end early
  // or positions do not ascend.
  absl::Status Read(uint32_t rank, TermFrequency tf, std::vector<uint32_t>& out);

  // Where the varints of the posting at `rank` start; the postings after it follow up to end().
  // DATA_LOSS as for Read.
  absl::StatusOr<const uint8_t*> Seek(uint32_t rank);
  const uint8_t* end() const { return end_; }

  // Block rank / kPositionBlockPostings, for callers that take the postings of a whole block.
  // DATA_LOSS: out of bounds.
  absl::StatusOr<PositionBlock> Block(uint32_t block) const;

  // Fetch into the cache what Block() and then decoding would read for the posting at `rank`.
  // REQUIRES: rank < df.
  void PrefetchBlock(uint32_t rank) const {
    const uint32_t block = rank / kPositionBlockPostings;
    if (table_ != nullptr) __builtin_prefetch(table_ + block * sizeof(uint32_t));
    __builtin_prefetch(frequencies_.bytes + block * kPositionBlockPostings);
    __builtin_prefetch(frequencies_.bytes + block * kPositionBlockPostings + 64);
  }
  void PrefetchPositions(uint32_t rank) const;

  // The error for positions of the posting at `rank` that cannot be true.
  absl::Status Damage(uint32_t rank) const;

 private:
  // Occurrences in the postings [begin, end), all of one block: what must be skipped to come from
  // the one to the other.
  uint64_t SumOfTfs(uint32_t begin, uint32_t end) const;

  const PositionKernels* kernels_ = nullptr;
  const Section* section_ = nullptr;
  FrequencyView frequencies_;
  uint32_t df_ = 0;
  const uint8_t* table_ = nullptr;  // null: one block
  const uint8_t* begin_ = nullptr;  // of the first block
  const uint8_t* end_ = nullptr;
  // Where the posting at next_rank_ starts: where the last one that was found started, or the one
  // after the last read.
  uint32_t next_rank_ = 0;
  const uint8_t* next_ = nullptr;
};

}  // namespace canopy

// The positions of one term in many documents at once: blocks of postings are decoded whole where
// several of their documents are asked for, single postings otherwise. In a query's flow: phrases
// ask it for the documents that have all their terms.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "shard/poll.h"
#include "shard/position_kernels.h"
#include "shard/position_reader.h"
#include "shard/posting_list.h"
#include "shard/set_kernels.h"

namespace canopy {

// Slices hold positions modulo 2^16.
inline constexpr TermFrequency kMaxSliceTf = 0xFFFF;

// Thread safety: one thread. Lifetime: borrows from the PostingList and the shard.
class PositionSource final {
 public:
  PositionSource(PositionReader reader, const FrequencyView& frequencies, uint32_t df)
      : kernels_(CurrentPositionKernels()), reader_(reader), frequencies_(frequencies), df_(df) {}

  // The slices of the postings with these ranks, ascending; an empty slice for kNoRank. They live
  // until the next call. Postings of more than kMaxSliceTf positions have an empty one, too.
  // DATA_LOSS (damaged positions), CANCELLED, DEADLINE_EXCEEDED.
  absl::Status Load(absl::Span<const uint32_t> ranks, std::vector<PositionSlice>& slices,
                    Poll& poll);

  // The positions of one posting, of a document of any length.
  absl::Status Read(uint32_t rank, std::vector<uint32_t>& positions) {
    positions.clear();
    return reader_.Read(rank, frequencies_.At(rank), positions);
  }

 private:
  // Where a slice stands in sums_, which may still move.
  struct Place {
    size_t offset = 0;
    uint32_t count = 0;
    uint16_t base = 0;
  };

  absl::Status LoadBlock(const PositionBlock& block, absl::Span<const uint32_t> ranks,
                         absl::Span<Place> places);
  absl::Status LoadSingle(uint32_t rank, Place& place);
  // Fills starts_. False: they add up to more than `most`.
  bool AddFrequencies(uint32_t first_rank, uint32_t postings, uint64_t most);
  uint16_t* Append(size_t count);

  const PositionKernels& kernels_;
  PositionReader reader_;
  FrequencyView frequencies_;
  uint32_t df_;
  std::vector<uint16_t> sums_;
  size_t used_ = 0;  // of sums_
  std::vector<Place> places_;
  std::array<uint32_t, kPositionBlockPostings + 1 + kSumSlack> starts_ =
      {};  // of a block's postings
};

}  // namespace canopy

// Opens the postings of one term: a long list is looked at in place, a short one is decoded.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "shard/bound.h"
#include "shard/dictionary_reader.h"
#include "shard/posting_list.h"
#include "shard/sections.h"

namespace canopy {

// Thread safety: immutable. Lifetime: borrows the mapped file.
class PostingDecoder final {
 public:
  PostingDecoder(const Section& postings, absl::Span<const uint8_t> length_codes,
                 const BoundTable& bounds)
      : section_(&postings), length_codes_(length_codes), bounds_(bounds) {}

  // DATA_LOSS: an offset or a number of the list is out of bounds. What stands in arrays, bitsets,
  // window directories and frequencies of a long list is not looked at.
  absl::StatusOr<PostingList> Decode(const TermInfo& term) const;
  // Begins to load what Decode() reads first.
  void Prefetch(const TermInfo& term) const;

 private:
  class LongReader;

  PostingList DecodeSingle(const TermInfo& term) const;
  absl::StatusOr<PostingList> DecodeShort(const TermInfo& term) const;
  static void AllocateScratch(uint32_t df, PostingList& list);
  static void SetTf(uint32_t rank, TermFrequency tf, PostingList& list);

  const Section* section_;
  absl::Span<const uint8_t> length_codes_;
  BoundTable bounds_;
};

}  // namespace canopy

// Lays out the postings of one term. docs/shard_format.md ("postings") has the bytes.
#pragma once

#include <cstdint>
#include <string>

#include "absl/types/span.h"
#include "base/types.h"
#include "shard/bound.h"

namespace canopy {

struct PostingInput {
  absl::Span<const LocalDoc> docs;  // ascending, at least two
  absl::Span<const TermFrequency> tfs;
  absl::Span<const uint8_t> length_codes;  // of all documents of the shard
};

struct PostingLayout {
  uint64_t size = 0;  // bytes
  bool has_bitset = false;
  uint8_t max_bound = 0;  // of all postings
};

// Appends the blob, whose inner offsets count from its start, to `out`.
PostingLayout AppendPostings(const PostingInput& input, const BoundTable& bounds, std::string& out);

}  // namespace canopy

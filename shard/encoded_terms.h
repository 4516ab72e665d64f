// Terms on their way into a shard: consecutive ones are laid out together, with no regard to what
// comes before or after, so that many threads can do it at once. ShardWriter::AddTerms takes the
// result; how the terms were cut into batches leaves no trace in the file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/types.h"
#include "shard/bound.h"

namespace canopy {

// The postings of one term in one shard.
struct TermPostings {
  std::string_view term;
  uint64_t global_df = 0;
  // (field number, documents of the collection with the term in that field), by field number;
  // fields with 0 left out. May be empty when the collection has one field.
  absl::Span<const std::pair<uint32_t, uint64_t>> global_field_df;
  absl::Span<const LocalDoc> docs;      // ascending, at least one
  absl::Span<const TermFrequency> tfs;  // one a document
  // For each document its tf positions as LEB128 varints: the first position, then differences (all
  // at least 1).
  std::string_view positions;
};

// Consecutive terms of one shard, laid out. `length_codes`: one a document of the shard;
// `average_length`: of the collection. Thread safety: one thread. Lifetime: borrows length_codes.
class EncodedTerms final {
 public:
  EncodedTerms(absl::Span<const uint8_t> length_codes, double average_length, float k1, float b);

  // Terms ascend by bytes. A term of more than kMaxPositionBytesPerTerm (format.h) makes
  // ShardWriter::AddTerms fail with RESOURCE_EXHAUSTED. REQUIRES: what TermPostings says (checked
  // where it is cheap). Returns the bound of all the term's postings (docs/shard_format.md,
  // "Bounds"), 0 after an error.
  uint8_t Add(const TermPostings& term);
  size_t terms() const { return records_.size(); }
  size_t MemoryBytes() const;

 private:
  friend class ShardWriter;

  struct Record {
    uint64_t global_df = 0;
    uint64_t postings_size = 0;
    uint64_t positions_size = 0;
    uint32_t df = 0;
    uint32_t single_doc = 0, single_tf = 0;  // df = 1
    uint32_t field_dfs = 0;                  // entries of field_dfs_
    uint16_t term_size = 0;
    bool has_bitset = false;
  };

  void AppendPositions(const TermPostings& term);

  absl::Status status_;  // the first error
  absl::Span<const uint8_t> length_codes_;
  double average_length_;
  float k1_, b_;
  BoundTable bounds_;
  uint64_t postings_count_ = 0;
  uint64_t tokens_ = 0;
  uint32_t fields_ = 0;  // above every field number
  std::vector<Record> records_;
  std::string terms_;
  std::vector<std::pair<uint32_t, uint64_t>> field_dfs_;
  std::string postings_;   // blobs one after the other; the writer puts padding between them
  std::string positions_;  // blobs one after the other
};

}  // namespace canopy

// Writes one shard: documents first, in order; then terms, ascending; then the file is put together. The heavy work
// (compressing stored fields, laying out postings) is in two pure encoders that many threads can run at once; the writer
// only appends what they made, in order, so the file is a pure function of the input.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "base/file_system.h"
#include "base/types.h"
#include "shard/shard_file.h"

namespace canopy {

// One document of the shard, as the indexer hands it over.
struct DocRow {
  std::string_view external_id;  // empty: the document number in decimal
  // (field number, tokens of that field) in the order in which positions were counted.
  absl::Span<const std::pair<uint32_t, uint32_t>> field_tokens;
  // (field number, value) to store; empty when nothing is stored.
  absl::Span<const std::pair<uint32_t, std::string_view>> stored;
};

// Consecutive documents of one shard, encoded: length codes, field spans, ids, compressed stored fields.
class EncodedDocs final {
 public:
  void Add(const DocRow& row);
  void Seal();  // compresses what is left; no Add after it
  size_t MemoryBytes() const;

 private:
  friend class ShardWriter;
};

// The postings of one term in one shard.
struct TermPostings {
  std::string_view term;
  uint64_t global_df = 0;
  // (field number, documents of the collection with the term in that field), by field number; fields with 0 left out.
  absl::Span<const std::pair<uint32_t, uint64_t>> global_field_df;
  absl::Span<const LocalDoc> docs;       // ascending, at least one
  absl::Span<const TermFrequency> tfs;   // one a document
  // For each document its tf positions as LEB128 varints: the first position, then differences (all at least 1).
  std::string_view positions;
};

// Consecutive terms of one shard, laid out. `length_codes`: one a document of the shard; `average_length`: of the
// collection. Lifetime: borrows length_codes.
class EncodedTerms final {
 public:
  EncodedTerms(absl::Span<const uint8_t> length_codes, double average_length, float k1, float b);
  void Add(const TermPostings& term);  // terms ascending by bytes
  size_t MemoryBytes() const;

 private:
  friend class ShardWriter;
};

struct ShardWriterOptions {
  ShardId shard = 0;
  std::string directory;   // where temporary section files and the shard file go
  std::string file_name;
};

struct ShardSummary {
  uint64_t docs = 0, terms = 0, postings = 0, size_bytes = 0, checksum = 0;
};

// Thread safety: one thread at a time.
class ShardWriter final {
 public:
  static absl::StatusOr<std::unique_ptr<ShardWriter>> Create(FileSystem& files, ShardWriterOptions options);
  ~ShardWriter();  // removes temporary files

  absl::Status AddDocs(EncodedDocs&& docs);
  absl::Span<const uint8_t> length_codes() const;  // of the documents added so far
  absl::Status AddTerms(EncodedTerms&& terms);     // after the last AddDocs
  // Puts the file together and syncs it.
  absl::StatusOr<ShardSummary> Finish(const CollectionStats& stats);
};

}  // namespace canopy

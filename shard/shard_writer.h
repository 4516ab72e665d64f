// Writes one shard: documents first, in order; then terms, ascending; then the file is put
// together. The heavy work (compressing stored fields, laying out postings) is in two pure encoders
// that many threads can run at once; the writer only appends what they made, in order, so the file
// is a pure function of the input.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file_system.h"
#include "base/types.h"
#include "shard/encoded_docs.h"
#include "shard/encoded_terms.h"
#include "shard/statistics.h"

namespace canopy {

struct ShardWriterOptions {
  ShardId shard = 0;
  uint32_t num_shards = 1;
  std::string directory;  // where the shard file and temporary section files go
  std::string file_name;
  std::vector<LocalDoc> deleted_docs;  // ascending; the others are live
};

struct ShardSummary {
  uint64_t docs = 0, terms = 0, postings = 0, tokens = 0, size_bytes = 0;
  uint64_t checksum = 0;  // of the table of contents, which holds those of all sections
};

// Memory: a byte a document, and what is handed over, until it is written out at the end of each
// call. No file is open between calls. Errors of the file system are passed on; after an error only
// destruction is allowed. Thread safety: one thread at a time. Lifetime: borrows the file system.
class ShardWriter final {
 public:
  // INVALID_ARGUMENT: shard is not below num_shards, or deleted_docs do not ascend.
  static absl::StatusOr<std::unique_ptr<ShardWriter>> Create(FileSystem& files,
                                                             ShardWriterOptions options);
  ~ShardWriter();  // removes temporary files, and the shard file unless Finish succeeded

  // INVALID_ARGUMENT: a row was beyond a limit, or terms have been added. RESOURCE_EXHAUSTED: too
  // many documents. REQUIRES: docs.Seal() was called.
  absl::Status AddDocs(EncodedDocs&& docs);
  // Of the documents added so far; stays valid until the next AddDocs.
  absl::Span<const uint8_t> length_codes() const;
  // After the last AddDocs. INVALID_ARGUMENT: a term does not ascend, or the batch was made with
  // other lengths, k1, b or average length than the ones before. RESOURCE_EXHAUSTED: the dictionary
  // is full.
  absl::Status AddTerms(EncodedTerms&& terms);
  // Puts the file together and syncs it. INVALID_ARGUMENT: `stats` do not fit what was added.
  absl::StatusOr<ShardSummary> Finish(const CollectionStats& stats);

 private:
  class Impl;
  explicit ShardWriter(std::unique_ptr<Impl> impl);

  std::unique_ptr<Impl> impl_;
};

}  // namespace canopy

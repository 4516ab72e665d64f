// Documents on their way into a shard: consecutive ones are encoded together, with no regard to
// what comes before or after, so that many threads can do it at once. ShardWriter::AddDocs takes
// the result.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "shard/stored_fields.h"

namespace canopy {

// One document of the shard, as the indexer hands it over.
struct DocRow {
  std::string_view external_id;  // empty: the document number in decimal
  // (field number, tokens of that field) in the order in which positions were counted.
  absl::Span<const std::pair<uint32_t, uint32_t>> field_tokens;
  // (field number, value) to store; empty when nothing is stored.
  absl::Span<const std::pair<uint32_t, std::string_view>> stored;
};

// zstd's level: the default is fast, and higher ones gain little on blocks of 16 KiB.
inline constexpr int kDefaultCompressionLevel = 1;

// Consecutive documents of one shard, encoded: length codes, field spans, ids, compressed stored
// fields. A block of stored fields ends where a batch ends, so batches must be cut by a rule that
// depends on the input alone. Thread safety: one thread.
class EncodedDocs final {
 public:
  explicit EncodedDocs(int compression_level = kDefaultCompressionLevel)
      : stored_(compression_level) {}

  // A row beyond a limit makes ShardWriter::AddDocs fail with INVALID_ARGUMENT.
  void Add(const DocRow& row);
  void Seal();  // compresses what is left; no Add after it
  size_t docs() const { return lengths_.size(); }
  size_t MemoryBytes() const;

 private:
  friend class ShardWriter;

  absl::Status AddRow(const DocRow& row);

  absl::Status status_;  // the first error
  uint64_t tokens_ = 0;
  uint32_t fields_ = 0;  // above every field number
  std::string lengths_;  // codes, one a document
  std::string spans_;
  std::vector<uint32_t> span_sizes_;
  std::string ids_;
  std::vector<uint32_t> id_sizes_;
  StoredFieldsEncoder stored_;
};

}  // namespace canopy

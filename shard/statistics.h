// The statistics of a shard: those of the whole collection, which scores depend on, and the shard's
// own counts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/types.h"
#include "shard/sections.h"

namespace canopy {

// What the whole collection (all shards) knows; the same in every shard of a generation.
struct CollectionStats {
  uint64_t docs = 0;
  uint64_t tokens = 0;  // total length
  uint32_t num_shards = 1;
  std::string analyzer;  // name, e.g. "english"
  uint32_t analyzer_version = 0;
  float k1 = 1.2f;
  float b = 0.75f;
  struct FieldStats {
    std::string name;
    uint64_t docs = 0;  // that have the field
    uint64_t tokens = 0;
  };
  std::vector<FieldStats>
      fields;  // a field's place here is its number: first seen in the corpus, first here
  std::vector<uint64_t>
      length_histogram;  // 256 entries: documents by length code (shard/length_code.h)

  // Tokens a document; 0 for an empty collection.
  double AverageLength() const {
    return docs == 0 ? 0 : static_cast<double>(tokens) / static_cast<double>(docs);
  }
};

// INVALID_ARGUMENT when the numbers cannot be those of a collection: k1 negative or not finite, b
// outside [0, 1], no shard, a histogram that does not add up to docs, too many fields, two fields
// of one name.
absl::Status ValidateStats(const CollectionStats& stats);

struct ShardStatistics {
  CollectionStats collection;
  double average_length = 0;  // under which bounds were computed
  ShardId shard = 0;
  uint64_t docs = 0, terms = 0, postings = 0, tokens = 0;  // of this shard
};

std::string EncodeStatistics(const ShardStatistics& statistics);
// DATA_LOSS: not what EncodeStatistics writes, or numbers that ValidateStats refuses.
absl::StatusOr<ShardStatistics> DecodeStatistics(const Section& section);

}  // namespace canopy

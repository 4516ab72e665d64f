// The statistics under which a leaf of a query is scored: those of all text fields together or of
// one field.
#pragma once

#include <cstdint>
#include <string_view>

#include "shard/shard_file.h"

namespace canopy {

// Tokens a document, as float like Lucene's. Of all fields (`field` empty): over all documents; of
// one field: over the documents that have a token in it. REQUIRES: `field` is empty or a field of
// the collection.
inline float ScopeAverageLength(const CollectionStats& stats, std::string_view field) {
  uint64_t tokens = stats.tokens, docs = stats.docs;
  if (!field.empty()) {
    for (const CollectionStats::FieldStats& candidate : stats.fields) {
      if (candidate.name != field) continue;
      tokens = candidate.tokens;
      docs = candidate.docs;
    }
  }
  if (docs == 0) return 0;
  return static_cast<float>(static_cast<double>(tokens) / static_cast<double>(docs));
}

}  // namespace canopy

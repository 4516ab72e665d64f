// The numbers that pass between folders. A document has three names: its external id (text, the
// user's), its DocId (position in the corpus, from 0, over all shards) and its LocalDoc (position
// in its shard).
#pragma once

#include <cstdint>

namespace canopy {

using DocId = uint64_t;
using LocalDoc = uint32_t;
using ShardId = uint32_t;
using TermFrequency = uint32_t;

// A sum of score parts, in units of 2^-24. Integer sums are associative, so the score of a document
// is the same bits in whatever order its parts were added. REQUIRES: |score| < 2^53, so that
// ToDouble is exact.
using FixedScore = int64_t;
inline constexpr int kScoreFractionBits = 24;
inline constexpr double ToDouble(FixedScore score) {
  return static_cast<double>(score) / (int64_t{1} << kScoreFractionBits);
}

// Documents are dealt out like cards: DocId d lives in shard d % num_shards, at d / num_shards.
struct DocLocation {
  ShardId shard;
  LocalDoc local;
};
inline constexpr DocLocation LocateDoc(DocId doc, uint32_t num_shards) {
  return {static_cast<ShardId>(doc % num_shards), static_cast<LocalDoc>(doc / num_shards)};
}
inline constexpr DocId GlobalDoc(DocLocation at, uint32_t num_shards) {
  return DocId{at.local} * num_shards + at.shard;
}
// How many of `docs_total` documents shard `shard` of `num_shards` holds.
inline constexpr uint64_t DocsInShard(uint64_t docs_total, ShardId shard, uint32_t num_shards) {
  return docs_total / num_shards + (shard < docs_total % num_shards ? 1 : 0);
}

}  // namespace canopy

// Runs a query on one shard: exact matches, exact counts, the k best by BM25. In the query's flow:
// the last stop. Which documents match is decided by bitmap kernels; which of them are scored, by
// bounds over words of 64 of them. The answer does not depend on the strategy, on the processor, or
// on how the corpus was cut into shards.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "base/cancellation.h"
#include "base/types.h"
#include "shard/query.h"
#include "shard/shard_file.h"

namespace canopy {

// Both give the same answer; kExhaustive scores every match and is there to be compared with.
enum class SearchStrategy { kPruned, kExhaustive };

// Whether the caller wants the number of matches.
enum class TotalMode { kExact, kLowerBound };

struct SearchOptions {
  uint32_t k = 10;  // 0: count only
  TotalMode total = TotalMode::kExact;
  SearchStrategy strategy = SearchStrategy::kPruned;
  // Documents that score below it need not be returned.
  FixedScore score_threshold = 0;
  const Cancellation* cancellation = nullptr;  // polled; null: never stops
};

struct ScoredDoc {
  LocalDoc doc = 0;
  FixedScore score = 0;
};

// The total order of answers: score descending, then document ascending.
inline bool RanksBefore(const ScoredDoc& a, const ScoredDoc& b) {
  return a.score != b.score ? a.score > b.score : a.doc < b.doc;
}

struct ShardSearchResult {
  uint64_t total = 0;  // matches; with TotalMode::kLowerBound possibly fewer than there are
  bool total_is_exact = true;
  std::vector<ScoredDoc> hits;  // at most k, by RanksBefore
  // Postings of the query's terms in this shard, for match-all the shard's documents: what a search
  // takes grows with it, and it is known once the terms are looked up.
  uint64_t cost = 0;
};

// Errors: INVALID_ARGUMENT (unknown field, a boost that is not finite or is negative, more than
// kMaxShardQueryClauses leaves, a tree deeper than kMaxShardQueryDepth), CANCELLED,
// DEADLINE_EXCEEDED. Thread safety: may be called from many threads on the same shard.
absl::StatusOr<ShardSearchResult> SearchShard(const ShardFile& shard, const ShardQuery& query,
                                              const SearchOptions& options);

inline constexpr size_t kMaxShardQueryClauses = 65536;
inline constexpr size_t kMaxShardQueryDepth = 100;

}  // namespace canopy

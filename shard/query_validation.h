// Refuses queries that could not be answered in bounded time and memory, before any work is done
// for them. The answer depends on the query and the collection only, so that all shards refuse the
// same queries.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "shard/query.h"
#include "shard/shard_file.h"

namespace canopy {

// The boosts of all terms, and the constant scores, add up to at most this much: then scores stay
// exact (base/types.h).
inline constexpr double kMaxBoostSum = 1 << 22;

// The terms of a phrase. The work for one document grows with them.
inline constexpr size_t kMaxPhraseTerms = 1000;

// INVALID_ARGUMENT: more terms and other leaves than kMaxShardQueryClauses, deeper than
// kMaxShardQueryDepth, a phrase of more terms than kMaxPhraseTerms, an unknown field, a boost or
// constant score that is negative or not finite, boosts above kMaxBoostSum, a term leaf without
// exactly one term, a constant score without exactly one clause.
absl::Status ValidateQuery(const ShardFile& shard, const ShardQuery& query);

}  // namespace canopy

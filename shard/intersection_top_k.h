// The k best documents of a flat query with required terms, when few documents match: intersect,
// then score every match.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "shard/flat_query.h"
#include "shard/poll.h"
#include "shard/search_scratch.h"
#include "shard/shard_file.h"
#include "shard/top_k.h"

namespace canopy {

// Offers every match to `best`; returns how many there are. CANCELLED, DEADLINE_EXCEEDED.
absl::StatusOr<uint64_t> ScoreAllMatches(const ShardFile& shard, const FlatQuery& query, Poll& poll,
                                         SearchScratch& scratch, TopK& best);

}  // namespace canopy

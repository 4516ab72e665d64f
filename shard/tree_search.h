// Searches with a query tree: every chunk is matched, and every match scored.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "shard/poll.h"
#include "shard/query_tree.h"
#include "shard/search_scratch.h"
#include "shard/shard_file.h"
#include "shard/top_k.h"

namespace canopy {

// The number of matches; each is offered to `best` unless it is null. CANCELLED, DEADLINE_EXCEEDED,
// DATA_LOSS (damaged positions).
absl::StatusOr<uint64_t> SearchTree(const ShardFile& shard, QueryTree& tree, Poll& poll,
                                    SearchScratch& scratch, TopK* best);

}  // namespace canopy

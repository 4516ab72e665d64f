// The k best documents of a flat query, word by word in descending order of their bounds
// (word_order.h). In a word, required terms are ANDed first; in a union, documents that have only
// terms of too small bounds are left out. Where many are left, they are scored approximately, all
// at once (word_kernels.h). Those that might be among the best are scored exactly.
#pragma once

#include "absl/status/status.h"
#include "shard/flat_query.h"
#include "shard/poll.h"
#include "shard/search_scratch.h"
#include "shard/shard_file.h"
#include "shard/top_k.h"

namespace canopy {

// Offers to `best` every match that can be among its k. CANCELLED, DEADLINE_EXCEEDED.
absl::Status FindBestByWords(const ShardFile& shard, const FlatQuery& query, Poll& poll,
                             SearchScratch& scratch, TopK& best);

}  // namespace canopy

// The k best documents of a flat query, window by window in descending order of their bounds
// (window_order.h). Inside a window of a union, terms are added from the largest bound to the
// smallest, and those that cannot lift a document over the k-th score by themselves are only looked
// up for the few candidates (MaxScore: Turtle and Flood, 1995); inside a window of an intersection,
// words are ANDed first. Scores in a window are approximate (window_kernels.h); documents that
// might be among the best are scored exactly.
#pragma once

#include "absl/status/status.h"
#include "base/cancellation.h"
#include "shard/flat_query.h"
#include "shard/search_scratch.h"
#include "shard/shard_file.h"
#include "shard/top_k.h"

namespace canopy {

// Offers to `best` every match that can be among its k. CANCELLED, DEADLINE_EXCEEDED.
absl::Status FindBestByWindows(const ShardFile& shard, const FlatQuery& query,
                               const Cancellation* cancellation, SearchScratch& scratch,
                               TopK& best);

}  // namespace canopy

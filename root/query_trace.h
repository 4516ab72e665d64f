// What a response tells of the way it was made: the ledger of its time, and the list of its calls.
#pragma once

#include <vector>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"
#include "root/scatter.h"

namespace canopy {

// Of a query that began at `started`, had its shards' answers at `searched` and is done at `now`.
// Its parts: wire, queue and execution of the median search call that contributed, how much longer
// the slowest took, and the fetch. Total and what the session cannot know are left to CloseLedger.
v1::Ledger MakeLedger(absl::Span<const LeafCall> calls, absl::Time started, absl::Time searched,
                      absl::Time now);

// Sets total_us, and unaccounted_us to what no other part claims.
void CloseLedger(absl::Duration total, v1::Ledger& ledger);

// One Attempt a call, in the order in which they were started.
void AddAttempts(const ClusterView& view, absl::Span<const LeafCall> calls, absl::Time started,
                 v1::SearchResponse& response);

}  // namespace canopy

// How much of the collection an answer covers: exactly, shard by shard, also for shards of which no
// replica could be reached; and whether that is enough.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"

namespace canopy {

// What became of one shard: its answer, or why there is none.
struct ShardResult {
  const v1::ShardAnswer* answer = nullptr;
  absl::Status failure;
  // None of its documents could be among the hits, so it was not waited for.
  bool not_needed = false;
};

// `results`: one a shard. Documents of a shard follow from the collection's documents and the
// number of shards.
v1::Coverage MakeCoverage(const ClusterView& view, absl::Span<const ShardResult> results);

// OK when the answer may be given. No document covered (of a collection that has any), or no shard
// answered, is always an error. `min_coverage` 1 asks for every shard. Else DEADLINE_EXCEEDED where
// time ran out, RESOURCE_EXHAUSTED where all that is missing was refused for load, UNAVAILABLE
// otherwise, with the coverage and the reasons.
absl::Status CheckCoverage(const v1::Coverage& coverage, absl::Span<const ShardResult> results,
                           double min_coverage);

// True when something is missing because of the deadline.
bool TimedOut(absl::Span<const ShardResult> results);

// "unavailable: connection refused".
std::string ReasonOf(const absl::Status& status);

}  // namespace canopy

// What must hold for every query, whatever happens to the cluster.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"
#include "simulator/workload.h"

namespace canopy {

// The leaf serves these shards and is not known to be down. INTERNAL.
absl::Status CheckCallAllowed(const ClusterView& view, LeafIndex leaf,
                              absl::Span<const ShardId> shards);

// The coverage adds up and is enough; total and hits are those of the shards that are covered, each
// taken once; hits have their fields. INTERNAL.
absl::Status CheckAnswer(const v1::SearchResponse& answer, const Workload& workload,
                         const QueryWork& work, const QueryShape& shape);

}  // namespace canopy

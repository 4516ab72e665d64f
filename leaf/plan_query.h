// From the query tree of the wire to the query that a shard executes. In a query's flow: the leaf's
// first step, before the shards are searched.
#pragma once

#include "absl/status/statusor.h"
#include "base/cancellation.h"
#include "canopy/v1/query.pb.h"
#include "shard/query.h"

namespace canopy {

// `query` is analyzed: terms are single terms, phrases have their terms. INVALID_ARGUMENT: a node
// without a kind, an empty term, a phrase that is not analyzed. UNIMPLEMENTED: a kind that is not
// built yet, by name. CANCELLED, DEADLINE_EXCEEDED. Depth is limited by protobuf's parser; depth,
// boosts and scores by SearchShard.
absl::StatusOr<ShardQuery> PlanQuery(const v1::Query& query,
                                     const Cancellation* cancellation = nullptr);

}  // namespace canopy

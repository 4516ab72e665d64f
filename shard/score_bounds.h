// What no document of a shard scores above, for every shard of a collection, from the bounds of the
// query's terms. In a query's flow: beside the search of the shards at hand, so that a root which
// has k hits knows which of the others it need not wait for.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/types.h"
#include "shard/query.h"
#include "shard/statistics.h"
#include "shard/term_bounds.h"

namespace canopy {

// The bound of a shard of which nothing matches; below every score.
inline constexpr FixedScore kNoMatchBound = -1;

// Queries of more nodes and terms than this have no bounds: they would cost more than they save.
inline constexpr size_t kMaxBoundedNodes = 256;

// By shard number: every match in the shard scores at most this; kNoMatchBound: there is none. So a
// shard whose bound is below the k-th score (at equality a smaller document number would win) has
// no document among the k best. A shard need not reach its bound. Nothing: the query is too large,
// or `stats` are of another collection than the bounds. REQUIRES: ValidateQuery accepted the query.
std::optional<std::vector<FixedScore>> BoundScores(const TermBounds& bounds,
                                                   const CollectionStats& stats,
                                                   const ShardQuery& query);

}  // namespace canopy

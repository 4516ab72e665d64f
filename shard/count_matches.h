// How many documents a flat query matches, by set algebra alone.
#pragma once

#include <cstdint>

#include "absl/status/statusor.h"
#include "shard/flat_query.h"
#include "shard/poll.h"
#include "shard/search_scratch.h"
#include "shard/shard_file.h"

namespace canopy {

// CANCELLED, DEADLINE_EXCEEDED.
absl::StatusOr<uint64_t> CountMatches(const ShardFile& shard, const FlatQuery& query, Poll& poll,
                                      SearchScratch& scratch);

}  // namespace canopy

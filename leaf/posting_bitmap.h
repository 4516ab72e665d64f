// All matches of one node of a query in one shard, as a bitmap that travels. In a query's flow:
// what a leaf computes for a root that scatters by term.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "base/cancellation.h"
#include "shard/query.h"
#include "shard/shard_file.h"

namespace canopy {

// In the portable Roaring format, by LocalDoc. A term's containers are copied as they are; every
// other query is matched chunk by chunk. RESOURCE_EXHAUSTED: it would take more than `max_bytes`;
// found out before they are allocated. INVALID_ARGUMENT as SearchShard; CANCELLED,
// DEADLINE_EXCEEDED; DATA_LOSS.
absl::StatusOr<std::string> MakePostingBitmap(const ShardFile& shard, const ShardQuery& query,
                                              size_t max_bytes,
                                              const Cancellation* cancellation = nullptr);

}  // namespace canopy

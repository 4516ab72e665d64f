// The part of CheckShard (check_shard.h) that looks at terms: the dictionary, postings and
// positions.
#pragma once

#include "absl/status/status.h"
#include "shard/check_shard.h"
#include "shard/shard_file.h"

namespace canopy {

// DATA_LOSS naming file, section and offset. `progress` is called with 0 bytes.
absl::Status CheckTerms(const ShardFile& shard, const CheckProgress& progress);

}  // namespace canopy

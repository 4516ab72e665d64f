// The part of CheckShard (check_shard.h) that looks at documents: lengths, field spans, ids, stored
// fields, live bits, and what statistics say about them.
#pragma once

#include "absl/status/status.h"
#include "shard/check_shard.h"
#include "shard/shard_file.h"

namespace canopy {

// DATA_LOSS naming file, section and offset. `progress` is called with 0 bytes.
absl::Status CheckDocuments(const ShardFile& shard, const CheckProgress& progress);

}  // namespace canopy

// The part of CheckShard (check_shard.h) that looks at terms: the dictionary, postings and
// positions.
#pragma once

#include "absl/status/status.h"
#include "shard/check_shard.h"
#include "shard/shard_file.h"
#include "shard/term_bounds.h"

namespace canopy {

// What must hold for the shard's terms.
struct TermBoundsToCheck {
  const TermBounds* file = nullptr;  // null: nothing
  bool filter = true;                // also for terms that only the filter has
};

// DATA_LOSS naming file, section and offset.
// `progress` is called with 0 bytes.
absl::Status CheckTerms(const ShardFile& shard, const TermBoundsToCheck& bounds,
                        const CheckProgress& progress);

}  // namespace canopy

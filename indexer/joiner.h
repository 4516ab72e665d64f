// The join: all runs are merged once more, and what comes out are the terms of the collection with
// their global statistics, and the postings of each term dealt out to the shards. Ranges of terms
// are worked on in parallel and handed to the shard writers in order.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file_system.h"
#include "indexer/term_merger.h"
#include "shard/shard_writer.h"
#include "shard/term_bounds_writer.h"

namespace canopy {

struct JoinOptions {
  size_t threads = 1;
  // What a range should take of the runs' bytes.
  size_t range_bytes = 4 << 20;
  // Of the collection, for the bounds of score parts: average length, k1 and b.
  const CollectionStats* stats = nullptr;
  // Called when a range has been written, with the number of those that are, and of all.
  std::function<void(uint64_t done, uint64_t total)> progress;
};

struct JoinSummary {
  uint64_t terms = 0;     // of the collection
  uint64_t postings = 0;  // documents of all terms
};

// Ranges of terms that together hold all, each of about `range_bytes` of postings. A frequent term
// can exceed that.
std::vector<TermRange> PlanRanges(absl::Span<const RunSource> sources, size_t range_bytes);

// Where terms go. Lifetime: borrows the writers.
struct JoinOutput {
  absl::Span<const std::unique_ptr<ShardWriter>> shards;  // that have all documents
  TermBoundsWriter* bounds = nullptr;
};

absl::StatusOr<JoinSummary> JoinRuns(FileSystem& files, absl::Span<const RunSource> sources,
                                     const JoinOutput& output, const JoinOptions& options);

}  // namespace canopy

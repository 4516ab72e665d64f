// Fewer runs: what was spilled is merged pairwise until a single join can read all of it at once.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/file_system.h"
#include "indexer/run_file.h"
#include "indexer/term_merger.h"

namespace canopy {

// Writes the terms of `sources` as one run to `path`. With a single source in memory: spills it.
absl::StatusOr<RunFile> WriteRun(FileSystem& files, absl::Span<const RunSource> sources,
                                 const std::string& path);

struct ReduceOptions {
  std::string directory;  // where merged runs go
  size_t max_runs = 16;   // at least 1
  size_t threads = 1;
};

// Merges pairs of runs, the smallest first and `threads` pairs at once, until at most max_runs are
// left. Merged runs' files are removed.
absl::StatusOr<std::vector<RunFile>> ReduceRuns(FileSystem& files, std::vector<RunFile> runs,
                                                const ReduceOptions& options);

}  // namespace canopy

// The runs that did not fit into memory, and the directory in which they wait for the join.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/file_system.h"
#include "indexer/memory_run.h"
#include "indexer/run_file.h"

namespace canopy {

// Thread safety: all members from any thread. Lifetime: borrows the file system.
class SpillArea final {
 public:
  // REQUIRES: the directory exists.
  SpillArea(FileSystem& files, std::string directory)
      : files_(files), directory_(std::move(directory)) {}

  // Sorts the run, writes it to a file and clears it.
  absl::Status Spill(MemoryRun& run);

  const std::string& directory() const { return directory_; }
  uint64_t num_runs() const;
  uint64_t bytes_written() const;
  std::vector<RunFile> TakeRuns();

 private:
  FileSystem& files_;
  const std::string directory_;
  mutable absl::Mutex mutex_;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t bytes_written_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<RunFile> runs_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace canopy

#include "indexer/spill_area.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "indexer/run_reducer.h"

namespace canopy {

absl::Status SpillArea::Spill(MemoryRun& run) {
  uint64_t number;
  {
    absl::MutexLock lock(&mutex_);
    number = next_++;
  }
  run.Sort();
  ASSIGN_OR_RETURN(RunFile file,
                   WriteRun(files_, {&run}, absl::StrCat(directory_, "/spill-", number, ".run")));
  run.Clear();
  absl::MutexLock lock(&mutex_);
  bytes_written_ += file.size_bytes;
  runs_.push_back(std::move(file));
  return absl::OkStatus();
}

uint64_t SpillArea::num_runs() const {
  absl::MutexLock lock(&mutex_);
  return next_;
}

uint64_t SpillArea::bytes_written() const {
  absl::MutexLock lock(&mutex_);
  return bytes_written_;
}

std::vector<RunFile> SpillArea::TakeRuns() {
  absl::MutexLock lock(&mutex_);
  return std::exchange(runs_, {});
}

}  // namespace canopy

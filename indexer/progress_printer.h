// How far a build is, for people, on standard error: a line that rewrites itself on a terminal, a
// log line every few seconds elsewhere.
#pragma once

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "indexer/build_index.h"

namespace canopy {

// "reading: 123456 documents, 45.6 MB/s, 63 %, 12 s left"
std::string DescribeProgress(const BuildProgress& progress);

// Thread safety: all members from any thread.
class ProgressPrinter final {
 public:
  ProgressPrinter();  // whether standard error is a terminal is seen
  explicit ProgressPrinter(bool is_terminal) : is_terminal_(is_terminal) {}
  // Ends the line that rewrites itself.
  ~ProgressPrinter();

  void Print(const BuildProgress& progress);
  // Logs a warning, on a line of its own.
  void PrintBadRecord(const BadRecord& record);

 private:
  const bool is_terminal_;
  absl::Mutex mutex_;
  size_t line_size_ ABSL_GUARDED_BY(mutex_) = 0;  // of the line that rewrites itself
  bool printed_ ABSL_GUARDED_BY(mutex_) = false;
  BuildStage stage_ ABSL_GUARDED_BY(mutex_) = BuildStage::kReading;
  absl::Duration printed_at_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace canopy

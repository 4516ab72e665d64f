// How far a build is, for people, on standard error: a line that rewrites itself on a terminal, a
// log line every few seconds elsewhere.
#pragma once

#include <string>

#include "indexer/build_index.h"

namespace canopy {

// "reading: 123456 documents, 45.6 MB/s, 63 %, 12 s left"
std::string DescribeProgress(const BuildProgress& progress);

// Thread safety: one call at a time.
class ProgressPrinter final {
 public:
  ProgressPrinter();
  // Ends the line that rewrites itself.
  ~ProgressPrinter();

  void Print(const BuildProgress& progress);

 private:
  const bool is_terminal_;
  size_t line_size_ = 0;
  bool printed_ = false;
  BuildStage stage_ = BuildStage::kReading;
  absl::Duration printed_at_;
};

}  // namespace canopy

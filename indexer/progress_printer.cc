#include "indexer/progress_printer.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_format.h"
#include "base/log.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr absl::Duration kLineInterval = absl::Seconds(5);

std::string_view NameOf(BuildStage stage) {
  switch (stage) {
    case BuildStage::kReading:
      return "reading";
    case BuildStage::kReducing:
      return "reducing";
    case BuildStage::kJoining:
      return "joining";
    case BuildStage::kVerifying:
      return "verifying";
    case BuildStage::kPublishing:
      return "publishing";
  }
  return "working";
}

}  // namespace

std::string DescribeProgress(const BuildProgress& progress) {
  std::string text = Concat(NameOf(progress.stage), ": ", progress.docs, " documents");
  if (progress.stage != BuildStage::kReading) return text;
  const double seconds = absl::ToDoubleSeconds(progress.elapsed);
  if (seconds <= 0 || progress.bytes_read == 0) return text;
  absl::StrAppendFormat(&text, ", %.1f MB/s",
                        static_cast<double>(progress.input_bytes) / 1e6 / seconds);
  if (progress.bytes_total == 0) return text;
  const double part =
      static_cast<double>(progress.bytes_read) / static_cast<double>(progress.bytes_total);
  absl::StrAppendFormat(&text, ", %.0f %%, %.0f s left", 100 * part, seconds / part - seconds);
  return text;
}

ProgressPrinter::ProgressPrinter() : is_terminal_(isatty(STDERR_FILENO) != 0) {}

ProgressPrinter::~ProgressPrinter() {
  if (is_terminal_ && line_size_ > 0) std::fputs("\n", stderr);
}

void ProgressPrinter::Print(const BuildProgress& progress) {
  if (is_terminal_) {
    std::string line = DescribeProgress(progress);
    const size_t size = line.size();
    line.resize(std::max(size, line_size_), ' ');
    std::fprintf(stderr, "\r%s", line.c_str());
    std::fflush(stderr);
    line_size_ = size;
    return;
  }
  const bool is_due = progress.elapsed - printed_at_ >= kLineInterval;
  if (printed_ && progress.stage == stage_ && !is_due) return;
  printed_ = true;
  stage_ = progress.stage;
  printed_at_ = progress.elapsed;
  LogInfo("building", {{"progress", DescribeProgress(progress)}});
}

}  // namespace canopy

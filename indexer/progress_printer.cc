#include "indexer/progress_printer.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <utility>

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
    case BuildStage::kFinishing:
      return "finishing";
    case BuildStage::kVerifying:
      return "verifying";
    case BuildStage::kPublishing:
      return "publishing";
  }
  return "working";
}

}  // namespace

std::string DescribeProgress(const BuildProgress& progress) {
  const bool is_reading = progress.stage == BuildStage::kReading;
  std::string text = Concat(NameOf(progress.stage), ": ", progress.docs, " documents");
  const double seconds = absl::ToDoubleSeconds(progress.elapsed);
  if (is_reading && seconds > 0 && progress.input_bytes > 0) {
    absl::StrAppendFormat(&text, ", %.1f MB/s",
                          static_cast<double>(progress.input_bytes) / 1e6 / seconds);
  }
  if (progress.total == 0) return text;
  const double part = static_cast<double>(progress.done) / static_cast<double>(progress.total);
  absl::StrAppendFormat(&text, ", %.0f %%", 100 * part);
  if (is_reading && part > 0)
    absl::StrAppendFormat(&text, ", %.0f s left", seconds / part - seconds);
  return text;
}

ProgressPrinter::ProgressPrinter() : ProgressPrinter(isatty(STDERR_FILENO) != 0) {}

ProgressPrinter::~ProgressPrinter() {
  if (line_size_ > 0) std::fputs("\n", stderr);
}

void ProgressPrinter::PrintBadRecord(const BadRecord& record) {
  absl::MutexLock lock(&mutex_);
  if (line_size_ > 0) {
    std::fprintf(stderr, "\r%s\r", std::string(std::exchange(line_size_, 0), ' ').c_str());
    std::fflush(stderr);
  }
  LogWarning("bad record skipped",
             {{"file", record.file}, {"line", record.line}, {"reason", record.reason}});
}

void ProgressPrinter::Print(const BuildProgress& progress) {
  absl::MutexLock lock(&mutex_);
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

// Passes on how far a build is, often enough for a person and seldom enough to cost nothing.
#pragma once

#include <atomic>

#include "absl/time/time.h"
#include "base/clock.h"
#include "indexer/build_index.h"

namespace canopy {

// Thread safety: Report may be called from any thread; the function is called by one at a time.
// Lifetime: borrows both.
class ProgressReporter final {
 public:
  ProgressReporter(const BuildProgressFn& report, const Clock& clock)
      : report_(report), clock_(clock), start_(clock.Now()) {}

  absl::Duration elapsed() const { return clock_.Now() - start_; }

  // Tells `progress` (its elapsed time is filled in) when the last report is kInterval ago, or when
  // the stage is new.
  void Report(BuildProgress progress) {
    if (!report_ || busy_.test_and_set(std::memory_order_acquire)) return;
    progress.elapsed = elapsed();
    if (progress.stage != stage_ || progress.elapsed - reported_ >= kInterval || !started_) {
      started_ = true;
      stage_ = progress.stage;
      reported_ = progress.elapsed;
      report_(progress);
    }
    busy_.clear(std::memory_order_release);
  }

 private:
  static constexpr absl::Duration kInterval = absl::Milliseconds(100);

  const BuildProgressFn& report_;
  const Clock& clock_;
  const absl::Time start_;
  std::atomic_flag busy_;  // guards what follows
  bool started_ = false;
  BuildStage stage_ = BuildStage::kReading;
  absl::Duration reported_;
};

}  // namespace canopy

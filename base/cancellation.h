// Says to a piece of work that nobody wants it any more: the caller went away, or the deadline
// passed. The work polls ShouldStop() in its inner loops; a transport registers OnCancel to pass
// the word on.
#pragma once

#include <atomic>
#include <functional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"

namespace canopy {

// Thread safety: every member may be called from any thread.
// Lifetime: borrows the clock.
class Cancellation final {
 public:
  // Work should stop at `deadline` (of `clock`) even if nobody cancels.
  Cancellation(const Clock& clock, absl::Time deadline) : clock_(clock), deadline_(deadline) {}

  void Cancel();
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }
  absl::Time deadline() const { return deadline_; }

  // Cheap enough for every few thousand postings: one relaxed load, and the clock every call.
  bool ShouldStop() const { return cancelled() || clock_.Now() >= deadline_; }
  // OK, CANCELLED or DEADLINE_EXCEEDED.
  absl::Status status() const;
  // When work had to stop: at the first Cancel(), or at the deadline if that is sooner.
  absl::Time stop_time() const;

  // Runs `callback` once, on Cancel() (in its thread) or at once when already cancelled. Not run on
  // the deadline.
  void OnCancel(std::function<void()> callback);

 private:
  const Clock& clock_;
  const absl::Time deadline_;
  std::atomic<bool> cancelled_{false};
  mutable absl::Mutex mutex_;
  absl::Time cancelled_at_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();
  std::vector<std::function<void()>> callbacks_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace canopy

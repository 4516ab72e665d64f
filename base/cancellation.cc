#include "base/cancellation.h"

#include <algorithm>
#include <utility>

#include "base/strings.h"

namespace canopy {

void Cancellation::Cancel() {
  const absl::Time now = clock_.Now();
  std::vector<std::function<void()>> callbacks;
  {
    absl::MutexLock lock(&mutex_);
    cancelled_at_ = std::min(cancelled_at_, now);
    cancelled_.store(true, std::memory_order_relaxed);
    callbacks.swap(callbacks_);
  }
  for (const std::function<void()>& callback : callbacks) callback();
}

absl::Status Cancellation::status() const {
  if (cancelled()) return absl::CancelledError("cancelled by the caller");
  const absl::Duration late = clock_.Now() - deadline_;
  if (late < absl::ZeroDuration()) return absl::OkStatus();
  return absl::DeadlineExceededError(Concat("deadline exceeded by ", absl::FormatDuration(late)));
}

absl::Time Cancellation::stop_time() const {
  absl::MutexLock lock(&mutex_);
  return std::min(cancelled_at_, deadline_);
}

void Cancellation::OnCancel(std::function<void()> callback) {
  {
    absl::MutexLock lock(&mutex_);
    if (!cancelled()) {
      callbacks_.push_back(std::move(callback));
      return;
    }
  }
  callback();
}

}  // namespace canopy

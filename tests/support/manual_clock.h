// A clock that stands still until the test moves it.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"
#include "base/clock.h"

namespace canopy {

// Thread safety: every member may be called from any thread.
class ManualClock final : public Clock {
 public:
  absl::Time Now() const override {
    return absl::UnixEpoch() + absl::Nanoseconds(nanoseconds_.load());
  }
  // REQUIRES: `step` is not negative.
  void Advance(absl::Duration step) { nanoseconds_ += absl::ToInt64Nanoseconds(step); }

 private:
  std::atomic<int64_t> nanoseconds_{0};
};

}  // namespace canopy

// Looks at a Cancellation once every few thousand postings, so that abandoned work stops within a
// millisecond and the clock is not read all the time.
#pragma once

#include <cstddef>

#include "absl/status/status.h"
#include "base/cancellation.h"

namespace canopy {

// Finding a term and the containers of its postings costs as much as so many postings.
inline constexpr size_t kFindTermWork = 64;

// Thread safety: one thread. Lifetime: borrows the cancellation, which may be null.
class Poll final {
 public:
  explicit Poll(const Cancellation* cancellation) : cancellation_(cancellation) {}

  // `work`: documents, postings or positions looked at since the last call, or what costs as much.
  bool ShouldStop(size_t work) {
    if (cancellation_ == nullptr) return false;
    done_ += work;
    if (done_ < kInterval) return false;
    done_ = 0;
    return cancellation_->ShouldStop();
  }
  // REQUIRES: ShouldStop() was true.
  absl::Status status() const { return cancellation_->status(); }

 private:
  static constexpr size_t kInterval = 8192;

  const Cancellation* const cancellation_;
  size_t done_ = kInterval;  // the first call looks
};

}  // namespace canopy

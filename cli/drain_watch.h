// When a leaf that drains is idle, as `canopy drain` waits for it.
#pragma once

#include <cstdint>

#include "absl/time/time.h"
#include "canopy/v1/service.pb.h"

namespace canopy {

// Thread safety: one thread.
class DrainWatch final {
 public:
  // Roots look at a leaf every second, unless they are told otherwise (--probe-interval), so one
  // that is not asked for twice as long is not asked any more.
  static constexpr absl::Duration kQuiet = absl::Seconds(2);

  // A status of the leaf. True: it has begun no search for kQuiet, and none waits or runs.
  bool IsIdle(const v1::LeafStatus& status, absl::Time now) {
    if (status.searches_total() != searches_ || status.load().in_flight_cost() > 0) {
      searches_ = status.searches_total();
      quiet_since_ = now;
    }
    return now - quiet_since_ >= kQuiet;
  }

 private:
  uint64_t searches_ = UINT64_MAX;
  absl::Time quiet_since_ = absl::InfiniteFuture();
};

}  // namespace canopy

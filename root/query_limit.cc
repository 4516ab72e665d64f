#include "root/query_limit.h"

#include <algorithm>

#include "base/strings.h"

namespace canopy {

uint64_t QueryLimit::InFlight(size_t priority) const {
  uint64_t sum = 0;
  for (size_t i = 0; i <= priority; ++i) sum += classes_[i].in_flight;
  return sum;
}

absl::Status QueryLimit::Begin(size_t priority, absl::Time now) {
  Class& own = classes_[priority];
  if (now - own.refused > kForget) own.limit = kNone;
  const uint64_t in_flight = InFlight(priority);
  if (static_cast<double>(in_flight) >= own.limit) {
    return absl::ResourceExhaustedError(
        Concat("overload: leaves refuse queries of this priority, ", in_flight,
               " of it or a higher one are in flight, the limit that was found is ",
               static_cast<uint64_t>(own.limit)));
  }
  ++own.in_flight;
  return absl::OkStatus();
}

void QueryLimit::End(size_t priority, absl::Time begun, Outcome outcome, absl::Time now) {
  Class& own = classes_[priority];
  const auto in_flight = static_cast<double>(InFlight(priority));
  --own.in_flight;
  if (outcome == Outcome::kServed && in_flight + 1 > own.limit) own.limit += 1 / own.limit;
  if (outcome != Outcome::kRefusedByLeaves) return;
  own.refused = now;
  // Those that began before say again what has been heard already.
  if (begun <= own.lowered) return;
  own.limit = std::max(1.0, kDecrease * std::min(own.limit, in_flight));
  own.lowered = now;
}

}  // namespace canopy

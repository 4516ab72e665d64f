#include "leaf/service_model.h"

#include <algorithm>
#include <cmath>

namespace canopy {

void ServiceModel::Add(uint64_t cost, absl::Duration took) {
  static const double kDecay = std::exp2(-1 / kHalfLife);
  const auto x = static_cast<double>(cost);
  const double y = absl::ToDoubleNanoseconds(took);
  weight_ = weight_ * kDecay + 1;
  const double off = x - mean_cost_;
  mean_cost_ += off / weight_;
  mean_ns_ += (y - mean_ns_) / weight_;
  cost_cost_ = cost_cost_ * kDecay + off * (x - mean_cost_);
  cost_ns_ = cost_ns_ * kDecay + off * (y - mean_ns_);

  // Neither part may be negative: the best line that is left goes through the origin, or is flat.
  const double slope = cost_cost_ > 0 ? cost_ns_ / cost_cost_ : 0;
  const double steepest = mean_cost_ > 0 ? mean_ns_ / mean_cost_ : 0;
  ns_per_cost_ = std::clamp(slope, 0.0, steepest);
  fixed_ns_ = std::max(0.0, mean_ns_ - ns_per_cost_ * mean_cost_);
}

absl::Duration ServiceModel::Expected(uint64_t cost) const {
  return absl::Nanoseconds(fixed_ns_ + ns_per_cost_ * static_cast<double>(cost));
}

absl::Duration ServiceModel::MeanTime() const { return absl::Nanoseconds(mean_ns_); }

uint64_t ServiceModel::MeanCost() const {
  return static_cast<uint64_t>(std::max(1.0, std::round(mean_cost_)));
}

}  // namespace canopy

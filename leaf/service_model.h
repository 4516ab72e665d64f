// What a leaf expects a search to take: a fixed time and a time for each unit of cost
// (ShardAnswer.cost), learned from the searches that ended. Admission (admission_queue.h) weighs
// what waits with it.
#pragma once

#include <cstdint>

#include "absl/time/time.h"

namespace canopy {

// A line through (cost, time) by least squares, in which a search counts half as much as one that
// came kHalfLife searches later. Thread safety: none.
class ServiceModel final {
 public:
  static constexpr double kHalfLife = 64;

  // `took`: of search threads, over all shards asked.
  void Add(uint64_t cost, absl::Duration took);

  // Zero before the first Add.
  absl::Duration Expected(uint64_t cost) const;
  absl::Duration MeanTime() const;
  // At least 1.
  uint64_t MeanCost() const;
  // The line: neither is negative.
  double fixed_ns() const { return fixed_ns_; }
  double ns_per_cost() const { return ns_per_cost_; }

 private:
  // Decayed weight, means, and sums of squares and products about the means.
  double weight_ = 0;
  double mean_cost_ = 0, mean_ns_ = 0;
  double cost_cost_ = 0, cost_ns_ = 0;
  double fixed_ns_ = 0, ns_per_cost_ = 0;
};

}  // namespace canopy

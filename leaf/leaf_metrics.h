// A leaf's counters and status as metrics, canopy_leaf_...; docs/operations.md lists them.
#pragma once

#include <prometheus/metric_family.h>

#include <vector>

#include "canopy/v1/service.pb.h"
#include "leaf/leaf_counters.h"

namespace canopy {

std::vector<prometheus::MetricFamily> LeafMetrics(const LeafCounters& counters,
                                                  const v1::LeafStatus& status);

}  // namespace canopy

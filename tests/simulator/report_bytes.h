// Everything that a report says, as text: for tests that compare runs to the byte.
#pragma once

#include <string>

#include "base/strings.h"
#include "simulator/report.h"

namespace canopy {

inline std::string Bytes(const Histogram& histogram) {
  std::string bytes = Concat(histogram.count(), " ", histogram.sum());
  for (double q : {0.0, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0})
    bytes += Concat(" ", histogram.Quantile(q));
  return bytes + "\n";
}

inline std::string Bytes(const SimulationReport& report) {
  std::string bytes = Concat(report.seed, " ", report.queries, " ", report.ok, " ", report.partial,
                             " ", report.primary_calls, " ", report.retries, " ", report.hedges);
  bytes += Concat(" ", report.hedges_won, " ", report.hedges_cancelled, " ", report.hedges_failed,
                  " ", report.hedges_lost, " ", report.unhedged);
  bytes += Concat(" ", report.fetch_calls, " ", report.refused_calls, " ", report.busy, " ",
                  report.wasted, " ", report.busiest_leaf, " ", report.events, "\n");
  for (const auto& [name, count] : report.errors) bytes += Concat(name, " ", count, "\n");
  return bytes + Bytes(report.latency_us) + Bytes(report.queue_wait_us) +
         Bytes(report.leaf_time_us);
}

}  // namespace canopy

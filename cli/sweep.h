// `canopy bench sweep`: the same load on clusters of more and more leaves, calm and with
// stragglers, without and with hedging, beside what single calls predict and what cannot be beaten.
// This file has the order of the work and what comes of it; how one case is measured is handed in
// (sweep_runner.h measures real clusters, tests have scripts).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "cli/load_generator.h"
#include "cli/sweep_plan.h"
#include "cli/tail_model.h"

namespace canopy {

// The share of calls that a root hedges at most, by default (canopy-root's --hedge-budget): what
// the prediction with a hedge spends.
inline constexpr double kHedgeBudget = 0.05;

struct SweepOptions {
  SweepAxes axes = {};
  double qps = 0;
  uint32_t repeats = 1;
  // p99.9 is given from so many answered queries on: ten are slower.
  uint64_t min_queries = 10000;
};

// One load on one cluster.
struct CaseRun {
  LoadReport load;
  ClusterWork work;
};

// Measures a case for the n-th time (from 0). `clean`: not null where the limit is to be measured,
// too. CANCELLED: the user wants to stop.
using MeasureCase = std::function<absl::StatusOr<CaseRun>(const SweepCase& sweep_case,
                                                          uint32_t repeat, CleanTimes* clean)>;

// Microseconds at the quantiles that are plotted. p99.9 of too few queries is left out.
struct Tail {
  uint64_t p50_us = 0;
  uint64_t p99_us = 0;
  std::optional<uint64_t> p999_us;
};

// A case: each figure is the median over its repeats, but for what must not happen at all (partial
// answers, errors): of these it is the most.
struct SweepRow {
  SweepCase sweep_case;
  uint32_t repeats = 0;
  double offered_qps = 0;
  double achieved_qps = 0;
  uint64_t sent = 0, ok = 0, hedges = 0;
  uint64_t partial = 0, errors = 0;
  Tail measured;
  uint64_t p90_us = 0, p95_us = 0, max_us = 0;
  double extra_load = 0;
  double wasted_cpu_ratio = 0;
  // From single calls, if independent; with hedges, of the whole budget. Absent: calls without
  // hedging were not measured.
  std::optional<Tail> prediction;
  std::optional<Tail> limit;  // absent until it was measured

  // 0: there is no limit.
  double P99OverLimit() const;
};

// Measures all cases, leaf count by leaf count; within one, repeat by repeat, so that what changes
// on the machine meanwhile meets all cases. `on_rows` gets all rows so far after every case. Stops
// at the first error, which is returned; CANCELLED is one. REQUIRES: repeats >= 1.
absl::Status RunSweep(const SweepOptions& options, const MeasureCase& measure,
                      absl::FunctionRef<void(const std::vector<SweepRow>& rows)> on_rows);

// The row of a case with these runs. `calls`: the times of single calls without hedging, or null.
// REQUIRES: runs not empty.
SweepRow MakeRow(const SweepCase& sweep_case, const SweepOptions& options,
                 absl::Span<const CaseRun> runs, const Histogram* calls, const CleanTimes& clean);

// One step of the search for the capacity: the load `qps` is put on a cluster. Returns the answers
// a second.
using RampStep = absl::FunctionRef<absl::StatusOr<double>(double qps)>;
inline constexpr double kRampFirstQps = 25;
inline constexpr int kRampSteps = 13;  // each doubles: up to 102,400
// The most answers a second: doubles the load until a tenth of it is not answered in time.
absl::StatusOr<double> MeasureCapacity(RampStep step);
// At most 40 % of the capacity, a round number.
double QpsFor(double capacity_qps);

}  // namespace canopy

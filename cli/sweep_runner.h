// Measures the cases of a sweep (sweep.h) on real clusters of this machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "cli/sweep.h"
#include "cli/sweep_cluster.h"

namespace canopy {

// The ramp (MeasureCapacity) puts each load on the cluster for so long.
inline constexpr absl::Duration kRampStep = absl::Seconds(2);

struct SweepRunnerOptions {
  SweepClusterOptions cluster;
  std::vector<std::string> queries;
  LoadOptions load;  // of a case; its seed is that of the first repeat
  absl::Duration warm_up;
  // Of the replay that finds the limit: so many queries, drawn at random, one after the other, the
  // whole so many times, unless the time is over before that.
  size_t clean_queries = 1000;
  int clean_repeats = 5;
  absl::Duration clean_time = absl::Seconds(60);
};

// Thread safety: the main thread only. Lifetime: borrows nothing.
class SweepRunner final {
 public:
  // `wait_until` sleeps; false: the user wants to stop, and then everything returns CANCELLED soon.
  SweepRunner(SweepRunnerOptions options, WaitUntil wait_until);

  // As MeasureCase (sweep.h).
  absl::StatusOr<CaseRun> Measure(const SweepCase& sweep_case, uint32_t repeat, CleanTimes* clean);
  // Answers a second of a calm cluster of `leaves`.
  absl::StatusOr<double> Capacity(uint32_t leaves);
  // Of the cases that are measured from now on.
  void set_qps(double qps) { options_.load.qps = qps; }

 private:
  absl::StatusOr<LoadReport> Load(RemoteCluster& cluster, const LoadOptions& load) const;
  absl::Status WarmUp(RemoteCluster& cluster, double qps) const;
  absl::Status ReplayAlone(RemoteCluster& cluster, CleanTimes& clean) const;
  bool Stopped() const;

  SweepRunnerOptions options_;
  const WaitUntil wait_until_;
};

}  // namespace canopy

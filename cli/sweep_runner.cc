#include "cli/sweep_runner.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <utility>

#include "base/clock.h"
#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

constexpr absl::Duration kStatusTimeout = absl::Seconds(10);

absl::Status StoppedError() { return absl::CancelledError("stopped"); }

}  // namespace

SweepRunner::SweepRunner(SweepRunnerOptions options, WaitUntil wait_until)
    : options_(std::move(options)), wait_until_(std::move(wait_until)) {
  options_.load.request.set_trace(true);  // for the times of single calls
}

bool SweepRunner::Stopped() const { return !wait_until_(SteadyClock().Now()); }

absl::StatusOr<LoadReport> SweepRunner::Load(RemoteCluster& cluster,
                                             const LoadOptions& load) const {
  bool stopped = false;
  LoadReport report =
      RunLoad(cluster.client(), options_.queries, load, SteadyClock(), [&](absl::Time at) {
        stopped = stopped || !wait_until_(at);
        return !stopped;
      });
  if (stopped) return StoppedError();
  return report;
}

absl::Status SweepRunner::WarmUp(RemoteCluster& cluster, double qps) const {
  LoadOptions load = options_.load;
  load.qps = qps;
  load.duration = options_.warm_up;
  load.seed += 1'000'000;  // not the order that is measured
  return Load(cluster, load).status();
}

absl::StatusOr<CaseRun> SweepRunner::Measure(const SweepCase& sweep_case, uint32_t repeat,
                                             CleanTimes* clean) {
  SweepClusterOptions cluster_options = options_.cluster;
  cluster_options.repeat = repeat;
  ASSIGN_OR_RETURN(const auto cluster,
                   SweepCluster::Start(sweep_case, cluster_options, wait_until_));
  RemoteCluster& remote = cluster->remote();
  RETURN_IF_ERROR(WarmUp(remote, options_.load.qps));
  if (clean != nullptr) RETURN_IF_ERROR(ReplayAlone(remote, *clean));

  LoadOptions load = options_.load;
  load.seed += repeat;  // all cases of one repeat get the same queries at the same times
  ASSIGN_OR_RETURN(const v1::ClusterStatus before, remote.Status(kStatusTimeout));
  CaseRun run;
  ASSIGN_OR_RETURN(run.load, Load(remote, load));
  ASSIGN_OR_RETURN(const v1::ClusterStatus after, remote.Status(kStatusTimeout));
  run.work = WorkBetween(before, after);
  return run;
}

absl::Status SweepRunner::ReplayAlone(RemoteCluster& cluster, CleanTimes& clean) const {
  std::vector<size_t> sample(options_.queries.size());
  std::iota(sample.begin(), sample.end(), size_t{0});
  std::shuffle(sample.begin(), sample.end(), std::mt19937_64(options_.load.seed));
  sample.resize(std::min(sample.size(), options_.clean_queries));

  const absl::Time end = SteadyClock().Now() + options_.clean_time;
  for (int pass = 0; pass < options_.clean_repeats; ++pass) {
    for (const size_t query : sample) {
      if (Stopped()) return StoppedError();
      if (SteadyClock().Now() >= end) return absl::OkStatus();
      v1::SearchRequest request = options_.load.request;
      request.set_query_text(options_.queries[query]);
      const absl::Time start = SteadyClock().Now();
      absl::StatusOr<v1::SearchResponse> response =
          cluster.Search(std::move(request), options_.load.timeout);
      const absl::Duration took = SteadyClock().Now() - start;
      if (!response.ok()) {
        return Annotate(response.status(), Concat("query ", options_.queries[query]));
      }
      clean.Add(query, *response, static_cast<uint64_t>(absl::ToInt64Microseconds(took)));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<double> SweepRunner::Capacity(uint32_t leaves) {
  ASSIGN_OR_RETURN(const auto cluster, SweepCluster::Start({.leaves = leaves, .calm = true},
                                                           options_.cluster, wait_until_));
  RETURN_IF_ERROR(WarmUp(cluster->remote(), kRampFirstQps));
  return MeasureCapacity([&](double qps) -> absl::StatusOr<double> {
    LoadOptions load = options_.load;
    load.qps = qps;
    load.duration = kRampStep;
    load.arrivals = Arrivals::kFixed;
    ASSIGN_OR_RETURN(const LoadReport report, Load(cluster->remote(), load));
    return report.achieved_qps();
  });
}

}  // namespace canopy

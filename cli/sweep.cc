#include "cli/sweep.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status.h"

namespace canopy {
namespace {

// The middle one, or the lower one of the middle two.
template <typename Figure>
auto Median(absl::Span<const CaseRun> runs, const Figure& figure) {
  std::vector<decltype(figure(runs[0]))> values;
  for (const CaseRun& run : runs) values.push_back(figure(run));
  const auto middle = values.begin() + (values.size() - 1) / 2;
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

uint64_t MedianQuantile(absl::Span<const CaseRun> runs, double q) {
  return Median(runs, [q](const CaseRun& run) { return run.load.latency_us.Quantile(q); });
}

uint64_t ErrorsOf(const LoadReport& load) {
  uint64_t errors = 0;
  for (const auto& [status, count] : load.errors) errors += count;
  return errors;
}

bool IsUnhedged(const SweepCase& sweep_case) {
  return !sweep_case.calm && sweep_case.hedge != "on";
}

Tail Predict(const SweepCase& sweep_case, const Histogram& calls, uint64_t rest_us) {
  // Without another replica there is nobody to hedge with.
  const bool hedged = sweep_case.hedge == "on" && sweep_case.replicas > 1;
  const uint64_t delay_us = HedgeDelay(calls, kHedgeBudget);
  const auto at = [&](double p) {
    return rest_us + (hedged ? SlowestOfHedged(calls, p, sweep_case.leaves, delay_us)
                             : SlowestOf(calls, p, sweep_case.leaves));
  };
  return {at(0.5), at(0.99), at(0.999)};
}

// The cases of one leaf count, and what was measured of them.
class LeafGroup final {
 public:
  LeafGroup(const SweepOptions& options, uint32_t leaves)
      : options_(options), cases_(CasesWith(options.axes, leaves)), runs_(cases_.size()) {}

  const std::vector<SweepCase>& cases() const { return cases_; }
  CleanTimes& clean() { return clean_; }
  void Add(size_t index, CaseRun run) { runs_[index].push_back(std::move(run)); }

  // Of the cases that have a run.
  std::vector<SweepRow> Rows() const {
    std::vector<SweepRow> rows;
    for (size_t i = 0; i < cases_.size(); ++i) {
      if (runs_[i].empty()) continue;
      const std::optional<Histogram> calls = CallsFor(i);
      rows.push_back(MakeRow(cases_[i], options_, runs_[i], calls ? &*calls : nullptr, clean_));
    }
    return rows;
  }

 private:
  // Single calls as they are without hedging: the case's own, or those of its twin.
  std::optional<Histogram> CallsFor(size_t index) const {
    size_t source = index;
    if (!cases_[index].calm && !IsUnhedged(cases_[index])) {
      const auto twin = std::find_if(cases_.begin(), cases_.end(), [&](const SweepCase& other) {
        return IsUnhedged(other) && other.replicas == cases_[index].replicas;
      });
      if (twin == cases_.end()) return std::nullopt;
      source = static_cast<size_t>(twin - cases_.begin());
    }
    Histogram calls;
    for (const CaseRun& run : runs_[source]) calls.Merge(run.load.leaf_call_us);
    if (calls.count() == 0) return std::nullopt;
    return calls;
  }

  const SweepOptions& options_;
  const std::vector<SweepCase> cases_;
  std::vector<std::vector<CaseRun>> runs_;  // by case
  CleanTimes clean_;
};

}  // namespace

double SweepRow::P99OverLimit() const {
  if (!limit.has_value() || limit->p99_us == 0) return 0;
  return static_cast<double>(measured.p99_us) / static_cast<double>(limit->p99_us);
}

SweepRow MakeRow(const SweepCase& sweep_case, const SweepOptions& options,
                 absl::Span<const CaseRun> runs, const Histogram* calls, const CleanTimes& clean) {
  SweepRow row;
  row.sweep_case = sweep_case;
  row.repeats = static_cast<uint32_t>(runs.size());
  row.offered_qps = options.qps;
  row.achieved_qps = Median(runs, [](const CaseRun& run) { return run.load.achieved_qps(); });
  row.sent = Median(runs, [](const CaseRun& run) { return run.load.sent; });
  row.ok = Median(runs, [](const CaseRun& run) { return run.load.ok; });
  for (const CaseRun& run : runs) {
    row.partial = std::max(row.partial, run.load.partial);
    row.errors = std::max(row.errors, ErrorsOf(run.load));
  }
  row.hedges = Median(runs, [](const CaseRun& run) { return run.work.hedges; });
  row.extra_load = Median(runs, [](const CaseRun& run) { return run.work.extra_load(); });
  row.wasted_cpu_ratio =
      Median(runs, [](const CaseRun& run) { return run.work.wasted_cpu_ratio(); });
  row.measured.p50_us = MedianQuantile(runs, 0.5);
  row.p90_us = MedianQuantile(runs, 0.9);
  row.p95_us = MedianQuantile(runs, 0.95);
  row.measured.p99_us = MedianQuantile(runs, 0.99);
  if (row.ok >= options.min_queries) row.measured.p999_us = MedianQuantile(runs, 0.999);
  row.max_us = MedianQuantile(runs, 1);
  if (clean.queries() > 0) {
    const Histogram limits = clean.Limits();
    row.limit = Tail{limits.Quantile(0.5), limits.Quantile(0.99), limits.Quantile(0.999)};
    if (calls != nullptr) row.prediction = Predict(sweep_case, *calls, clean.RestUs());
  }
  return row;
}

absl::Status RunSweep(const SweepOptions& options, const MeasureCase& measure,
                      absl::FunctionRef<void(const std::vector<SweepRow>& rows)> on_rows) {
  std::vector<SweepRow> finished;
  for (const uint32_t leaves : options.axes.leaves) {
    LeafGroup group(options, leaves);
    for (uint32_t repeat = 0; repeat < options.repeats; ++repeat) {
      for (size_t i = 0; i < group.cases().size(); ++i) {
        const SweepCase& sweep_case = group.cases()[i];
        const bool wants_limit = sweep_case.calm && repeat == 0;
        ASSIGN_OR_RETURN(CaseRun run,
                         measure(sweep_case, repeat, wants_limit ? &group.clean() : nullptr));
        group.Add(i, std::move(run));
        std::vector<SweepRow> rows = finished;
        for (SweepRow& row : group.Rows()) rows.push_back(std::move(row));
        on_rows(rows);
      }
    }
    for (SweepRow& row : group.Rows()) finished.push_back(std::move(row));
  }
  return absl::OkStatus();
}

absl::StatusOr<double> MeasureCapacity(RampStep step) {
  double capacity = 0, offered = kRampFirstQps;
  for (int i = 0; i < kRampSteps; ++i, offered *= 2) {
    ASSIGN_OR_RETURN(const double achieved, step(offered));
    capacity = std::max(capacity, achieved);
    if (achieved < 0.9 * offered) break;
  }
  return capacity;
}

double QpsFor(double capacity_qps) {
  const double most = 0.4 * capacity_qps;
  if (most <= 0) return 0;
  const double unit = std::pow(10.0, std::floor(std::log10(most)) - 1);  // two digits are left
  return std::floor(most / unit + 1e-9) * unit;
}

}  // namespace canopy

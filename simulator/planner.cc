#include "simulator/planner.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/status.h"
#include "simulator/simulation.h"

namespace canopy {
namespace {

// Leaf calls of one run: large clusters get fewer queries.
constexpr uint64_t kMaxCalls = 600'000;
constexpr uint64_t kMinQueries = 4000;
// A cluster whose threads have to work more than this share of their time is not tried.
constexpr double kMaxUse = 0.97;
// Between two sizes that are tried at first.
constexpr double kStep = 1.3;
// Sizes and growth are found to within this ratio: less is lost in the luck of a run.
constexpr double kResolution = 1.03;
// Growth is looked at up to this factor.
constexpr double kMaxGrowth = 64;
// Leaves above this use are what a late query waits for.
constexpr double kBusy = 0.7;

class Planner final {
 public:
  Planner(const PlanRequest& request, const std::function<void(const PlanPoint&)>& progress)
      : request_(request), progress_(progress) {}

  absl::StatusOr<Plan> Make() {
    for (uint32_t replicas = request_.min_replicas; replicas <= request_.max_replicas; ++replicas) {
      for (HedgeMode hedge : request_.hedge_modes) {
        // There is nobody to ask a second time.
        if (replicas == 1 && hedge != request_.hedge_modes.front()) continue;
        RETURN_IF_ERROR(FindSmallest({.replicas = replicas, .hedge = hedge}));
      }
    }
    ChooseBest();
    if (plan_.best) {
      ASSIGN_OR_RETURN(plan_.load, FindLimit(&PlanPoint::qps));
      ASSIGN_OR_RETURN(plan_.docs, FindLimit(&PlanPoint::docs));
    }
    return std::move(plan_);
  }

 private:
  // Adds to plan_.tried the fewest shards that hold with these replicas and hedges, and others.
  absl::Status FindSmallest(PlanPoint point) {
    point.qps = request_.qps;
    point.docs = request_.docs;
    const uint32_t max_shards = request_.max_leaves / point.replicas;
    uint32_t fails = 0;  // shards
    uint32_t shards = FewestShardsForLoad(point, max_shards);
    double best_latency = HUGE_VAL;
    for (int worse = 0; shards <= max_shards && worse < 3;) {
      point.shards = shards;
      RETURN_IF_ERROR(TrySize(point));
      if (point.holds) return Narrow(point, fails);
      // More shards make less work for each leaf, and more leaves to wait for: at some point the
      // latter wins.
      worse = point.latency_us < 0.98 * best_latency ? 0 : worse + 1;
      best_latency = std::min(best_latency, point.latency_us);
      fails = shards;
      shards = std::max(shards + 1, static_cast<uint32_t>(std::lround(shards * kStep)));
    }
    return absl::OkStatus();
  }

  // Between `fails`, that does not hold, and the point, that does.
  absl::Status Narrow(PlanPoint point, uint32_t fails) {
    uint32_t holds = point.shards;
    while (fails > 0 && holds - fails > 1 && holds > kResolution * fails) {
      point.shards = fails + (holds - fails) / 2;
      RETURN_IF_ERROR(TrySize(point));
      (point.holds ? holds : fails) = point.shards;
    }
    return absl::OkStatus();
  }

  uint32_t FewestShardsForLoad(const PlanPoint& point, uint32_t max_shards) const {
    uint32_t shards = 1;
    while (shards <= max_shards) {
      const WorkModel work = WorkOf(point.docs, shards);
      const double nanos =
          (work.fixed + work.cost.Mean() * work.shard_factor.Mean() * work.ns_per_posting) *
          work.call_factor.Mean();
      const double use =
          point.qps * nanos / kNanosPerSecond / (point.replicas * request_.threads_per_leaf);
      if (use <= kMaxUse) break;
      shards = std::max(shards + 1, static_cast<uint32_t>(shards * std::min(use, 2.0)));
    }
    return shards;
  }

  WorkModel WorkOf(double docs, uint32_t shards) const {
    WorkModel work = request_.work;
    work.cost = work.cost.Scaled(docs / shards / request_.docs_of_work);
    return work;
  }

  absl::Status TrySize(PlanPoint& point) {
    RETURN_IF_ERROR(Try(point));
    plan_.tried.push_back(point);
    return absl::OkStatus();
  }

  // Simulates the cluster and judges it.
  absl::Status Try(PlanPoint& point) {
    SimulationOptions options;
    options.seed = request_.seed;
    options.cluster = {.shards = point.shards,
                       .leaves = point.shards,
                       .replicas = point.replicas,
                       .search_threads = request_.threads_per_leaf};
    options.work = WorkOf(point.docs, point.shards);
    options.query = request_.query;
    options.steering = {.hedge = point.hedge, .hedge_budget = request_.hedge_budget};
    options.load = {{.at = 0, .qps = point.qps}};
    options.queries = std::clamp(kMaxCalls / point.shards, std::min(kMinQueries, request_.queries),
                                 request_.queries);
    RETURN_IF_ERROR(CheckOptions(options));
    ASSIGN_OR_RETURN(const SimulationReport report, Simulation(options).Run());
    Judge(report, point);
    progress_(point);
    return absl::OkStatus();
  }

  void Judge(const SimulationReport& report, PlanPoint& point) const {
    const double objective_us = static_cast<double>(request_.objective.latency) / 1000;
    const double answered = static_cast<double>(report.ok);
    // Failed queries are the latest: the quantile lies so much further up among the answered.
    const double q = request_.objective.quantile * static_cast<double>(report.queries);
    point.latency_us = q <= answered && answered > 0
                           ? static_cast<double>(report.latency_us.Quantile(q / answered))
                           : static_cast<double>(request_.query.timeout) / 1000;
    point.failed_share = report.failed_ratio();
    point.holds = q <= answered && point.latency_us <= objective_us;
    point.busiest_leaf = report.busiest_leaf;
    point.extra_load = report.extra_load();
  }

  void ChooseBest() {
    std::vector<PlanPoint> holding;
    for (const PlanPoint& point : plan_.tried) {
      if (point.holds) holding.push_back(point);
    }
    std::sort(holding.begin(), holding.end(), [](const PlanPoint& a, const PlanPoint& b) {
      return std::pair(a.processes(), a.latency_us) < std::pair(b.processes(), b.latency_us);
    });
    if (holding.empty()) return;
    plan_.best = holding.front();
    // The same cluster with other hedges, or with one shard more, is no alternative.
    const auto other = std::find_if(holding.begin(), holding.end(), [&](const PlanPoint& point) {
      return point.replicas != plan_.best->replicas;
    });
    if (other != holding.end()) {
      plan_.runner_up = *other;
    } else if (holding.size() > 1) {
      plan_.runner_up = holding[1];
    }
  }

  // How far one value of the best plan may grow. Nothing: further than is looked at.
  absl::StatusOr<std::optional<Limit>> FindLimit(double PlanPoint::*value) {
    Limit limit;
    limit.factor = 1;
    double factor = kStep;
    double beyond = 0;
    while (beyond == 0 || beyond / limit.factor > kResolution) {
      if (factor > kMaxGrowth) return std::nullopt;
      PlanPoint point = *plan_.best;
      point.*value *= factor;
      RETURN_IF_ERROR(Try(point));
      if (point.holds) {
        limit.factor = factor;
      } else {
        beyond = factor;
        limit.beyond = point;
        limit.by_load = point.busiest_leaf > kBusy;
      }
      factor = beyond == 0 ? factor * kStep : std::sqrt(limit.factor * beyond);
    }
    return limit;
  }

  const PlanRequest& request_;
  const std::function<void(const PlanPoint&)>& progress_;
  Plan plan_;
};

}  // namespace

absl::StatusOr<Plan> MakePlan(const PlanRequest& request,
                              const std::function<void(const PlanPoint&)>& progress) {
  return Planner(request, progress).Make();
}

}  // namespace canopy

// How many leaf processes does it take? Sweeps shards, replicas and hedging in the simulator for
// the cheapest cluster that holds a latency objective under a load, and finds out what gives way
// first when load or corpus grow.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "simulator/options.h"

namespace canopy {

struct Objective {
  double quantile = 0.99;  // of all queries; failed ones count as late
  Nanos latency = 0;
};

struct PlanRequest {
  Objective objective;
  double qps = 0;
  double docs = 0;
  // Its cost is that of a shard of so many documents; it grows with them.
  WorkModel work;
  double docs_of_work = 0;
  QueryShape query;
  uint32_t min_replicas = 1;
  uint32_t max_replicas = 3;
  uint32_t max_leaves = 1024;  // processes of all replicas
  uint32_t threads_per_leaf = 1;
  std::vector<HedgeMode> hedge_modes;  // not empty
  double hedge_budget = 0.05;
  uint64_t queries = 20'000;  // at most, of one simulated run
  uint64_t seed = 1;
};

// One cluster, tried.
struct PlanPoint {
  uint32_t shards = 0;  // and leaf processes of a replica
  uint32_t replicas = 0;
  HedgeMode hedge = HedgeMode::kOff;
  double qps = 0;
  double docs = 0;
  double latency_us = 0;    // at the objective's quantile
  double failed_share = 0;  // of all queries
  double busiest_leaf = 0;
  double extra_load = 0;
  bool holds = false;

  uint32_t processes() const { return shards * replicas; }
};

// Where the best plan gives way when one thing grows.
struct Limit {
  double factor = 0;     // the greatest that was seen to hold
  PlanPoint beyond;      // just above
  bool by_load = false;  // its leaves are busy; else single queries are too slow
};

struct Plan {
  std::optional<PlanPoint> best;
  std::optional<PlanPoint> runner_up;
  std::optional<Limit> load;  // of the best
  std::optional<Limit> docs;
  std::vector<PlanPoint> tried;  // under the load and with the documents that were asked for
};

// INTERNAL: the simulation broke an invariant. Without `best`: nothing within the limits holds.
// `progress` is told of every cluster that was tried.
absl::StatusOr<Plan> MakePlan(const PlanRequest& request,
                              const std::function<void(const PlanPoint&)>& progress);

}  // namespace canopy

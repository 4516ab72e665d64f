// What one root has learned from the queries before, and what all its queries share: loads of
// leaves, how long calls take, what queries cost, the budget for extra calls, how many queries the
// leaves can take, and totals. A query's
// session reads it to choose replicas and to decide on hedges, and adds what it sees. Pure data, as
// the session: production and simulation use the same.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>

#include "root/byte_budget.h"
#include "root/hedge_budget.h"
#include "root/latency_estimates.h"
#include "root/leaf_loads.h"
#include "root/query_limit.h"

namespace canopy {

// kShadow counts what would be hedged and sends nothing.
enum class HedgeMode : uint8_t { kOff, kShadow, kOn };
constexpr std::string_view HedgeModeName(HedgeMode mode) {
  return mode == HedgeMode::kOff ? "off" : mode == HedgeMode::kShadow ? "shadow" : "on";
}

struct SteeringOptions {
  HedgeMode hedge = HedgeMode::kOn;
  double hedge_budget = 0.05;  // extra calls for each primary call
  // No hedges while more than this share of the leaves is slow: that is overload, and not a
  // straggler.
  double max_slow_share = 0.5;
};

// Over all queries.
struct SessionCounters {
  uint64_t primary_calls = 0;
  uint64_t retry_calls = 0;
  uint64_t fetch_calls = 0;  // all kinds
  uint64_t late_replies = 0;
  uint64_t wrong_generation_replies = 0;

  // Calls of ATTEMPT_KIND_HEDGE and FETCH_HEDGE, and what became of them: answered first, answered
  // after, cancelled because another did, failed.
  uint64_t hedge_calls = 0;
  uint64_t hedges_won = 0;
  uint64_t hedges_lost = 0;
  uint64_t hedges_cancelled = 0;
  uint64_t hedges_failed = 0;
  // Calls that were late and not hedged: mode shadow; or why.
  uint64_t shadow_hedges = 0;
  uint64_t unhedged_no_replica = 0;  // none is ready and untried
  uint64_t unhedged_budget = 0;
  uint64_t unhedged_slow_cluster = 0;
  uint64_t unhedged_refused = 0;  // the other replica said RESOURCE_EXHAUSTED
  uint64_t unhedged_failing = 0;  // HedgeBudget::hedges_fail

  uint64_t unretried_budget = 0;
  // Shards that were not waited for, because no document of theirs could be among the hits.
  uint64_t shards_not_needed = 0;
  // Time of calls whose result was of no use, from their start to their end or cancellation.
  uint64_t wasted_cancelled_us = 0;  // another replica was first, or the query was over
  uint64_t wasted_lost_us = 0;       // answered, after another
};

// What queries cost, for those that come again: cost units a shard, by the hash of the query. A
// direct-mapped table: a query takes the place of another. Thread safety: one thread.
class CostHints final {
 public:
  // 0: not known.
  uint64_t CostAShard(uint64_t query_hash) const {
    const Entry& entry = entries_[query_hash % kEntries];
    return entry.hash == query_hash ? entry.cost : 0;
  }
  void Learn(uint64_t query_hash, uint64_t cost_a_shard) {
    entries_[query_hash % kEntries] = {query_hash, cost_a_shard};
    mean_ += (static_cast<double>(cost_a_shard) - mean_) / kMeanOf;
  }
  // Of a query that is not known; at least 1.
  uint64_t MeanCostAShard() const { return static_cast<uint64_t>(mean_) + 1; }

 private:
  static constexpr size_t kEntries = 4096;
  static constexpr double kMeanOf = 64;  // queries, exponentially
  struct Entry {
    uint64_t hash = 0;
    uint64_t cost = 0;
  };
  std::array<Entry, kEntries> entries_{};
  double mean_ = 0;
};

// Thread safety: one thread.
struct Steering {
  explicit Steering(
      SteeringOptions options = {},
      std::shared_ptr<ByteBudget> result_bytes = std::make_shared<ByteBudget>(kDefaultResultBytes))
      : options(options), budget(options.hedge_budget), result_bytes(std::move(result_bytes)) {}

  const SteeringOptions options;
  LeafLoads loads;
  LatencyEstimates search_latency;
  LatencyEstimates fetch_latency;
  HedgeBudget budget;
  // Connections to leaves take from it too, and may outlive this.
  const std::shared_ptr<ByteBudget> result_bytes;
  QueryLimit query_limit;
  CostHints costs;
  SessionCounters counters;
};

}  // namespace canopy

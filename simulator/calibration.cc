#include "simulator/calibration.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/strings.h"

namespace canopy {
namespace {

constexpr double kNanosPerMicrosecond = 1000;
// Queries and leaves; with fewer, a line is a guess.
constexpr size_t kLeastPointsOfAFit = 10;

// What one leaf takes for one query, in nanoseconds and for each of its shards.
struct CleanTime {
  double nanos = std::numeric_limits<double>::infinity();
  double postings = 0;
};
// By query, then by the shards of the leaf (replicas of a leaf count as one).
using CleanTimes = std::map<size_t, std::map<std::vector<ShardId>, CleanTime>>;

bool IsUsable(const v1::Attempt& attempt) {
  return attempt.kind() == v1::ATTEMPT_KIND_PRIMARY &&
         attempt.outcome() == v1::ATTEMPT_OUTCOME_WON && attempt.shards_size() > 0;
}

std::vector<ShardId> ShardsOf(const v1::Attempt& attempt) {
  return {attempt.shards().begin(), attempt.shards().end()};
}

CleanTimes FindCleanTimes(const std::vector<TracedQuery>& traces) {
  CleanTimes clean;
  for (const TracedQuery& trace : traces) {
    for (const v1::Attempt& attempt : trace.response.attempts()) {
      if (!IsUsable(attempt)) continue;
      CleanTime& time = clean[trace.query][ShardsOf(attempt)];
      const double shards = attempt.shards_size();
      time.nanos = std::min(
          time.nanos, static_cast<double>(attempt.execution_us()) * kNanosPerMicrosecond / shards);
      time.postings = static_cast<double>(attempt.cost()) / shards;
    }
  }
  return clean;
}

// By least squares; a line that begins below 0 begins at 0.
CostFit FitLine(const CleanTimes& clean) {
  double n = 0, sum_x = 0, sum_y = 0, sum_xx = 0, sum_xy = 0, sum_yy = 0;
  for (const auto& [query, leaves] : clean) {
    for (const auto& [shards, time] : leaves) {
      n += 1;
      sum_x += time.postings;
      sum_y += time.nanos;
      sum_xx += time.postings * time.postings;
      sum_xy += time.postings * time.nanos;
      sum_yy += time.nanos * time.nanos;
    }
  }
  CostFit fit{.points = static_cast<size_t>(n)};
  const double xx = n * sum_xx - sum_x * sum_x;
  if (n < kLeastPointsOfAFit || xx <= 0) return fit;
  fit.ns_per_posting = (n * sum_xy - sum_x * sum_y) / xx;
  fit.fixed_ns = (sum_y - fit.ns_per_posting * sum_x) / n;
  if (fit.fixed_ns < 0) {
    fit.fixed_ns = 0;
    fit.ns_per_posting = sum_xy / sum_xx;
  }
  const double a = fit.fixed_ns, b = fit.ns_per_posting;
  const double residual =
      sum_yy + n * a * a + b * b * sum_xx - 2 * a * sum_y - 2 * b * sum_xy + 2 * a * b * sum_x;
  const double variance = sum_yy - sum_y * sum_y / n;
  if (variance > 0) fit.r_squared = std::max(0.0, 1 - residual / variance);
  return fit;
}

double LeastTime(const CleanTimes& clean) {
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [query, leaves] : clean) {
    for (const auto& [shards, time] : leaves) least = std::min(least, time.nanos);
  }
  return least;
}

// The costs that make the model's times the measured ones, and how shards differ from their query's
// mean.
void SetCosts(const CleanTimes& clean, WorkModel& work) {
  std::vector<double> costs;
  std::vector<std::pair<double, double>> factors;  // the query's cost, the shard's factor
  for (const auto& [query, leaves] : clean) {
    double mean = 0;
    for (const auto& [shards, time] : leaves)
      mean += time.nanos / static_cast<double>(leaves.size());
    const double cost = std::max(0.0, mean - work.fixed) / work.ns_per_posting;
    costs.push_back(cost);
    for (const auto& [shards, time] : leaves) {
      if (cost <= 0) continue;
      factors.emplace_back(cost,
                           std::max(0.0, time.nanos - work.fixed) / work.ns_per_posting / cost);
    }
  }
  work.cost = Distribution::MeasuredValues(costs);
  if (factors.empty()) return;
  // Factors of cheap queries are the clock's resolution rather than the shards' differences.
  std::sort(factors.begin(), factors.end());
  std::vector<double> of_heavy_ones;
  for (size_t i = factors.size() / 2; i < factors.size(); ++i) {
    of_heavy_ones.push_back(factors[i].second);
  }
  work.shard_factor = Distribution::MeasuredValues(of_heavy_ones);
}

// What calls took beyond their clean time. The least of it is the wire, the rest hits calls by
// luck.
void SetDelays(const std::vector<TracedQuery>& traces, const CleanTimes& clean,
               Calibration& calibration) {
  std::vector<double> delays;
  for (const TracedQuery& trace : traces) {
    for (const v1::Attempt& attempt : trace.response.attempts()) {
      const bool search = attempt.kind() <= v1::ATTEMPT_KIND_RETRY;
      calibration.censored_calls += search && attempt.outcome() != v1::ATTEMPT_OUTCOME_WON ? 1 : 0;
      if (!IsUsable(attempt)) continue;
      const double work = clean.at(trace.query).at(ShardsOf(attempt)).nanos * attempt.shards_size();
      const double took = static_cast<double>(attempt.duration_us()) * kNanosPerMicrosecond;
      delays.push_back(std::max(0.0, took - work));
    }
  }
  calibration.calls = delays.size();
  const double wire = *std::min_element(delays.begin(), delays.end());
  for (double& delay : delays) delay -= wire;
  calibration.work.wire = Distribution::Fixed(wire);
  calibration.work.straggler_share = 1;
  calibration.work.straggler_delay = Distribution::MeasuredValues(delays);
}

// The time of the root and the client, and of the fetches of stored fields.
void SetRootAndFetch(const std::vector<TracedQuery>& traces, double wire, WorkModel& work) {
  std::vector<double> root, fetches;
  for (const TracedQuery& trace : traces) {
    const v1::Ledger& ledger = trace.response.ledger();
    const uint64_t leaves_us = ledger.wire_us() + ledger.leaf_queue_us() +
                               ledger.leaf_execution_us() + ledger.wait_for_slowest_us() +
                               ledger.fetch_us();
    const uint64_t root_us = trace.client_us - std::min(trace.client_us, leaves_us);
    root.push_back(static_cast<double>(root_us) * kNanosPerMicrosecond);
    for (const v1::Attempt& attempt : trace.response.attempts()) {
      if (attempt.kind() != v1::ATTEMPT_KIND_FETCH) continue;
      const double took = static_cast<double>(attempt.duration_us()) * kNanosPerMicrosecond;
      fetches.push_back(std::max(0.0, took - wire));
    }
  }
  work.root = Distribution::MeasuredValues(root);
  if (!fetches.empty()) work.fetch = Distribution::MeasuredValues(fetches);
}

}  // namespace

absl::StatusOr<Calibration> Calibrate(const std::vector<TracedQuery>& traces) {
  const CleanTimes clean = FindCleanTimes(traces);
  if (clean.empty()) {
    return absl::InvalidArgumentError(
        Concat("none of ", traces.size(), " traces has a search call that was answered"));
  }
  Calibration calibration;
  calibration.queries = clean.size();
  for (const auto& [query, leaves] : clean) {
    calibration.leaves = std::max(calibration.leaves, static_cast<uint32_t>(leaves.size()));
  }
  calibration.shards = traces.front().response.coverage().shards_total();
  calibration.fit = FitLine(clean);
  calibration.costs_known = calibration.fit.ns_per_posting > 0;
  if (!calibration.costs_known) {
    calibration.fit.fixed_ns = LeastTime(clean);
    calibration.fit.ns_per_posting = 1;
  }
  calibration.work.fixed = calibration.fit.fixed_ns;
  calibration.work.ns_per_posting = calibration.fit.ns_per_posting;
  SetCosts(clean, calibration.work);
  SetDelays(traces, clean, calibration);
  SetRootAndFetch(traces, calibration.work.wire.Mean(), calibration.work);
  return calibration;
}

}  // namespace canopy

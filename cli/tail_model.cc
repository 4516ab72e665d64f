#include "cli/tail_model.h"

#include <algorithm>
#include <cmath>

namespace canopy {
namespace {

// The share of calls that may be slower than t when all of `leaves` are to be faster with `p`.
double AllowedAbove(double p, uint32_t leaves) { return 1 - std::pow(p, 1.0 / leaves); }

// The time in which the answer waited for leaves, as the ledger splits it up.
uint64_t WaitingUs(const v1::Ledger& ledger) {
  return ledger.wire_us() + ledger.leaf_queue_us() + ledger.leaf_execution_us() +
         ledger.wait_for_slowest_us();
}

}  // namespace

bool IsUsedSearch(const v1::Attempt& attempt) {
  return attempt.outcome() == v1::ATTEMPT_OUTCOME_WON && attempt.kind() <= v1::ATTEMPT_KIND_RETRY;
}

uint64_t SlowestOf(const Histogram& calls, double p, uint32_t leaves) {
  return calls.Quantile(std::pow(p, 1.0 / leaves));
}

uint64_t SlowestOfHedged(const Histogram& calls, double p, uint32_t leaves, uint64_t delay) {
  const double allowed = AllowedAbove(p, leaves);
  const auto share_above = [&](uint64_t t) {
    const double first = calls.ShareAbove(t);
    return t < delay ? first : first * calls.ShareAbove(t - delay);
  };
  uint64_t low = 0, high = calls.max();  // share_above falls with t and is 0 at the maximum
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    if (share_above(middle) <= allowed) {
      high = middle;
    } else {
      low = middle + 1;
    }
  }
  return low;
}

uint64_t HedgeDelay(const Histogram& calls, double extra_load) {
  return calls.Quantile(std::clamp(1 - extra_load, 0.0, 1.0));
}

void CleanTimes::Add(size_t query, const v1::SearchResponse& response, uint64_t client_us) {
  Clean& clean = queries_[query];
  for (const v1::Attempt& attempt : response.attempts()) {
    if (!IsUsedSearch(attempt) || attempt.shards().empty()) continue;
    const auto [place, is_new] =
        clean.call_us.try_emplace(attempt.shards(0), attempt.duration_us());
    if (!is_new) place->second = std::min<uint64_t>(place->second, attempt.duration_us());
  }
  const uint64_t waiting_us = WaitingUs(response.ledger());
  clean.rest_us = std::min(clean.rest_us, client_us - std::min(client_us, waiting_us));
}

Histogram CleanTimes::Limits() const {
  Histogram limits;
  for (const auto& [query, clean] : queries_) {
    uint64_t slowest_us = 0;
    for (const auto& [shard, us] : clean.call_us) slowest_us = std::max(slowest_us, us);
    limits.Record(slowest_us + clean.rest_us);
  }
  return limits;
}

uint64_t CleanTimes::RestUs() const {
  Histogram rest;
  for (const auto& [query, clean] : queries_) rest.Record(clean.rest_us);
  return rest.Quantile(0.5);
}

}  // namespace canopy

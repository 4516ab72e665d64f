// How slow a query over N leaves has to be, from how slow single calls to leaves are: what `canopy
// bench sweep` prints beside what it measured. Pure.
//
// A query is as slow as the slowest of its calls. With F the distribution of one call's time, S = 1
// - F, and independent calls, the p-quantile of the slowest of N is F^-1(p^(1/N)) (Dean and
// Barroso, "The tail at scale", CACM 56(2), 2013). With one hedge d after each call, on a leaf that
// is slow independently, a call takes longer than t with S_h(t) = S(t) for t < d and S(t) S(t - d)
// from there, at an extra load of S(d).
//
// F mixes cheap and costly queries, though a costly one is slow on all its leaves at once: for a
// mixed load the formula predicts more than is measured. So what cannot be beaten is measured query
// by query instead: CleanTimes.
#pragma once

#include <cstdint>
#include <map>

#include "base/histogram.h"
#include "canopy/v1/search.pb.h"

namespace canopy {

// A call that asked shards for the first time, or in place of such a call, and whose answer was
// used.
bool IsUsedSearch(const v1::Attempt& attempt);

// In the unit of `calls`; 0 when that is empty. REQUIRES: 0 <= p <= 1, leaves >= 1.
uint64_t SlowestOf(const Histogram& calls, double p, uint32_t leaves);
// With a hedge `delay` after each call.
uint64_t SlowestOfHedged(const Histogram& calls, double p, uint32_t leaves, uint64_t delay);
// The delay after which a share of `extra_load` of the calls are hedged.
uint64_t HedgeDelay(const Histogram& calls, double extra_load);

// What queries take when nothing disturbs them, from answers to each asked several times, alone,
// of a calm cluster: every leaf's shortest call, the largest of those, and what the rest of the way
// took at least (root, merge, fetch, client). Thread safety: none.
class CleanTimes final {
 public:
  // `query`: any number, the same for the same query. `client_us`: as its caller measured it.
  // REQUIRES: the answer has a trace and a ledger.
  void Add(size_t query, const v1::SearchResponse& response, uint64_t client_us);

  size_t queries() const { return queries_.size(); }
  // By query: the clean time of a query as its caller sees it.
  Histogram Limits() const;
  // The median over the queries of what is not waiting for leaves.
  uint64_t RestUs() const;

 private:
  struct Clean {
    std::map<uint32_t, uint64_t> call_us;  // by the first shard that the leaf was asked for
    uint64_t rest_us = UINT64_MAX;
  };
  std::map<size_t, Clean> queries_;
};

}  // namespace canopy

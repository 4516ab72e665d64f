// Decides, for the calls of one scatter, which of them are late and shall be sent to another
// replica as well. Pure, as QuerySession (query_session.h), which asks it at each of its events.
//
// A call is late when it has been out for longer than
//   min(p99, max(1 ms, 2 x median of the calls of this query that have been answered))
// or, while less than half of them have been answered or where there are less than four, for
// longer than max(1 ms, p95); p95 and p99 of calls of its shard and cost class
// (latency_estimates.h). Relative to its siblings, because the cost of queries varies more than
// leaves do: a heavy query is slow everywhere, and hedging it everywhere helps nobody. For the same
// reason that time grows with every call but two that has not been answered: by the part that it is
// of what the scatter's calls add to the budget, or by one where that is less. While many are out
// the late ones cannot be told from the others, which answer soon. And it grows with the tokens
// that are missing (HedgeBudget::Patience).
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "root/cluster_view.h"
#include "root/scatter.h"
#include "root/steering.h"

namespace canopy {

// Thread safety: one thread. Lifetime: borrows everything. `now` never goes back.
class Hedger final {
 public:
  static constexpr absl::Duration kFloor = absl::Milliseconds(1);
  static constexpr double kTimesMedian = 2;
  // So many late calls of a query are hedged without waiting for longer.
  static constexpr size_t kLateTogether = 2;
  static constexpr size_t kMinSiblings = 4;
  // Of a call that nothing is known of.
  static constexpr absl::Duration kDefaultDelay = absl::Milliseconds(100);

  Hedger(const ClusterView& view, Steering& steering, LatencyEstimates& latency, Scatter& scatter,
         const std::vector<LeafCall>& calls);

  // A call of the scatter has been answered.
  void OnAnswered(CallId call);
  // Asks the scatter for hedges of what is late; they start with its next StartCalls(). Returns
  // when to look again.
  absl::Time Look(absl::Time now);

 private:
  // Calls are gone over when this changes, when one may be late, when there are new ones, and when
  // patience has shrunk.
  enum class Stage : uint8_t { kNoneAnswered, kSome, kHalf };
  struct CallCheck {
    bool hedged = false;
    absl::Time not_before = absl::InfinitePast();  // after it was late, and something in the way
  };

  Stage StageNow() const;
  absl::Time Check(CallId id, CallCheck& check, absl::Time now);
  absl::Duration DelayOf(const LeafCall& call, absl::Time now) const;
  double Patience() const;
  uint64_t* Hedge(const LeafCall& call, absl::Time now);
  bool Send(const std::vector<std::pair<ShardId, size_t>>& targets);

  const ClusterView& view_;
  Steering& steering_;
  LatencyEstimates& latency_;
  Scatter& scatter_;
  const std::vector<LeafCall>& calls_;
  std::vector<absl::Duration> answered_;  // times of calls that were answered, ascending
  std::vector<CallCheck> checks_;         // by place in scatter_.calls()
  double patience_ = 1;                   // when the calls were gone over
  Stage stage_ = Stage::kNoneAnswered;
  absl::Time next_ = absl::InfinitePast();
};

}  // namespace canopy

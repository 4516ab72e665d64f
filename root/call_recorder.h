// Tells Steering of the calls of one scatter as they start and end: what is in flight, how long it
// took, what failed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/types.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"
#include "root/steering.h"

namespace canopy {

// The place of a call in the query's list of calls.
using CallId = uint32_t;

// One call to one leaf process, with all the shards asked of it.
struct LeafCall {
  LeafIndex leaf = 0;
  uint32_t replica = 0;
  v1::AttemptKind kind = v1::ATTEMPT_KIND_PRIMARY;
  std::vector<ShardId> shards = {};
  // Of searches: hits asked for of each shard, and the least score of those.
  uint32_t k = 0;
  double score_threshold = 0;
  absl::Time sent;
  absl::Time ended = {};
  bool in_flight = true;
  size_t wanted = 0;  // of its shards, those whose answer is still waited for
  // Cost units over its shards, 0 where that is not known, and what was assumed then.
  uint64_t cost = 0;
  uint64_t assumed_cost = 0;
  v1::AttemptOutcome outcome = v1::ATTEMPT_OUTCOME_UNSPECIFIED;
  std::string reason = {};  // of an outcome that is not WON
  bool refused = false;     // by the leaf, for load
  uint64_t queue_us = 0;
  uint64_t execution_us = 0;
};

// For QueryLimit.
QueryLimit::Outcome OutcomeOf(const absl::Status& result, absl::Span<const LeafCall> calls);
bool IsHedge(v1::AttemptKind kind);
bool IsFetch(v1::AttemptKind kind);

// Thread safety: one thread. Lifetime: borrows all.
class CallRecorder final {
 public:
  CallRecorder(const ClusterView& view, Steering& steering, LatencyEstimates& latency)
      : view_(view), steering_(steering), latency_(latency) {}

  void Started(const LeafCall& call);
  // The call has been ended (`ended` is set) by a reply that could be used, by an error, or because
  // nobody waits for it any more. A failed call counts as one that took until `deadline`.
  void Answered(const LeafCall& call, const v1::LeafLoad& load);
  void Failed(const LeafCall& call, const absl::Status& why, absl::Time deadline);
  void Cancelled(const LeafCall& call);

 private:
  LeafSlot SlotOf(const LeafCall& call) const { return view_.leaves[call.leaf].slot; }
  LeafLoads::Ended Ended(const LeafCall& call, absl::Duration took);

  const ClusterView& view_;
  Steering& steering_;
  LatencyEstimates& latency_;
};

}  // namespace canopy

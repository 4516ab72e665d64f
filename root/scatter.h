// The bookkeeping of one scatter: for each shard which replicas were tried, by which calls, and
// what came of it. A query has two: its searches, and the fetches of the winners' stored fields.
// Pure data, as QuerySession (query_session.h), which drives it: no thread, lock, clock or network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/types.h"
#include "canopy/v1/search.pb.h"
#include "root/call_recorder.h"
#include "root/cluster_view.h"
#include "root/replica_chooser.h"
#include "root/steering.h"

namespace canopy {

// Whether another replica may do better: not after an error that is the query's own, that says that
// nobody wants the answer, or that time is up.
bool MayRetry(absl::StatusCode code);

// Thread safety: one thread. Lifetime: borrows view, steering, latency and calls.
class Scatter final {
 public:
  enum class State : uint8_t { kUnwanted, kPending, kAnswered, kFailed, kNotNeeded };

  struct Options {
    v1::AttemptKind first_kind = v1::ATTEMPT_KIND_PRIMARY;
    v1::AttemptKind retry_kind = v1::ATTEMPT_KIND_RETRY;
    v1::AttemptKind hedge_kind = v1::ATTEMPT_KIND_HEDGE;
    absl::Time deadline = {};   // of its calls
    uint64_t cost_a_shard = 0;  // of this query; 0: not known
    uint64_t assumed_cost = 0;  // of a shard, where that is not known
  };

  // New calls are appended to `calls`.
  Scatter(const ClusterView& view, ReplicaChooser chooser, Steering& steering,
          LatencyEstimates& latency, Options options, std::vector<LeafCall>& calls);

  // Asks for a shard: of the replica that the chooser picks (none: the shard fails at once), or of
  // a given one.
  void Want(ShardId shard, absl::Time now);
  void WantFrom(ShardId shard, LeafIndex leaf, uint32_t replica);
  // Asks for an answered shard again, first of the replica that answered. REQUIRES: finished, but
  // for other shards of which this was asked.
  void WantMore(ShardId shard);
  // The replica that a shard could be asked of as well. nullopt: none is left.
  std::optional<size_t> ChooseOther(ShardId shard, absl::Time now) const;
  // Asks for it there too. REQUIRES: pending, not hedged before; `place` is from ChooseOther.
  void Hedge(ShardId shard, size_t place);
  // Starts what was asked for since the last time, one call a leaf process. Returns the new calls.
  std::vector<CallId> StartCalls(absl::Time now);

  // The reply of `call` has come. Its shards' results follow, then Answered or Failed.
  void EndCall(CallId call, absl::Time now);
  // False: the shard has its answer already, or is not needed any more.
  bool Answer(CallId call, ShardId shard);
  // Waits for other calls that are out for the shard, or tries another replica, once, where that
  // may help; else the shard has failed.
  void Fail(CallId call, ShardId shard, const absl::Status& why, absl::Time now);
  // Records how the call ended.
  void Answered(CallId call, const v1::LeafLoad& load) { recorder_.Answered(calls_[call], load); }
  void Failed(CallId call, const absl::Status& why);
  // The answer of a pending shard is not needed.
  void Drop(ShardId shard);
  // The calls in flight that no shard waits for any more, now ended as cancelled.
  std::vector<CallId> CancelIdle(absl::Time now);
  // Pending shards fail, nothing more is started. Returns the calls in flight, now ended as
  // cancelled.
  std::vector<CallId> GiveUp(const absl::Status& why, absl::Time now);

  // Learned from answers; 0: not known.
  void SetCostAShard(uint64_t cost) { cost_a_shard_ = cost; }
  uint64_t cost_a_shard() const { return cost_a_shard_; }
  // Cost units over the call's shards; 0: not known.
  uint64_t CostOf(const LeafCall& call) const { return cost_a_shard_ * call.shards.size(); }

  bool MayHedge(ShardId shard) const {
    return shards_[shard].state == State::kPending && !shards_[shard].hedged;
  }
  bool finished() const { return pending_ == 0; }
  State state(ShardId shard) const { return shards_[shard].state; }
  // The call that answered. REQUIRES: answered.
  CallId answered_by(ShardId shard) const { return shards_[shard].answered_by; }
  // Why a shard failed.
  const absl::Status& failure(ShardId shard) const { return shards_[shard].failure; }
  // All calls of this scatter, in the order of their start; of them, those of the first kind.
  const std::vector<CallId>& calls() const { return started_; }
  size_t first_calls() const { return first_calls_; }

 private:
  struct Shard {
    State state = State::kUnwanted;
    bool retried = false;
    bool hedged = false;
    uint8_t wishes = 0;  // not yet started
    CallId answered_by = 0;
    absl::InlinedVector<CallId, 2> calls;
    absl::InlinedVector<LeafIndex, 2> tried;
    absl::Status failure;
  };
  struct Wish {
    v1::AttemptKind kind;
    LeafIndex leaf;
    ShardId shard;
    uint32_t replica;
  };

  void WantFrom(ShardId shard, LeafIndex leaf, uint32_t replica, v1::AttemptKind kind);
  void AddWish(ShardId shard, LeafIndex leaf, uint32_t replica, v1::AttemptKind kind);
  void StopWaiting(Shard& shard);
  bool IsOut(const Shard& shard) const;
  bool Retry(ShardId shard, const absl::Status& why, absl::Time now);
  void SetFailed(ShardId shard, const absl::Status& why);
  void Cancel(CallId call, std::string_view why, absl::Time now);
  absl::Status NoReplica(ShardId shard) const;

  const ClusterView& view_;
  const ReplicaChooser chooser_;
  Steering& steering_;
  CallRecorder recorder_;
  const Options options_;
  std::vector<LeafCall>& calls_;
  uint64_t cost_a_shard_;
  std::vector<Shard> shards_;
  std::vector<Wish> wishes_;
  std::vector<CallId> started_;
  std::vector<CallId> idle_;
  size_t first_calls_ = 0;
  size_t pending_ = 0;
};

}  // namespace canopy

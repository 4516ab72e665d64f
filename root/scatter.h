// The bookkeeping of one scatter: for each shard which replicas were tried, by which calls, and
// what came of it. A query has two: its searches, and the fetches of the winners' stored fields.
// Pure data, as QuerySession (query_session.h), which drives it: no thread, lock, clock or network.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/types.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"
#include "root/replica_chooser.h"

namespace canopy {

// The place of a call in the query's list of calls.
using CallId = uint32_t;

// One call to one leaf process, with all the shards asked of it.
struct LeafCall {
  LeafIndex leaf = 0;
  uint32_t replica = 0;
  v1::AttemptKind kind = v1::ATTEMPT_KIND_PRIMARY;
  std::vector<ShardId> shards = {};
  absl::Time sent;
  absl::Time ended = {};
  bool in_flight = true;
  v1::AttemptOutcome outcome = v1::ATTEMPT_OUTCOME_UNSPECIFIED;
  std::string reason = {};  // of an outcome that is not WON
  uint64_t queue_us = 0;
  uint64_t execution_us = 0;
};

// Whether another replica may do better: not after an error that is the query's own, that says that
// nobody wants the answer, or that time is up.
bool MayRetry(absl::StatusCode code);

// Thread safety: one thread. Lifetime: borrows view and calls.
class Scatter final {
 public:
  enum class State : uint8_t { kUnwanted, kPending, kAnswered, kFailed };

  struct Options {
    v1::AttemptKind first_kind = v1::ATTEMPT_KIND_PRIMARY;
    v1::AttemptKind retry_kind = v1::ATTEMPT_KIND_RETRY;
  };

  // New calls are appended to `calls`.
  Scatter(const ClusterView& view, ReplicaChooser chooser, Options options,
          std::vector<LeafCall>& calls);

  // Asks for a shard: of the replica that the chooser picks (none: the shard fails at once), or of
  // a given one.
  void Want(ShardId shard);
  void WantFrom(ShardId shard, LeafIndex leaf, uint32_t replica);
  // Starts what was asked for since the last time, one call a leaf process. Returns the new calls.
  std::vector<CallId> StartCalls(absl::Time now);

  // The reply of `call` has come; the shards' results follow.
  void EndCall(CallId call, absl::Time now);
  void Answer(CallId call, ShardId shard);
  // Tries another replica, once, where that may help; else the shard has failed.
  void Fail(ShardId shard, const absl::Status& why);
  // Pending shards fail, nothing more is started. Returns the calls in flight, now ended as
  // cancelled.
  std::vector<CallId> GiveUp(const absl::Status& why, absl::Time now);

  bool finished() const { return pending_ == 0; }
  State state(ShardId shard) const { return shards_[shard].state; }
  // The call that answered, or the last that was started for the shard.
  CallId call(ShardId shard) const { return shards_[shard].call; }
  // Why a shard failed.
  const absl::Status& failure(ShardId shard) const { return shards_[shard].failure; }

 private:
  struct Shard {
    State state = State::kUnwanted;
    bool retried = false;
    CallId call = 0;
    std::vector<LeafIndex> tried;
    absl::Status failure;
  };
  struct Wish {
    v1::AttemptKind kind;
    LeafIndex leaf;
    ShardId shard;
    uint32_t replica;
  };

  void AddWish(ShardId shard, LeafIndex leaf, uint32_t replica, v1::AttemptKind kind);
  void SetFailed(ShardId shard, const absl::Status& why);
  absl::Status NoReplica(ShardId shard) const;

  const ClusterView& view_;
  const ReplicaChooser chooser_;
  const Options options_;
  std::vector<LeafCall>& calls_;
  std::vector<Shard> shards_;
  std::vector<Wish> wishes_;
  std::vector<CallId> started_;  // all calls of this scatter
  size_t pending_ = 0;
};

}  // namespace canopy

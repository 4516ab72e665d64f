// The bookkeeping of a scatter by term: for each task (a node of the query, or the fetch of the
// hits' fields) which leaves were tried, by which calls, and what came of it. Every leaf holds the
// whole corpus, so any can do any task; the one that a stable hash of (task, leaf) puts first gets
// it, so that a term always meets the same warm caches. Pure data, as Scatter (scatter.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"
#include "root/scatter.h"

namespace canopy {

// Thread safety: one thread. Lifetime: borrows view, steering and calls.
class TermScatter final {
 public:
  struct Options {
    v1::AttemptKind first_kind = v1::ATTEMPT_KIND_PRIMARY;
    v1::AttemptKind retry_kind = v1::ATTEMPT_KIND_RETRY;
  };

  // New calls are appended to `calls`. REQUIRES: the view has one shard.
  TermScatter(const ClusterView& view, Options options, Steering& steering,
              std::vector<LeafCall>& calls)
      : view_(view), options_(options), steering_(steering), calls_(calls) {}

  // Adds a task, numbered from 0. Among leaves that are not down, ready ones come first, then the
  // order of the hash (rendezvous hashing: a leaf that goes takes no other leaf's terms with it).
  void Want(uint64_t hash);
  // Starts what was asked for since the last time, one call a leaf. Returns the new calls.
  std::vector<CallId> StartCalls(absl::Time now);
  const std::vector<size_t>& tasks(CallId call) const { return tasks_of_.at(call); }

  // The reply of `call` has come; its tasks' results follow.
  void EndCall(CallId call, absl::Time now);
  void Answer(size_t task);
  // Tries another leaf, once, where that may help and the budget allows it; else the scatter as a
  // whole has failed.
  void Fail(size_t task, const absl::Status& why);
  // Nothing more is started. Returns the calls in flight, now ended as cancelled.
  std::vector<CallId> GiveUp(const absl::Status& why, absl::Time now);

  bool finished() const { return pending_ == 0; }
  // Of the first task that failed for good.
  const absl::Status& failure() const { return failure_; }

 private:
  struct Task {
    uint64_t hash = 0;
    bool pending = true;
    std::vector<LeafIndex> tried = {};
  };
  struct Wish {
    v1::AttemptKind kind;
    LeafIndex leaf;
    size_t task;
    uint32_t replica;
  };

  std::optional<size_t> Choose(const Task& task) const;
  bool Try(size_t task, v1::AttemptKind kind);
  void End(Task& task);
  void Count(const LeafCall& call);

  const ClusterView& view_;
  const Options options_;
  Steering& steering_;
  std::vector<LeafCall>& calls_;
  std::vector<Task> tasks_;
  std::vector<Wish> wishes_;
  std::map<CallId, std::vector<size_t>> tasks_of_;  // all calls of this scatter
  size_t pending_ = 0;
  absl::Status failure_;
};

}  // namespace canopy

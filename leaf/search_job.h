// One search request inside a leaf: a task for each shard asked, and the reply when the last of
// them is done. In a query's flow: LeafService makes it from the request; SearchQueue has its tasks
// run by search threads, or refuses it.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/status/statusor.h"
#include "base/cancellation.h"
#include "base/clock.h"
#include "canopy/v1/search.pb.h"
#include "leaf/admission_queue.h"
#include "leaf/leaf_counters.h"
#include "leaf/served_generation.h"
#include "rpc/search_backend.h"
#include "shard/query.h"
#include "shard/shard_searcher.h"

namespace canopy {

// What a request says about how to search. INVALID_ARGUMENT: k is 0 or above kMaxHits; the
// threshold is negative or not finite.
absl::StatusOr<SearchOptions> ReadSearchOptions(const v1::SearchRequest& request);
// AdmissionRequest::priority; of a hedge one lower than it says. INVALID_ARGUMENT: an unknown
// priority.
absl::StatusOr<size_t> ReadPriority(const v1::SearchRequest& request);

// The reply is sent after the task that ends last. If no shard has a complete answer and one
// failed, the reply is that error (of the first in the order asked); else each shard has an answer
// of its own, complete or missing with a reason. Thread safety: each task may run on a thread of
// its own. Lifetime: borrows the counters and the clock; holds on to the generation.
class SearchJob final {
 public:
  struct Call {
    std::shared_ptr<const v1::SearchRequest> request;
    std::shared_ptr<Cancellation> context;
    SearchBackend::Done<v1::SearchResponse> done;
  };

  SearchJob(Call call, std::shared_ptr<const ServedGeneration> generation,
            const SearchOptions& options, LeafCounters& counters, const Clock& clock);

  // Shards asked that are served here: one task each.
  size_t tasks() const { return tasks_.size(); }
  const std::shared_ptr<Cancellation>& context() const { return call_.context; }
  // True: it was the last one, and Finish() is due. REQUIRES: each index below tasks() once.
  [[nodiscard]] bool RunTask(size_t index);
  // Runs all tasks on this thread, if that takes no longer than `most`. True: Finish() is due.
  // False: nothing of it stands, and the tasks are to be run as usual.
  [[nodiscard]] bool RunNow(absl::Duration most);
  // What all tasks took. REQUIRES: RunTask() was true, Finish() is still to come.
  AdmissionQueue::Work work() const;
  // Sends the reply. REQUIRES: RunTask() was true, or tasks() == 0.
  void Finish();

  // Instead of all of these. REQUIRES: no task has run.
  void Refuse(absl::Status status) { call_.done(std::move(status)); }
  // The same, when nobody waits for it any more.
  void EndUnstarted();

 private:
  struct Task {
    const ShardFile* shard = nullptr;
    absl::Status status;
    v1::ShardAnswer answer;
  };

  void Run(Task& task, const Cancellation& limit);
  absl::Status SearchOneShard(Task& task, const Cancellation& limit);
  void BoundAllShards();
  void FillAnswer(const ShardFile& shard, const ShardSearchResult& result,
                  v1::ShardAnswer& answer) const;
  v1::LeafLoad CountWork();
  void CountEnd(absl::Duration cpu);
  absl::StatusOr<v1::SearchResponse> MakeReply(v1::LeafLoad load);
  v1::ShardAnswer MissingAnswer(ShardId shard, const absl::Status& why) const;

  const Call call_;
  const std::shared_ptr<const ServedGeneration> generation_;
  const SearchOptions options_;
  LeafCounters& counters_;
  const Clock& clock_;
  const absl::Time arrived_;

  absl::once_flag started_;
  absl::Time first_started_;  // of the task that was first
  absl::once_flag planned_;
  absl::StatusOr<ShardQuery> query_;  // once planned
  absl::once_flag bounded_;
  std::vector<double> score_bounds_;  // once bounded
  std::vector<Task> tasks_;
  std::atomic<size_t> unfinished_;
  std::atomic<bool> has_run_{false};  // a search of a shard has begun
  std::atomic<uint64_t> thread_ns_{0};
  std::atomic<uint64_t> cpu_ns_{0};
};

}  // namespace canopy

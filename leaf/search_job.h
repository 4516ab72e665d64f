// One search request inside a leaf: a task for each shard asked, and the reply when the last of
// them is done. In a query's flow: LeafService admits the request and queues the tasks; search
// threads run them.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/call_once.h"
#include "absl/status/statusor.h"
#include "base/cancellation.h"
#include "base/clock.h"
#include "canopy/v1/search.pb.h"
#include "leaf/leaf_counters.h"
#include "leaf/served_generation.h"
#include "rpc/search_backend.h"
#include "shard/query.h"
#include "shard/shard_searcher.h"

namespace canopy {

// What a request says about how to search. INVALID_ARGUMENT: k is 0 or above kMaxHits; the
// threshold is negative or not finite.
absl::StatusOr<SearchOptions> ReadSearchOptions(const v1::SearchRequest& request);

// The reply is sent by the task that ends last. If no shard has a complete answer and one failed,
// the reply is that error (of the first in the order asked); else each shard has an answer of its
// own, complete or missing with a reason. Thread safety: each task may run on a thread of its own.
// Lifetime: borrows the counters and the clock; holds on to the generation.
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
  // REQUIRES: each index below tasks() once.
  void RunTask(size_t index);
  // The reply when there is no task at all. REQUIRES: tasks() == 0.
  void Finish();

 private:
  struct Task {
    const ShardFile* shard = nullptr;
    absl::Status status;
    v1::ShardAnswer answer;
  };

  absl::Status SearchOneShard(Task& task);
  void BoundAllShards();
  void FillAnswer(const ShardFile& shard, const ShardSearchResult& result,
                  v1::ShardAnswer& answer) const;
  v1::LeafLoad CountWork();
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
  std::atomic<uint64_t> cpu_ns_{0};
};

}  // namespace canopy

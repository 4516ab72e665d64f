// One query's way through the cluster, as a pure state machine: events in, actions out. It has no
// thread, lock, clock, network or randomness, so production (query_driver.h), tests and simulations
// run the same object.
//
//   searching: every shard is asked of one replica, all shards of a leaf process in one call; what
//     fails is tried once on another replica; ends when every shard has answered or failed, or
//     cannot have any document among the hits (top_k_bound.h), or at the soft deadline. A shard is
//     asked for few hits at first (hits_a_shard.h); where that may have left some out it is asked
//     again, for all
//   fetching: stored fields of the winners, from the leaves that answered; what fails is tried once
//     elsewhere
//   done: exactly one `done` action, the response or an error; later replies are counted and
//     dropped
//
// What is late is sent to another replica as well (hedger.h), and the first answer wins. What other
// queries have taught, and the budget for extra calls, is in Steering (steering.h).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/types.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"
#include "root/coverage.h"
#include "root/hedger.h"
#include "root/scatter.h"
#include "root/steering.h"

namespace canopy {

// What a session has to know of its query. REQUIRES: soft_deadline <= deadline, k > 0 unless
// count_only.
struct SessionQuery {
  uint32_t k = 10;
  uint32_t offset = 0;
  bool count_only = false;
  double min_coverage = 1;  // 0 to 1
  // Then shards that cannot have any document among the hits are not waited for.
  bool total_may_be_lower_bound = false;
  bool omit_ids = false;  // hits are document numbers and scores: nothing is fetched
  bool trace = false;
  uint64_t query_hash = 0;
  // Searches end here, so that merging and fetching have the time up to the deadline.
  absl::Time soft_deadline = {};
  absl::Time deadline = {};
};

// What the driver has to do now. A call ends by OnScatterResponse or OnFetchResponse, also after a
// cancel.
struct SessionActions {
  struct SearchCall {
    CallId call = 0;
    LeafIndex leaf = 0;
    v1::AttemptKind kind = v1::ATTEMPT_KIND_PRIMARY;
    std::vector<ShardId> shards;
    absl::Time deadline;
    uint32_t k = 0;              // hits of each shard
    double score_threshold = 0;  // of hits that are of use
    bool omit_score_bounds = false;
    uint64_t cost_hint = 0;  // cost units over the shards; 0: not known
  };
  struct FetchCall {
    CallId call = 0;
    LeafIndex leaf = 0;
    v1::AttemptKind kind = v1::ATTEMPT_KIND_FETCH;
    std::vector<DocId> docs;
    absl::Time deadline;
  };
  std::vector<SearchCall> searches;
  std::vector<FetchCall> fetches;
  std::vector<CallId> cancels;
  // Call OnTimer then, instead of when was said before. Unset: as before; after `done` never.
  std::optional<absl::Time> wake_at;
  // Set once in a session's life. The ledger lacks what only the driver knows: parse, plan, merge,
  // total, unaccounted.
  std::optional<absl::StatusOr<v1::SearchResponse>> done;
};

// Thread safety: one thread. `now` never goes back from one event to the next. Lifetime: borrows
// `steering`.
class QuerySession final {
 public:
  QuerySession(SessionQuery query, std::shared_ptr<const ClusterView> view, Steering& steering);
  QuerySession(const QuerySession&) = delete;
  QuerySession& operator=(const QuerySession&) = delete;

  // First, once.
  SessionActions Start(absl::Time now);
  SessionActions OnScatterResponse(CallId call, absl::StatusOr<v1::SearchResponse> response,
                                   absl::Time now);
  SessionActions OnFetchResponse(CallId call, absl::StatusOr<v1::FetchResponse> response,
                                 absl::Time now);
  SessionActions OnTimer(absl::Time now);
  // The client has gone: ends with CANCELLED.
  SessionActions Cancel(absl::Time now);

  bool scattering() const { return phase_ == Phase::kSearching; }
  bool done() const { return phase_ == Phase::kDone; }
  const std::vector<LeafCall>& calls() const { return calls_; }
  const ClusterView& view() const { return *view_; }

 private:
  enum class Phase : uint8_t { kSearching, kFetching, kDone };

  bool TakeReply(CallId call, Scatter& scatter, absl::Time now);
  absl::Status TakeAnswers(CallId call, v1::SearchResponse& response);
  absl::StatusOr<v1::ShardAnswer> TakeAnswer(CallId call, ShardId shard,
                                             v1::SearchResponse& response) const;
  absl::Status TakeFields(CallId call, v1::FetchResponse& response);
  void FailCall(CallId call, Scatter& scatter, const absl::Status& why, absl::Time now);
  void LearnCost(CallId call, const v1::SearchResponse& response);
  void DropUnneeded();

  SessionActions ContinueSearching(absl::Time now);
  void AskForMore();
  void EndRound(absl::Time now);
  absl::Status FatalRefusal() const;
  SessionActions FinishSearching(absl::Time now);
  SessionActions ContinueFetching(absl::Time now);
  SessionActions Finish(absl::StatusOr<v1::SearchResponse> result, absl::Time now);

  void AddSearchCalls(const std::vector<CallId>& calls, SessionActions& actions);
  void AddFetchCalls(const std::vector<CallId>& calls, SessionActions& actions);
  // The hits whose fields `call` brings, in the order of the response.
  std::vector<v1::Hit*> HitsOf(CallId call);
  std::vector<ShardResult> Results() const;
  std::vector<const v1::ShardAnswer*> Answers() const;
  // The score of the last hit that would be shown now. nullopt: there are not so many.
  std::optional<double> LastScore() const;
  ShardId ShardOf(DocId doc) const { return doc % view_->num_shards(); }

  const SessionQuery query_;
  const std::shared_ptr<const ClusterView> view_;
  Phase phase_ = Phase::kSearching;
  std::vector<LeafCall> calls_;
  Steering& steering_;
  Scatter searches_;
  Scatter fetches_;
  Hedger search_hedger_;
  Hedger fetch_hedger_;
  // How many hits a shard is asked for at first, and from now on.
  const uint32_t first_k_a_shard_;
  uint32_t k_a_shard_;
  std::vector<v1::ShardAnswer> answers_;  // by shard; of those that answered
  double best_score_ = 0;                 // of all hits that have come
  std::vector<double> score_bounds_;      // by shard; empty: not known
  // Cost units that answers have told of, and of how many shards.
  uint64_t told_cost_ = 0, costs_told_ = 0;
  v1::SearchResponse response_;  // from the merge on
  BudgetedBytes bytes_;          // of the root's memory for answers
  size_t fetched_bytes_ = 0;     // of all leaves
  absl::Time started_;
  absl::Time searched_;  // end of searching
};

}  // namespace canopy

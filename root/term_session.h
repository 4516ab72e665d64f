// One query that is scattered by term, as a pure state machine like QuerySession
// (query_session.h): events in, actions out, no thread, lock, clock or network.
//
//   gathering: each node of the query is asked of one leaf (term_scatter.h), all nodes of a leaf in
//     one call; bitmaps are checked as they come; what fails is tried once on another leaf. Ends
//     when every bitmap is there, or with an error: without one of them nothing can be said, so
//     there are no partial answers
//   the bitmaps are combined: the total, and the first matches by document number
//   fetching: stored fields of the hits, from one leaf; tried once elsewhere
//   done: exactly one `done` action; later replies are counted and dropped
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <roaring/roaring.hh>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "canopy/v1/postings.pb.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"
#include "root/query_session.h"
#include "root/term_plan.h"
#include "root/term_scatter.h"

namespace canopy {

// Bytes of bitmaps that a root may combine for one query, each counted TermNode::weight times: this
// bounds the memory that a query holds, and for how long it keeps the root's only thread.
inline constexpr size_t kMaxQueryBitmapBytes = 32 << 20;

// What the driver has to do now, as SessionActions.
struct TermSessionActions {
  struct PostingsCall {
    CallId call = 0;
    LeafIndex leaf = 0;
    v1::AttemptKind kind = v1::ATTEMPT_KIND_PRIMARY;
    std::vector<size_t> nodes;  // of the plan
    size_t max_bytes = 0;       // of the reply's bitmaps
    absl::Time deadline;
  };
  std::vector<PostingsCall> postings = {};
  std::vector<SessionActions::FetchCall> fetches = {};
  std::vector<CallId> cancels = {};
  std::optional<absl::Time> wake_at = {};
  std::optional<absl::StatusOr<v1::SearchResponse>> done = {};
};

// Thread safety: one thread. `now` never goes back from one event to the next. Lifetime: borrows
// `steering`, of which it uses the counters and the budget for retries.
class TermSession final {
 public:
  // `max_bitmap_bytes`: kMaxQueryBitmapBytes, but for tests. REQUIRES: the view has one shard.
  TermSession(SessionQuery query, TermPlan plan, std::shared_ptr<const ClusterView> view,
              Steering& steering, size_t max_bitmap_bytes = kMaxQueryBitmapBytes);
  TermSession(const TermSession&) = delete;
  TermSession& operator=(const TermSession&) = delete;

  // First, once.
  TermSessionActions Start(absl::Time now);
  TermSessionActions OnScatterResponse(CallId call, absl::StatusOr<v1::PostingsResponse> response,
                                       absl::Time now);
  TermSessionActions OnFetchResponse(CallId call, absl::StatusOr<v1::FetchResponse> response,
                                     absl::Time now);
  TermSessionActions OnTimer(absl::Time now);
  // The client has gone: ends with CANCELLED.
  TermSessionActions Cancel(absl::Time now);

  bool scattering() const { return phase_ == Phase::kGathering; }
  const std::vector<LeafCall>& calls() const { return calls_; }
  const TermPlan& plan() const { return plan_; }

 private:
  enum class Phase : uint8_t { kGathering, kFetching, kDone };

  bool TakeReply(CallId call, TermScatter& scatter, absl::Time now);
  absl::Status CheckNumberOfBitmaps(CallId call, const v1::PostingsResponse& response) const;
  size_t BytesOf(size_t node, const std::string& bitmap) const;
  absl::Status CheckBytes(CallId call, const v1::PostingsResponse& response) const;
  void TakeBitmaps(CallId call, const v1::PostingsResponse& response);
  absl::Status TakeFields(CallId call, v1::FetchResponse& response);
  void TakeLoad(CallId call, const v1::LeafLoad& load);
  void FailCall(CallId call, TermScatter& scatter, const absl::Status& why);
  const std::string& AddressOf(CallId call) const;

  TermSessionActions ContinueGathering(absl::Time now);
  TermSessionActions FailGathering(const absl::Status& why, absl::Time now);
  TermSessionActions FinishGathering(absl::Time now);
  TermSessionActions ContinueFetching(absl::Time now);
  TermSessionActions Finish(absl::StatusOr<v1::SearchResponse> result, absl::Time now);

  const SessionQuery query_;
  const TermPlan plan_;
  const std::shared_ptr<const ClusterView> view_;
  Steering& steering_;
  const size_t max_bitmap_bytes_;
  Phase phase_ = Phase::kGathering;
  std::vector<LeafCall> calls_;
  TermScatter postings_;
  TermScatter fetches_;
  std::vector<Roaring> bitmaps_;  // by node
  size_t bitmap_bytes_ = 0;       // as kMaxQueryBitmapBytes counts
  BudgetedBytes bytes_;           // of the root's memory for answers
  v1::SearchResponse response_;   // from the end of gathering on
  absl::Time started_;
  absl::Time gathered_;  // end of gathering
};

}  // namespace canopy

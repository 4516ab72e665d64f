// Runs one TermSession in the real world, as QueryDriver (query_driver.h) runs a QuerySession.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/cancellation.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_monitor.h"
#include "root/plan_query.h"
#include "root/query_driver.h"
#include "root/term_session.h"
#include "rpc/event_loop.h"
#include "rpc/search_backend.h"

namespace canopy {

// Kept alive by its calls in flight, so that late replies are counted.
// Thread safety: everything on the loop's thread. Lifetime: the loop outlives it, and the hooks
// keep the steering alive.
class TermDriver final : public std::enable_shared_from_this<TermDriver> {
 public:
  // plan.session has its deadlines. `view` is one of the snapshot's. REQUIRES: it has one shard.
  TermDriver(EventLoop& loop, Steering& steering, std::shared_ptr<const ClusterSnapshot> snapshot,
             std::shared_ptr<const ClusterView> view, QueryPlan plan, QueryTimes times,
             QueryHooks hooks, SearchBackend::Done<v1::SearchResponse> done);

  // `context`: cancelled when the client goes away.
  void Start(const std::shared_ptr<Cancellation>& context);
  // Ends the query with CANCELLED, if it is not done.
  void Cancel();

 private:
  void Apply(TermSessionActions actions);
  void StartPostings(const TermSessionActions::PostingsCall& call);
  void StartFetch(const SessionActions::FetchCall& call);
  template <typename Response>
  SearchBackend::Done<Response> OnReply(CallId call, LeafIndex leaf);
  template <typename Response>
  void EndCall(CallId call, LeafIndex leaf, absl::StatusOr<Response> response);
  void Take(CallId call, absl::StatusOr<v1::PostingsResponse> response);
  void Take(CallId call, absl::StatusOr<v1::FetchResponse> response);
  void SetTimer(absl::Time at);
  void Finish(absl::StatusOr<v1::SearchResponse> result);
  void CompleteLedger(v1::Ledger& ledger) const;

  EventLoop& loop_;
  const std::shared_ptr<const ClusterSnapshot> snapshot_;
  const QueryPlan plan_;
  const QueryTimes times_;
  const QueryHooks hooks_;
  SearchBackend::Done<v1::SearchResponse> done_;
  TermSession session_;
  std::map<CallId, std::shared_ptr<Cancellation>> in_flight_;
  std::optional<EventLoop::Timer> timer_;
  bool applying_ = false;
  absl::Duration combine_ = absl::ZeroDuration();
};

}  // namespace canopy

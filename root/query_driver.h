// Runs the session of one query in the real world: does what its actions say (calls over
// connections, one timer, the client's answer) and turns what happens into its events.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/cancellation.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_monitor.h"
#include "root/plan_query.h"
#include "root/query_session.h"
#include "root/term_session.h"
#include "rpc/event_loop.h"
#include "rpc/search_backend.h"

namespace canopy {

// What a driver tells of its query, besides the answer. Called on the loop's thread.
struct QueryHooks {
  // Once, with the final response or error and all calls that were made, before the client gets it.
  std::function<void(const absl::StatusOr<v1::SearchResponse>&, absl::Span<const LeafCall>)>
      on_done;
  // A call ended so, and not because the query cancelled it.
  std::function<void(const LeafConnection*, const absl::Status&)> on_call_failed;
};

// What came before the scatter.
struct QueryTimes {
  absl::Time arrived;
  absl::Time begun;  // the loop had time for it
  absl::Time parsed;
};

// Session: QuerySession or TermSession. Kept alive by its calls in flight, so that late replies are
// counted. Thread safety: everything on the loop's thread. Lifetime: the loop outlives it, and the
// hooks keep the steering alive.
template <typename Session>
class SessionDriver final : public std::enable_shared_from_this<SessionDriver<Session>> {
 public:
  // plan.session has its deadlines. `view` is one of the snapshot's; a TermSession's has one shard.
  SessionDriver(EventLoop& loop, Steering& steering,
                std::shared_ptr<const ClusterSnapshot> snapshot,
                std::shared_ptr<const ClusterView> view, QueryPlan plan, QueryTimes times,
                QueryHooks hooks, SearchBackend::Done<v1::SearchResponse> done);

  // `context`: cancelled when the client goes away.
  void Start(const std::shared_ptr<Cancellation>& context);
  // Ends the query with CANCELLED, if it is not done.
  void Cancel();

 private:
  template <typename Actions>
  void Apply(Actions actions);
  void StartScatter(const SessionActions& actions);
  void StartScatter(const TermSessionActions& actions);
  void StartSearch(const SessionActions::SearchCall& call);
  std::shared_ptr<const v1::SearchRequest> RequestOf(const SessionActions::SearchCall& call) const;
  void StartPostings(const TermSessionActions::PostingsCall& call);
  void StartFetch(const SessionActions::FetchCall& call);
  template <typename Response>
  SearchBackend::Done<Response> OnReply(CallId call, LeafIndex leaf);
  template <typename Response>
  void EndCall(CallId call, LeafIndex leaf, absl::StatusOr<Response> response);
  template <typename Response>
  void Take(CallId call, absl::StatusOr<Response> response);
  std::shared_ptr<Cancellation> ContextOf(CallId call, absl::Time deadline);
  absl::Time Event();
  void SetTimer(absl::Time at);
  void Finish(absl::StatusOr<v1::SearchResponse> result);
  void CompleteLedger(v1::Ledger& ledger) const;

  EventLoop& loop_;
  const std::shared_ptr<const ClusterSnapshot> snapshot_;
  const QueryPlan plan_;
  const QueryTimes times_;
  const QueryHooks hooks_;
  SearchBackend::Done<v1::SearchResponse> done_;
  Session session_;
  std::vector<std::shared_ptr<Cancellation>> in_flight_;  // by call; null: it has ended
  std::optional<EventLoop::Timer> timer_;
  bool applying_ = false;
  absl::Time scattered_;  // the plan was made
  absl::Duration merge_ = absl::ZeroDuration();
  absl::Time last_event_;  // or the end of the merge in it
};

using QueryDriver = SessionDriver<QuerySession>;
using TermDriver = SessionDriver<TermSession>;

}  // namespace canopy

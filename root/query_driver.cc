#include "root/query_driver.h"

#include <algorithm>
#include <string>
#include <type_traits>
#include <utility>

#include "root/query_trace.h"
#include "root/term_plan.h"

namespace canopy {
namespace {

template <typename Session>
Session MakeSession(const QueryPlan& plan, std::shared_ptr<const ClusterView> view,
                    Steering& steering) {
  if constexpr (std::is_same_v<Session, TermSession>) {
    return TermSession(plan.session, MakeTermPlan(*plan.tree), std::move(view), steering);
  } else {
    return QuerySession(plan.session, std::move(view), steering);
  }
}

}  // namespace

template <typename Session>
SessionDriver<Session>::SessionDriver(EventLoop& loop, Steering& steering,
                                      std::shared_ptr<const ClusterSnapshot> snapshot,
                                      std::shared_ptr<const ClusterView> view, QueryPlan plan,
                                      QueryTimes times, QueryHooks hooks,
                                      SearchBackend::Done<v1::SearchResponse> done)
    : loop_(loop),
      snapshot_(std::move(snapshot)),
      plan_(std::move(plan)),
      times_(times),
      hooks_(std::move(hooks)),
      done_(std::move(done)),
      session_(MakeSession<Session>(plan_, std::move(view), steering)) {}

template <typename Session>
void SessionDriver<Session>::Start(const std::shared_ptr<Cancellation>& context) {
  // Weak: the context may live longer than the query, and belongs to it.
  context->OnCancel([weak = this->weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr) self->loop_.Post([self] { self->Cancel(); });
  });
  scattered_ = Event();
  Apply(session_.Start(scattered_));
}

template <typename Session>
void SessionDriver<Session>::Cancel() {
  Apply(session_.Cancel(Event()));
}

// The time of the event that is about to be handled.
template <typename Session>
absl::Time SessionDriver<Session>::Event() {
  return last_event_ = loop_.clock().Now();
}

template <typename Session>
template <typename Actions>
void SessionDriver<Session>::Apply(Actions actions) {
  applying_ = true;
  for (CallId call : actions.cancels) {
    if (call < in_flight_.size() && in_flight_[call] != nullptr) in_flight_[call]->Cancel();
  }
  StartScatter(actions);
  for (const auto& call : actions.fetches) StartFetch(call);
  if (actions.wake_at) SetTimer(*actions.wake_at);
  applying_ = false;
  if (actions.done) Finish(*std::move(actions.done));
}

template <typename Session>
void SessionDriver<Session>::StartScatter(const SessionActions& actions) {
  for (const auto& call : actions.searches) StartSearch(call);
}

template <typename Session>
void SessionDriver<Session>::StartScatter(const TermSessionActions& actions) {
  for (const auto& call : actions.postings) StartPostings(call);
}

template <typename Session>
std::shared_ptr<Cancellation> SessionDriver<Session>::ContextOf(CallId call, absl::Time deadline) {
  if (call >= in_flight_.size()) in_flight_.resize(call + 1);
  return in_flight_[call] = std::make_shared<Cancellation>(loop_.clock(), deadline);
}

template <typename Session>
void SessionDriver<Session>::StartSearch(const SessionActions::SearchCall& call) {
  snapshot_->connections[call.leaf]->backend->Search(
      RequestOf(call), ContextOf(call.call, call.deadline),
      OnReply<v1::SearchResponse>(call.call, call.leaf));
}

// The request has the tree as if it were its own, and gives it back.
template <typename Session>
std::shared_ptr<const v1::SearchRequest> SessionDriver<Session>::RequestOf(
    const SessionActions::SearchCall& call) const {
  const auto give_back = [tree = plan_.tree](v1::SearchRequest* request) {
    request->unsafe_arena_release_query();
    delete request;
  };
  std::shared_ptr<v1::SearchRequest> request(new v1::SearchRequest(plan_.leaf_request), give_back);
  request->unsafe_arena_set_allocated_query(plan_.tree.get());
  request->mutable_shards()->Add(call.shards.begin(), call.shards.end());
  request->set_attempt_kind(call.kind);
  request->set_k(call.k);
  request->set_score_threshold(call.score_threshold);
  request->set_omit_score_bounds(call.omit_score_bounds);
  request->set_cost_hint(call.cost_hint);
  return request;
}

template <typename Session>
void SessionDriver<Session>::StartPostings(const TermSessionActions::PostingsCall& call) {
  auto request = std::make_shared<v1::PostingsRequest>();
  request->set_generation(plan_.leaf_request.generation());
  request->set_collection_checksum(plan_.leaf_request.collection_checksum());
  request->set_max_bytes(call.max_bytes);
  request->set_attempt_kind(call.kind);
  if constexpr (std::is_same_v<Session, TermSession>) {
    for (const size_t node : call.nodes) *request->add_nodes() = session_.plan().nodes[node].query;
  }
  snapshot_->connections[call.leaf]->postings(std::move(request),
                                              ContextOf(call.call, call.deadline),
                                              OnReply<v1::PostingsResponse>(call.call, call.leaf));
}

template <typename Session>
void SessionDriver<Session>::StartFetch(const SessionActions::FetchCall& call) {
  auto request = std::make_shared<v1::FetchRequest>(plan_.fetch_request);
  request->mutable_docs()->Add(call.docs.begin(), call.docs.end());
  snapshot_->connections[call.leaf]->backend->Fetch(
      std::move(request), ContextOf(call.call, call.deadline),
      OnReply<v1::FetchResponse>(call.call, call.leaf));
}

// A call may end on any thread, also from inside the call that starts it: the event then waits its
// turn on the loop.
template <typename Session>
template <typename Response>
SearchBackend::Done<Response> SessionDriver<Session>::OnReply(CallId call, LeafIndex leaf) {
  return [self = this->shared_from_this(), call, leaf](absl::StatusOr<Response> response) {
    if (self->loop_.InLoop() && !self->applying_) {
      return self->EndCall(call, leaf, std::move(response));
    }
    self->loop_.Post([self, call, leaf, response = std::move(response)]() mutable {
      self->EndCall(call, leaf, std::move(response));
    });
  };
}

template <typename Session>
template <typename Response>
void SessionDriver<Session>::EndCall(CallId call, LeafIndex leaf,
                                     absl::StatusOr<Response> response) {
  const std::shared_ptr<Cancellation> context = std::exchange(in_flight_[call], nullptr);
  if (!response.ok() && !context->cancelled()) {
    hooks_.on_call_failed(snapshot_->connections[leaf].get(), response.status());
  }
  Take(call, std::move(response));
}

// Of the kinds of calls that the session starts.
template <typename Session>
template <typename Response>
void SessionDriver<Session>::Take(CallId call, absl::StatusOr<Response> response) {
  const absl::Time now = Event();
  if constexpr (std::is_same_v<Response, v1::FetchResponse>) {
    Apply(session_.OnFetchResponse(call, std::move(response), now));
  } else if constexpr (requires { session_.OnScatterResponse(call, std::move(response), now); }) {
    const bool scattering = session_.scattering();
    auto actions = session_.OnScatterResponse(call, std::move(response), now);
    // The event that ends the scatter merges.
    if (scattering && !session_.scattering()) merge_ = Event() - now;
    Apply(std::move(actions));
  }
}

template <typename Session>
void SessionDriver<Session>::SetTimer(absl::Time at) {
  if (timer_ && timer_->at == at) return;
  if (timer_) loop_.CancelTimer(*timer_);
  timer_ = loop_.RunAt(at, [weak = this->weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->timer_.reset();
    self->Apply(self->session_.OnTimer(self->Event()));
  });
}

template <typename Session>
void SessionDriver<Session>::Finish(absl::StatusOr<v1::SearchResponse> result) {
  if (timer_) loop_.CancelTimer(*timer_);
  timer_.reset();
  if (result.ok()) {
    for (const std::string& term : plan_.highlight_terms) result->add_highlight_terms(term);
    CompleteLedger(*result->mutable_ledger());
  }
  hooks_.on_done(result, session_.calls());
  const auto done = std::move(done_);
  done(std::move(result));
}

template <typename Session>
void SessionDriver<Session>::CompleteLedger(v1::Ledger& ledger) const {
  const absl::Time now = loop_.clock().Now();
  ledger.set_queue_us(absl::ToInt64Microseconds(times_.begun - times_.arrived));
  ledger.set_parse_us(absl::ToInt64Microseconds(times_.parsed - times_.begun));
  ledger.set_plan_us(absl::ToInt64Microseconds(scattered_ - times_.parsed));
  ledger.set_respond_us(absl::ToInt64Microseconds(now - last_event_));
  const uint64_t merge_us = absl::ToInt64Microseconds(merge_);
  ledger.set_merge_us(merge_us);
  // The session counts the merge with what follows it.
  ledger.set_fetch_us(ledger.fetch_us() - std::min<uint64_t>(ledger.fetch_us(), merge_us));
  CloseLedger(now - times_.arrived, ledger);
}

template class SessionDriver<QuerySession>;
template class SessionDriver<TermSession>;

}  // namespace canopy

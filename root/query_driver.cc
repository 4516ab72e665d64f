#include "root/query_driver.h"

#include <algorithm>
#include <utility>

#include "root/query_trace.h"

namespace canopy {

QueryDriver::QueryDriver(EventLoop& loop, Steering& steering,
                         std::shared_ptr<const ClusterSnapshot> snapshot,
                         std::shared_ptr<const ClusterView> view, QueryPlan plan, QueryTimes times,
                         QueryHooks hooks, SearchBackend::Done<v1::SearchResponse> done)
    : loop_(loop),
      snapshot_(std::move(snapshot)),
      plan_(std::move(plan)),
      times_(times),
      hooks_(std::move(hooks)),
      done_(std::move(done)),
      session_(plan_.session, std::move(view), steering) {}

void QueryDriver::Start(const std::shared_ptr<Cancellation>& context) {
  // Weak: the context may live longer than the query, and belongs to it.
  context->OnCancel([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr) self->loop_.Post([self] { self->Cancel(); });
  });
  Apply(session_.Start(loop_.clock().Now()));
}

void QueryDriver::Cancel() { Apply(session_.Cancel(loop_.clock().Now())); }

void QueryDriver::Apply(SessionActions actions) {
  applying_ = true;
  for (CallId call : actions.cancels) {
    const auto found = in_flight_.find(call);
    if (found != in_flight_.end()) found->second->Cancel();
  }
  for (const auto& call : actions.searches) StartSearch(call);
  for (const auto& call : actions.fetches) StartFetch(call);
  if (actions.wake_at) SetTimer(*actions.wake_at);
  applying_ = false;
  if (actions.done) Finish(*std::move(actions.done));
}

void QueryDriver::StartSearch(const SessionActions::SearchCall& call) {
  auto request = std::make_shared<v1::SearchRequest>(plan_.leaf_request);
  request->mutable_shards()->Add(call.shards.begin(), call.shards.end());
  request->set_attempt_kind(call.kind);
  request->set_score_threshold(call.score_threshold);
  request->set_cost_hint(call.cost_hint);
  auto context = std::make_shared<Cancellation>(loop_.clock(), call.deadline);
  in_flight_[call.call] = context;
  snapshot_->connections[call.leaf]->backend->Search(
      std::move(request), std::move(context), OnReply<v1::SearchResponse>(call.call, call.leaf));
}

void QueryDriver::StartFetch(const SessionActions::FetchCall& call) {
  auto request = std::make_shared<v1::FetchRequest>(plan_.fetch_request);
  request->mutable_docs()->Add(call.docs.begin(), call.docs.end());
  auto context = std::make_shared<Cancellation>(loop_.clock(), call.deadline);
  in_flight_[call.call] = context;
  snapshot_->connections[call.leaf]->backend->Fetch(
      std::move(request), std::move(context), OnReply<v1::FetchResponse>(call.call, call.leaf));
}

// A call may end on any thread, also from inside the call that starts it: the event then waits its
// turn on the loop.
template <typename Response>
SearchBackend::Done<Response> QueryDriver::OnReply(CallId call, LeafIndex leaf) {
  return [self = shared_from_this(), call, leaf](absl::StatusOr<Response> response) {
    if (self->loop_.InLoop() && !self->applying_) {
      return self->EndCall(call, leaf, std::move(response));
    }
    self->loop_.Post([self, call, leaf, response = std::move(response)]() mutable {
      self->EndCall(call, leaf, std::move(response));
    });
  };
}

template <typename Response>
void QueryDriver::EndCall(CallId call, LeafIndex leaf, absl::StatusOr<Response> response) {
  const auto context = in_flight_.extract(call);
  if (!response.ok() && !context.mapped()->cancelled()) {
    hooks_.on_call_failed(snapshot_->connections[leaf].get(), response.status());
  }
  Take(call, std::move(response));
}

void QueryDriver::Take(CallId call, absl::StatusOr<v1::SearchResponse> response) {
  const absl::Time now = loop_.clock().Now();
  const bool searching = session_.searching();
  SessionActions actions = session_.OnSearchResponse(call, std::move(response), now);
  // The event that ends the searches merges.
  if (searching && !session_.searching()) merge_ = loop_.clock().Now() - now;
  Apply(std::move(actions));
}

void QueryDriver::Take(CallId call, absl::StatusOr<v1::FetchResponse> response) {
  Apply(session_.OnFetchResponse(call, std::move(response), loop_.clock().Now()));
}

void QueryDriver::SetTimer(absl::Time at) {
  if (timer_ && timer_->at == at) return;
  if (timer_) loop_.CancelTimer(*timer_);
  timer_ = loop_.RunAt(at, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->timer_.reset();
    self->Apply(self->session_.OnTimer(self->loop_.clock().Now()));
  });
}

void QueryDriver::Finish(absl::StatusOr<v1::SearchResponse> result) {
  if (timer_) loop_.CancelTimer(*timer_);
  timer_.reset();
  if (result.ok()) {
    for (const std::string& term : plan_.highlight_terms) result->add_highlight_terms(term);
    CompleteLedger(*result->mutable_ledger());
  }
  hooks_.on_done(result);
  const auto done = std::move(done_);
  done(std::move(result));
}

void QueryDriver::CompleteLedger(v1::Ledger& ledger) const {
  ledger.set_parse_us(absl::ToInt64Microseconds(times_.parse));
  ledger.set_plan_us(absl::ToInt64Microseconds(times_.plan));
  const uint64_t merge_us = absl::ToInt64Microseconds(merge_);
  ledger.set_merge_us(merge_us);
  // The session counts the merge with what follows it.
  ledger.set_fetch_us(ledger.fetch_us() - std::min<uint64_t>(ledger.fetch_us(), merge_us));
  CloseLedger(loop_.clock().Now() - times_.arrived, ledger);
}

}  // namespace canopy

#include "root/term_driver.h"

#include <algorithm>
#include <string>
#include <utility>

#include "root/query_trace.h"
#include "root/term_plan.h"

namespace canopy {

TermDriver::TermDriver(EventLoop& loop, Steering& steering,
                       std::shared_ptr<const ClusterSnapshot> snapshot,
                       std::shared_ptr<const ClusterView> view, QueryPlan plan, QueryTimes times,
                       QueryHooks hooks, SearchBackend::Done<v1::SearchResponse> done)
    : loop_(loop),
      snapshot_(std::move(snapshot)),
      plan_(std::move(plan)),
      times_(times),
      hooks_(std::move(hooks)),
      done_(std::move(done)),
      session_(plan_.session, MakeTermPlan(plan_.leaf_request.query()), std::move(view), steering) {
}

void TermDriver::Start(const std::shared_ptr<Cancellation>& context) {
  // Weak: the context may live longer than the query, and belongs to it.
  context->OnCancel([weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self != nullptr) self->loop_.Post([self] { self->Cancel(); });
  });
  Apply(session_.Start(loop_.clock().Now()));
}

void TermDriver::Cancel() { Apply(session_.Cancel(loop_.clock().Now())); }

void TermDriver::Apply(TermSessionActions actions) {
  applying_ = true;
  for (CallId call : actions.cancels) {
    const auto found = in_flight_.find(call);
    if (found != in_flight_.end()) found->second->Cancel();
  }
  for (const auto& call : actions.postings) StartPostings(call);
  for (const auto& call : actions.fetches) StartFetch(call);
  if (actions.wake_at) SetTimer(*actions.wake_at);
  applying_ = false;
  if (actions.done) Finish(*std::move(actions.done));
}

void TermDriver::StartPostings(const TermSessionActions::PostingsCall& call) {
  auto request = std::make_shared<v1::PostingsRequest>();
  request->set_generation(plan_.leaf_request.generation());
  request->set_collection_checksum(plan_.leaf_request.collection_checksum());
  request->set_max_bytes(call.max_bytes);
  request->set_attempt_kind(call.kind);
  for (const size_t node : call.nodes) *request->add_nodes() = session_.plan().nodes[node].query;
  auto context = std::make_shared<Cancellation>(loop_.clock(), call.deadline);
  in_flight_[call.call] = context;
  snapshot_->connections[call.leaf]->postings(std::move(request), std::move(context),
                                              OnReply<v1::PostingsResponse>(call.call, call.leaf));
}

void TermDriver::StartFetch(const SessionActions::FetchCall& call) {
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
SearchBackend::Done<Response> TermDriver::OnReply(CallId call, LeafIndex leaf) {
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
void TermDriver::EndCall(CallId call, LeafIndex leaf, absl::StatusOr<Response> response) {
  const auto context = in_flight_.extract(call);
  if (!response.ok() && !context.mapped()->cancelled()) {
    hooks_.on_call_failed(snapshot_->connections[leaf].get(), response.status());
  }
  Take(call, std::move(response));
}

void TermDriver::Take(CallId call, absl::StatusOr<v1::PostingsResponse> response) {
  const absl::Time now = loop_.clock().Now();
  const bool gathering = session_.gathering();
  TermSessionActions actions = session_.OnPostingsResponse(call, std::move(response), now);
  // The event that ends the gathering combines the bitmaps.
  if (gathering && !session_.gathering()) combine_ = loop_.clock().Now() - now;
  Apply(std::move(actions));
}

void TermDriver::Take(CallId call, absl::StatusOr<v1::FetchResponse> response) {
  Apply(session_.OnFetchResponse(call, std::move(response), loop_.clock().Now()));
}

void TermDriver::SetTimer(absl::Time at) {
  if (timer_ && timer_->at == at) return;
  if (timer_) loop_.CancelTimer(*timer_);
  timer_ = loop_.RunAt(at, [weak = weak_from_this()] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->timer_.reset();
    self->Apply(self->session_.OnTimer(self->loop_.clock().Now()));
  });
}

void TermDriver::Finish(absl::StatusOr<v1::SearchResponse> result) {
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

void TermDriver::CompleteLedger(v1::Ledger& ledger) const {
  ledger.set_parse_us(absl::ToInt64Microseconds(times_.parse));
  ledger.set_plan_us(absl::ToInt64Microseconds(times_.plan));
  const uint64_t combine_us = absl::ToInt64Microseconds(combine_);
  ledger.set_merge_us(combine_us);
  // The session counts the combining with what follows it.
  ledger.set_fetch_us(ledger.fetch_us() - std::min<uint64_t>(ledger.fetch_us(), combine_us));
  CloseLedger(loop_.clock().Now() - times_.arrived, ledger);
}

}  // namespace canopy

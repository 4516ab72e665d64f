#include "root/term_session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "root/coverage.h"
#include "root/posting_bitmap.h"
#include "root/query_trace.h"
#include "root/session_parts.h"
#include "rpc/search_backend.h"

namespace canopy {
namespace {

constexpr ShardId kOnlyShard = 0;

// For messages.
std::string NameOf(const TermNode& node) {
  const v1::Query& query = node.query;
  return query.has_term() ? Concat("term \"", EscapeControls(query.term().text()), "\"")
                          : "a node that is not a term";
}

}  // namespace

TermSession::TermSession(SessionQuery query, TermPlan plan, std::shared_ptr<const ClusterView> view,
                         Steering& steering, size_t max_bitmap_bytes)
    : query_(query),
      plan_(std::move(plan)),
      view_(std::move(view)),
      steering_(steering),
      max_bitmap_bytes_(max_bitmap_bytes),
      postings_(*view_, {v1::ATTEMPT_KIND_PRIMARY, v1::ATTEMPT_KIND_RETRY}, steering, calls_),
      fetches_(*view_, {v1::ATTEMPT_KIND_FETCH, v1::ATTEMPT_KIND_FETCH_RETRY}, steering, calls_),
      bitmaps_(plan_.nodes.size()),
      bytes_(*steering.result_bytes) {
  CHECK(view_->num_shards() == 1);
}

TermSessionActions TermSession::Start(absl::Time now) {
  started_ = now;
  gathered_ = now;
  if (now >= query_.deadline) return Finish(DeadlinePassed("the query waited to start"), now);
  for (const TermNode& node : plan_.nodes) postings_.Want(node.hash);
  return ContinueGathering(now);
}

TermSessionActions TermSession::OnScatterResponse(CallId call,
                                                  absl::StatusOr<v1::PostingsResponse> response,
                                                  absl::Time now) {
  if (IsOverBudget(response.status()) && calls_[call].in_flight) {
    return Finish(response.status(), now);
  }
  if (!TakeReply(call, postings_, now)) return {};
  absl::Status status = response.status();
  if (status.ok())
    status = CheckCollection(*view_, response->generation(), response->collection_checksum(),
                             steering_.counters);
  if (status.ok()) status = CheckNumberOfBitmaps(call, *response);
  if (status.ok()) {
    absl::Status fits = CheckBytes(call, *response);
    if (fits.ok()) fits = bytes_.Take(response->ByteSizeLong());
    if (!fits.ok()) return Finish(fits, now);
    TakeBitmaps(call, *response);
  }
  if (IsQueryError(status)) return Finish(status, now);
  if (!status.ok()) FailCall(call, postings_, status);
  return ContinueGathering(now);
}

TermSessionActions TermSession::OnFetchResponse(CallId call,
                                                absl::StatusOr<v1::FetchResponse> response,
                                                absl::Time now) {
  if (IsOverBudget(response.status()) && calls_[call].in_flight) {
    return Finish(response.status(), now);
  }
  if (!TakeReply(call, fetches_, now)) return {};
  absl::Status status = response.status();
  if (status.ok()) status = TakeFields(call, *response);
  if (IsQueryError(status)) return Finish(status, now);
  if (!status.ok()) FailCall(call, fetches_, status);
  return ContinueFetching(now);
}

TermSessionActions TermSession::OnTimer(absl::Time now) {
  if (phase_ == Phase::kDone) return {};
  return phase_ == Phase::kFetching ? ContinueFetching(now) : ContinueGathering(now);
}

TermSessionActions TermSession::Cancel(absl::Time now) {
  if (phase_ == Phase::kDone) return {};
  return Finish(absl::CancelledError("the client has gone"), now);
}

// Ends the call. False: nobody waits for its reply any more.
bool TermSession::TakeReply(CallId call, TermScatter& scatter, absl::Time now) {
  CHECK(call < calls_.size());
  if (!calls_[call].in_flight) {
    ++steering_.counters.late_replies;
    return false;
  }
  scatter.EndCall(call, now);
  return true;
}

absl::Status TermSession::CheckNumberOfBitmaps(CallId call,
                                               const v1::PostingsResponse& response) const {
  const size_t nodes = postings_.tasks(call).size();
  if (static_cast<size_t>(response.bitmaps_size()) == nodes) return absl::OkStatus();
  return absl::InternalError(
      Concat(AddressOf(call), ": ", response.bitmaps_size(), " bitmaps for ", nodes, " nodes"));
}

// As kMaxQueryBitmapBytes counts.
size_t TermSession::BytesOf(size_t node, const std::string& bitmap) const {
  return bitmap.size() * plan_.nodes[node].weight;
}

// Before anything is made of the bytes.
absl::Status TermSession::CheckBytes(CallId call, const v1::PostingsResponse& response) const {
  const std::vector<size_t>& nodes = postings_.tasks(call);
  size_t bytes = bitmap_bytes_;
  for (size_t i = 0; i < nodes.size(); ++i) {
    bytes += BytesOf(nodes[i], response.bitmaps(static_cast<int>(i)));
  }
  if (bytes <= max_bitmap_bytes_) return absl::OkStatus();
  return absl::ResourceExhaustedError(Concat("the bitmaps of the query's terms take ", bytes,
                                             " bytes, more than the limit of ", max_bitmap_bytes_,
                                             " (query bitmap bytes)"));
}

// Takes each node's bitmap, or what is wrong with it.
void TermSession::TakeBitmaps(CallId call, const v1::PostingsResponse& response) {
  const std::vector<size_t>& nodes = postings_.tasks(call);
  TakeLoad(call, response.load());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const std::string& bytes = response.bitmaps(static_cast<int>(i));
    absl::StatusOr<Roaring> bitmap = ReadPostingBitmap(bytes, view_->collection.docs_total());
    if (bitmap.ok()) {
      bitmap_bytes_ += BytesOf(nodes[i], bytes);
      bitmaps_[nodes[i]] = *std::move(bitmap);
      postings_.Answer(nodes[i]);
      continue;
    }
    const absl::Status damaged =
        Annotate(bitmap.status(), Concat(AddressOf(call), ": ", NameOf(plan_.nodes[nodes[i]])));
    calls_[call].outcome = v1::ATTEMPT_OUTCOME_ERROR;
    calls_[call].reason = ReasonOf(damaged);
    postings_.Fail(nodes[i], damaged);
  }
}

absl::Status TermSession::TakeFields(CallId call, v1::FetchResponse& response) {
  RETURN_IF_ERROR(CheckCollection(*view_, response.generation(), response.collection_checksum(),
                                  steering_.counters));
  const auto same_doc = [](const v1::Hit& hit, const v1::Hit& fetched) {
    return hit.doc() == fetched.doc();
  };
  if (!std::equal(response_.hits().begin(), response_.hits().end(), response.hits().begin(),
                  response.hits().end(), same_doc)) {
    return absl::InternalError(
        Concat(AddressOf(call), ": fetched other documents than those asked for"));
  }
  if (response.ByteSizeLong() > kMaxFetchBytes) return FetchTooLarge();
  for (int i = 0; i < response.hits_size(); ++i) {
    v1::Hit& fetched = *response.mutable_hits(i);
    response_.mutable_hits(i)->set_id(std::move(*fetched.mutable_id()));
    response_.mutable_hits(i)->mutable_fields()->Swap(fetched.mutable_fields());
  }
  TakeLoad(call, response.load());
  for (const size_t task : fetches_.tasks(call)) fetches_.Answer(task);
  return absl::OkStatus();
}

void TermSession::TakeLoad(CallId call, const v1::LeafLoad& load) {
  calls_[call].queue_us = load.queue_wait_us();
  calls_[call].execution_us = load.service_us();
  calls_[call].outcome = v1::ATTEMPT_OUTCOME_WON;
}

void TermSession::FailCall(CallId call, TermScatter& scatter, const absl::Status& why) {
  calls_[call].outcome = v1::ATTEMPT_OUTCOME_ERROR;
  calls_[call].reason = ReasonOf(why);
  for (const size_t task : scatter.tasks(call)) scatter.Fail(task, why);
}

const std::string& TermSession::AddressOf(CallId call) const {
  return view_->leaves[calls_[call].leaf].address;
}

TermSessionActions TermSession::ContinueGathering(absl::Time now) {
  if (!postings_.failure().ok()) return FailGathering(postings_.failure(), now);
  if (postings_.finished()) return FinishGathering(now);
  if (now >= query_.soft_deadline) {
    return FailGathering(DeadlinePassed("gathering bitmaps"), now);
  }
  TermSessionActions actions;
  for (const CallId call : postings_.StartCalls(now)) {
    const LeafCall& started = calls_[call];
    actions.postings.push_back({.call = call,
                                .leaf = started.leaf,
                                .kind = started.kind,
                                .nodes = postings_.tasks(call),
                                .max_bytes = max_bitmap_bytes_ - bitmap_bytes_,
                                .deadline = query_.soft_deadline});
  }
  actions.wake_at = query_.soft_deadline;
  return actions;
}

// As a query whose only shard is missing.
TermSessionActions TermSession::FailGathering(const absl::Status& why, absl::Time now) {
  gathered_ = now;
  const std::vector<ShardResult> results = {{.answer = nullptr, .failure = why}};
  return Finish(CheckCoverage(MakeCoverage(*view_, results), results, query_.min_coverage), now);
}

TermSessionActions TermSession::FinishGathering(absl::Time now) {
  gathered_ = now;
  const Roaring matches = Evaluate(plan_.root, std::exchange(bitmaps_, {}));
  v1::ShardAnswer answer;
  answer.set_shard(kOnlyShard);
  answer.set_state(v1::SHARD_STATE_COMPLETE);
  answer.set_docs_total(view_->collection.docs_total());
  answer.set_docs_covered(view_->collection.docs_total());
  *response_.mutable_coverage() =
      MakeCoverage(*view_, std::vector<ShardResult>{{.answer = &answer, .failure = {}}});
  response_.mutable_total()->set_value(matches.cardinality());
  response_.mutable_total()->set_relation(v1::Total::EQ);
  response_.set_generation(view_->collection.generation());
  response_.set_analyzer(view_->collection.analyzer());
  response_.set_analyzer_version(view_->collection.analyzer_version());
  response_.set_unranked(true);
  if (!query_.count_only) {
    for (const DocId doc : DocsOf(matches, query_.offset, query_.k)) {
      response_.add_hits()->set_doc(doc);
    }
  }
  if (response_.hits().empty()) return Finish(std::move(response_), now);
  phase_ = Phase::kFetching;
  fetches_.Want(query_.query_hash);
  return ContinueFetching(now);
}

TermSessionActions TermSession::ContinueFetching(absl::Time now) {
  if (now >= query_.deadline) return Finish(DeadlinePassed("fetching stored fields"), now);
  if (const absl::Status& why = fetches_.failure(); !why.ok()) {
    const absl::StatusCode code =
        absl::IsDeadlineExceeded(why) ? why.code() : absl::StatusCode::kUnavailable;
    return Finish(absl::Status(code, Concat("stored fields of hits: ", ReasonOf(why))), now);
  }
  if (fetches_.finished()) return Finish(std::move(response_), now);
  TermSessionActions actions;
  for (const CallId call : fetches_.StartCalls(now)) {
    SessionActions::FetchCall fetch{
        .call = call, .leaf = calls_[call].leaf, .docs = {}, .deadline = query_.deadline};
    for (const v1::Hit& hit : response_.hits()) fetch.docs.push_back(hit.doc());
    actions.fetches.push_back(std::move(fetch));
  }
  actions.wake_at = query_.deadline;
  return actions;
}

TermSessionActions TermSession::Finish(absl::StatusOr<v1::SearchResponse> result, absl::Time now) {
  TermSessionActions actions;
  const absl::Status over = absl::CancelledError("the query is over");
  actions.cancels = postings_.GiveUp(over, now);
  Append(fetches_.GiveUp(over, now), actions.cancels);
  phase_ = Phase::kDone;
  bitmaps_.clear();
  bytes_.ReturnAll();
  if (result.ok()) {
    *result->mutable_ledger() = MakeLedger(calls_, started_, gathered_, now);
    if (query_.trace) AddAttempts(*view_, calls_, started_, *result);
  }
  actions.done = std::move(result);
  return actions;
}

}  // namespace canopy

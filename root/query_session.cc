#include "root/query_session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "root/merge.h"
#include "root/query_trace.h"
#include "rpc/search_backend.h"

namespace canopy {
namespace {

absl::Status DeadlinePassed(std::string_view doing) {
  return absl::DeadlineExceededError(Concat("deadline passed while ", doing));
}

// The query's own fault: every leaf would say the same.
bool IsQueryError(const absl::Status& status) {
  return absl::IsInvalidArgument(status) || absl::IsUnimplemented(status);
}

// Why the leaf has no answer for the shard.
absl::Status FailureOf(const v1::ShardAnswer& missing) {
  const auto code = static_cast<absl::StatusCode>(missing.code());
  return absl::Status(code == absl::StatusCode::kOk ? absl::StatusCode::kUnavailable : code,
                      missing.reason());
}

void Append(std::vector<CallId> more, std::vector<CallId>& to) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

QuerySession::QuerySession(SessionQuery query, std::shared_ptr<const ClusterView> view,
                           ReplicaChooser chooser)
    : query_(query),
      view_(std::move(view)),
      searches_(*view_, chooser, {v1::ATTEMPT_KIND_PRIMARY, v1::ATTEMPT_KIND_RETRY}, calls_),
      fetches_(*view_, chooser, {v1::ATTEMPT_KIND_FETCH, v1::ATTEMPT_KIND_FETCH_RETRY}, calls_),
      answers_(view_->num_shards()) {}

SessionActions QuerySession::Start(absl::Time now) {
  started_ = now;
  searched_ = now;
  if (now >= query_.deadline) return Finish(DeadlinePassed("the query waited to start"), now);
  for (ShardId shard = 0; shard < view_->num_shards(); ++shard) searches_.Want(shard);
  return ContinueSearching(now);
}

SessionActions QuerySession::OnSearchResponse(CallId call,
                                              absl::StatusOr<v1::SearchResponse> response,
                                              absl::Time now) {
  if (!TakeReply(call, searches_, now)) return {};
  absl::Status status = response.status();
  if (status.ok()) status = TakeAnswers(call, *response);
  if (IsQueryError(status)) return Finish(status, now);
  if (!status.ok()) FailCall(call, searches_, status);
  return ContinueSearching(now);
}

SessionActions QuerySession::OnFetchResponse(CallId call,
                                             absl::StatusOr<v1::FetchResponse> response,
                                             absl::Time now) {
  if (!TakeReply(call, fetches_, now)) return {};
  absl::Status status = response.status();
  if (status.ok()) status = TakeFields(call, *response);
  if (IsQueryError(status)) return Finish(status, now);
  if (!status.ok()) FailCall(call, fetches_, status);
  return ContinueFetching(now);
}

SessionActions QuerySession::OnTimer(absl::Time now) {
  if (phase_ == Phase::kDone) return {};
  if (phase_ == Phase::kFetching) return ContinueFetching(now);
  return ContinueSearching(now);
}

SessionActions QuerySession::Cancel(absl::Time now) {
  if (phase_ == Phase::kDone) return {};
  return Finish(absl::CancelledError("the client has gone"), now);
}

// Ends the call. False: nobody waits for its reply any more.
bool QuerySession::TakeReply(CallId call, Scatter& scatter, absl::Time now) {
  CHECK(call < calls_.size());
  if (!calls_[call].in_flight) {
    ++counters_.late_replies;
    return false;
  }
  scatter.EndCall(call, now);
  return true;
}

absl::Status QuerySession::CheckReply(uint64_t generation, uint64_t checksum) {
  const v1::CollectionInfo& ours = view_->collection;
  if (generation == ours.generation() && checksum == ours.checksum()) return absl::OkStatus();
  ++counters_.wrong_generation_replies;
  return absl::FailedPreconditionError(
      Concat("answered from generation ", generation, " (checksum ", checksum, "), asked for ",
             ours.generation(), " (checksum ", ours.checksum(), ")"));
}

// Takes each shard's answer, or its failure. An error: the reply as a whole is of no use.
absl::Status QuerySession::TakeAnswers(CallId call, v1::SearchResponse& response) {
  RETURN_IF_ERROR(CheckReply(response.generation(), response.collection_checksum()));
  calls_[call].queue_us = response.load().queue_wait_us();
  calls_[call].execution_us = response.load().service_us();
  calls_[call].outcome = v1::ATTEMPT_OUTCOME_LOST;
  for (ShardId shard : calls_[call].shards) {
    absl::StatusOr<v1::ShardAnswer> answer = TakeAnswer(shard, response);
    if (answer.ok()) {
      calls_[call].outcome = v1::ATTEMPT_OUTCOME_WON;
      searches_.Answer(call, shard);
      answers_[shard] = *std::move(answer);
    } else {
      const std::string& address = view_->leaves[calls_[call].leaf].address;
      const absl::Status status = Annotate(answer.status(), address);
      calls_[call].reason = ReasonOf(status);
      searches_.Fail(shard, status);
    }
  }
  return absl::OkStatus();
}

// The one answer for `shard`, when it is one that can be merged.
absl::StatusOr<v1::ShardAnswer> QuerySession::TakeAnswer(ShardId shard,
                                                         v1::SearchResponse& response) const {
  v1::ShardAnswer* found = nullptr;
  for (v1::ShardAnswer& answer : *response.mutable_shard_answers()) {
    if (answer.shard() != shard) continue;
    if (found != nullptr) return absl::InternalError(Concat("two answers for shard ", shard));
    found = &answer;
  }
  if (found == nullptr) return absl::InternalError(Concat("no answer for shard ", shard));
  if (found->state() == v1::SHARD_STATE_MISSING) return FailureOf(*found);
  const uint32_t k = query_.count_only ? 0 : query_.offset + query_.k;
  RETURN_IF_ERROR(CheckShardAnswer(*found, view_->DocsOf(shard), view_->num_shards(), k));
  return std::move(*found);
}

absl::Status QuerySession::TakeFields(CallId call, v1::FetchResponse& response) {
  RETURN_IF_ERROR(CheckReply(response.generation(), response.collection_checksum()));
  const std::vector<v1::Hit*> hits = HitsOf(call);
  const auto same_doc = [](const v1::Hit* hit, const v1::Hit& fetched) {
    return hit->doc() == fetched.doc();
  };
  if (!std::equal(hits.begin(), hits.end(), response.hits().begin(), response.hits().end(),
                  same_doc)) {
    return absl::InternalError(Concat(view_->leaves[calls_[call].leaf].address,
                                      ": fetched other documents than those asked for"));
  }
  for (const v1::Hit& hit : response.hits()) fetched_bytes_ += hit.ByteSizeLong();
  if (fetched_bytes_ > kMaxFetchBytes) return FetchTooLarge();
  for (size_t i = 0; i < hits.size(); ++i) {
    hits[i]->set_id(std::move(*response.mutable_hits(i)->mutable_id()));
    hits[i]->mutable_fields()->Swap(response.mutable_hits(i)->mutable_fields());
  }
  calls_[call].queue_us = response.load().queue_wait_us();
  calls_[call].execution_us = response.load().service_us();
  calls_[call].outcome = v1::ATTEMPT_OUTCOME_WON;
  for (ShardId shard : calls_[call].shards) fetches_.Answer(call, shard);
  return absl::OkStatus();
}

void QuerySession::FailCall(CallId call, Scatter& scatter, const absl::Status& why) {
  calls_[call].outcome = v1::ATTEMPT_OUTCOME_ERROR;
  calls_[call].reason = ReasonOf(why);
  for (ShardId shard : calls_[call].shards) scatter.Fail(shard, why);
}

SessionActions QuerySession::ContinueSearching(absl::Time now) {
  std::vector<CallId> cancels;
  if (now >= query_.soft_deadline) {
    cancels = searches_.GiveUp(DeadlinePassed("searching"), now);
  }
  SessionActions actions;
  if (searches_.finished()) {
    actions = FinishSearching(now);
  } else {
    AddSearchCalls(searches_.StartCalls(now), actions);
    actions.wake_at = query_.soft_deadline;
  }
  Append(std::move(cancels), actions.cancels);
  return actions;
}

SessionActions QuerySession::FinishSearching(absl::Time now) {
  searched_ = now;
  const std::vector<ShardResult> results = Results();
  *response_.mutable_coverage() = MakeCoverage(*view_, results);
  const absl::Status enough = CheckCoverage(response_.coverage(), results, query_.min_coverage);
  if (!enough.ok()) return Finish(enough, now);

  std::vector<const v1::ShardAnswer*> answers;
  for (const ShardResult& result : results) answers.push_back(result.answer);
  MergedHits merged = MergeAnswers(answers, query_.offset, query_.count_only ? 0 : query_.k);
  const bool exact = merged.total_is_exact && response_.coverage().complete();
  response_.mutable_total()->set_value(merged.total);
  response_.mutable_total()->set_relation(exact ? v1::Total::EQ : v1::Total::GTE);
  response_.set_generation(view_->collection.generation());
  response_.set_analyzer(view_->collection.analyzer());
  response_.set_analyzer_version(view_->collection.analyzer_version());
  response_.set_timed_out(TimedOut(results));
  for (const v1::ShardHit& hit : merged.hits) {
    response_.add_hits()->set_doc(hit.doc());
    response_.mutable_hits()->rbegin()->set_score(hit.score());
  }
  if (merged.hits.empty()) return Finish(std::move(response_), now);

  phase_ = Phase::kFetching;
  for (const v1::Hit& hit : response_.hits()) {
    const ShardId shard = ShardOf(hit.doc());
    if (fetches_.state(shard) != Scatter::State::kUnwanted) continue;
    const LeafCall& answered = calls_[searches_.call(shard)];
    fetches_.WantFrom(shard, answered.leaf, answered.replica);
  }
  return ContinueFetching(now);
}

SessionActions QuerySession::ContinueFetching(absl::Time now) {
  if (now >= query_.deadline) return Finish(DeadlinePassed("fetching stored fields"), now);
  for (const v1::Hit& hit : response_.hits()) {
    const ShardId shard = ShardOf(hit.doc());
    if (fetches_.state(shard) != Scatter::State::kFailed) continue;
    const absl::Status& why = fetches_.failure(shard);
    const absl::StatusCode code =
        absl::IsDeadlineExceeded(why) ? why.code() : absl::StatusCode::kUnavailable;
    return Finish(
        absl::Status(code, Concat("stored fields of hits in shard ", shard, ": ", ReasonOf(why))),
        now);
  }
  if (fetches_.finished()) return Finish(std::move(response_), now);
  SessionActions actions;
  AddFetchCalls(fetches_.StartCalls(now), actions);
  actions.wake_at = query_.deadline;
  return actions;
}

SessionActions QuerySession::Finish(absl::StatusOr<v1::SearchResponse> result, absl::Time now) {
  SessionActions actions;
  const absl::Status over = absl::CancelledError("the query is over");
  actions.cancels = searches_.GiveUp(over, now);
  Append(fetches_.GiveUp(over, now), actions.cancels);
  phase_ = Phase::kDone;
  if (result.ok()) {
    *result->mutable_ledger() = MakeLedger(calls_, started_, searched_, now);
    if (query_.trace) AddAttempts(*view_, calls_, started_, *result);
  }
  actions.done = std::move(result);
  return actions;
}

void QuerySession::AddSearchCalls(const std::vector<CallId>& calls, SessionActions& actions) {
  for (CallId call : calls) {
    const LeafCall& started = calls_[call];
    const bool retry = started.kind == v1::ATTEMPT_KIND_RETRY;
    ++(retry ? counters_.retry_calls : counters_.primary_calls);
    actions.searches.push_back({.call = call,
                                .leaf = started.leaf,
                                .kind = started.kind,
                                .shards = started.shards,
                                .deadline = query_.soft_deadline});
  }
}

void QuerySession::AddFetchCalls(const std::vector<CallId>& calls, SessionActions& actions) {
  for (CallId call : calls) {
    SessionActions::FetchCall fetch{
        .call = call, .leaf = calls_[call].leaf, .docs = {}, .deadline = query_.deadline};
    for (const v1::Hit* hit : HitsOf(call)) fetch.docs.push_back(hit->doc());
    actions.fetches.push_back(std::move(fetch));
  }
}

std::vector<v1::Hit*> QuerySession::HitsOf(CallId call) {
  std::vector<v1::Hit*> hits;
  for (v1::Hit& hit : *response_.mutable_hits()) {
    const ShardId shard = ShardOf(hit.doc());
    if (fetches_.call(shard) == call) hits.push_back(&hit);
  }
  return hits;
}

std::vector<ShardResult> QuerySession::Results() const {
  std::vector<ShardResult> results(view_->num_shards());
  for (ShardId shard = 0; shard < results.size(); ++shard) {
    if (searches_.state(shard) == Scatter::State::kAnswered) {
      results[shard].answer = &answers_[shard];
    } else {
      results[shard].failure = searches_.failure(shard);
    }
  }
  return results;
}

}  // namespace canopy

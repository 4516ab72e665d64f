#include "root/query_session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/status.h"
#include "base/strings.h"
#include "root/hits_a_shard.h"
#include "root/merge.h"
#include "root/query_trace.h"
#include "root/session_parts.h"
#include "root/top_k_bound.h"
#include "rpc/search_backend.h"

namespace canopy {
namespace {

// Why the leaf has no answer for the shard.
absl::Status FailureOf(const v1::ShardAnswer& missing) {
  const auto code = static_cast<absl::StatusCode>(missing.code());
  return absl::Status(code == absl::StatusCode::kOk ? absl::StatusCode::kUnavailable : code,
                      missing.reason());
}

Scatter::Options SearchOptions(const SessionQuery& query, const CostHints& costs) {
  return {.deadline = query.soft_deadline,
          .cost_a_shard = costs.CostAShard(query.query_hash),
          .assumed_cost = costs.MeanCostAShard()};
}

Scatter::Options FetchOptions(const SessionQuery& query) {
  return {.first_kind = v1::ATTEMPT_KIND_FETCH,
          .retry_kind = v1::ATTEMPT_KIND_FETCH_RETRY,
          .hedge_kind = v1::ATTEMPT_KIND_FETCH_HEDGE,
          .deadline = query.deadline};
}

// First calls that are asked for the bounds of all shards: any leaf knows them, one may be late.
constexpr size_t kLeavesThatBound = 2;

// Of all shards together.
uint32_t HitsWanted(const SessionQuery& query) {
  return query.count_only ? 0 : query.offset + query.k;
}

}  // namespace

QuerySession::QuerySession(SessionQuery query, std::shared_ptr<const ClusterView> view,
                           Steering& steering)
    : query_(query),
      view_(std::move(view)),
      steering_(steering),
      searches_(*view_, {steering.loads, query.query_hash}, steering, steering.search_latency,
                SearchOptions(query, steering.costs), calls_),
      fetches_(*view_, {steering.loads, query.query_hash}, steering, steering.fetch_latency,
               FetchOptions(query), calls_),
      search_hedger_(*view_, steering, steering.search_latency, searches_, calls_),
      fetch_hedger_(*view_, steering, steering.fetch_latency, fetches_, calls_),
      first_k_a_shard_(HitsAShard(HitsWanted(query), view_->num_shards())),
      k_a_shard_(first_k_a_shard_),
      answers_(view_->num_shards()),
      bytes_(*steering.result_bytes) {}

SessionActions QuerySession::Start(absl::Time now) {
  started_ = now;
  searched_ = now;
  if (now >= query_.deadline) return Finish(DeadlinePassed("the query waited to start"), now);
  for (ShardId shard = 0; shard < view_->num_shards(); ++shard) searches_.Want(shard, now);
  return ContinueSearching(now);
}

SessionActions QuerySession::OnScatterResponse(CallId call,
                                               absl::StatusOr<v1::SearchResponse> response,
                                               absl::Time now) {
  if (IsOverBudget(response.status()) && calls_[call].in_flight) {
    return Finish(response.status(), now);
  }
  if (!TakeReply(call, searches_, now)) return {};
  const uint64_t bytes = response.ok() ? response->ByteSizeLong() : 0;
  absl::Status status = response.status();
  if (status.ok()) status = TakeAnswers(call, *response);
  if (!status.ok()) FailCall(call, searches_, status, now);
  if (IsQueryError(status)) return Finish(status, now);
  if (status = bytes_.Take(bytes); !status.ok()) return Finish(status, now);
  return ContinueSearching(now);
}

SessionActions QuerySession::OnFetchResponse(CallId call,
                                             absl::StatusOr<v1::FetchResponse> response,
                                             absl::Time now) {
  if (IsOverBudget(response.status()) && calls_[call].in_flight) {
    return Finish(response.status(), now);
  }
  if (!TakeReply(call, fetches_, now)) return {};
  const uint64_t bytes = response.ok() ? response->ByteSizeLong() : 0;
  absl::Status status = response.status();
  if (status.ok()) status = TakeFields(call, *response);
  if (!status.ok()) FailCall(call, fetches_, status, now);
  if (IsQueryError(status)) return Finish(status, now);
  if (status = bytes_.Take(bytes); !status.ok()) return Finish(status, now);
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
    ++steering_.counters.late_replies;
    return false;
  }
  scatter.EndCall(call, now);
  return true;
}

// Takes each shard's answer, or its failure. An error: the reply as a whole is of no use.
absl::Status QuerySession::TakeAnswers(CallId call, v1::SearchResponse& response) {
  RETURN_IF_ERROR(CheckCollection(*view_, response.generation(), response.collection_checksum(),
                                  steering_.counters));
  LearnCost(call, response);
  LeafCall& state = calls_[call];
  state.queue_us = response.load().queue_wait_us();
  state.execution_us = response.load().service_us();
  state.outcome = v1::ATTEMPT_OUTCOME_LOST;
  for (ShardId shard : state.shards) {
    absl::StatusOr<v1::ShardAnswer> answer = TakeAnswer(call, shard, response);
    if (!answer.ok()) {
      const absl::Status status = Annotate(answer.status(), view_->leaves[state.leaf].address);
      state.reason = ReasonOf(status);
      searches_.Fail(call, shard, status, state.ended);
    } else if (searches_.Answer(call, shard)) {
      state.outcome = v1::ATTEMPT_OUTCOME_WON;
      if (answer->hits_size() > 0) best_score_ = std::max(best_score_, answer->hits(0).score());
      answers_[shard] = *std::move(answer);
    }
  }
  if (static_cast<uint32_t>(response.score_bounds_size()) == view_->num_shards()) {
    score_bounds_.assign(response.score_bounds().begin(), response.score_bounds().end());
  }
  searches_.Answered(call, response.load());
  search_hedger_.OnAnswered(call);
  return absl::OkStatus();
}

// Documents are dealt out, so a query costs about the same in each shard: the mean of those that
// have told. The call is recorded under what calls that are out are looked up by.
void QuerySession::LearnCost(CallId call, const v1::SearchResponse& response) {
  for (const v1::ShardAnswer& answer : response.shard_answers()) {
    told_cost_ += answer.cost();
    costs_told_ += answer.cost() > 0;
  }
  if (costs_told_ == 0) return;
  searches_.SetCostAShard(std::max<uint64_t>(1, told_cost_ / costs_told_));
  calls_[call].cost = searches_.CostOf(calls_[call]);
}

// The one answer for `shard`, when it is one that can be merged.
absl::StatusOr<v1::ShardAnswer> QuerySession::TakeAnswer(CallId call, ShardId shard,
                                                         v1::SearchResponse& response) const {
  v1::ShardAnswer* found = nullptr;
  for (v1::ShardAnswer& answer : *response.mutable_shard_answers()) {
    if (answer.shard() != shard) continue;
    if (found != nullptr) return absl::InternalError(Concat("two answers for shard ", shard));
    found = &answer;
  }
  if (found == nullptr) return absl::InternalError(Concat("no answer for shard ", shard));
  if (found->state() == v1::SHARD_STATE_MISSING) return FailureOf(*found);
  RETURN_IF_ERROR(CheckShardAnswer(*found, {.docs_in_shard = view_->DocsOf(shard),
                                            .num_shards = view_->num_shards(),
                                            .k = calls_[call].k,
                                            .has_threshold = calls_[call].score_threshold > 0}));
  return std::move(*found);
}

absl::Status QuerySession::TakeFields(CallId call, v1::FetchResponse& response) {
  RETURN_IF_ERROR(CheckCollection(*view_, response.generation(), response.collection_checksum(),
                                  steering_.counters));
  LeafCall& state = calls_[call];
  const std::vector<v1::Hit*> hits = HitsOf(call);
  const auto same_doc = [](const v1::Hit* hit, const v1::Hit& fetched) {
    return hit->doc() == fetched.doc();
  };
  if (!std::equal(hits.begin(), hits.end(), response.hits().begin(), response.hits().end(),
                  same_doc)) {
    return absl::InternalError(Concat(view_->leaves[state.leaf].address,
                                      ": fetched other documents than those asked for"));
  }
  for (size_t i = 0; i < hits.size(); ++i) {
    if (fetches_.state(ShardOf(hits[i]->doc())) != Scatter::State::kPending) continue;
    v1::Hit& fetched = *response.mutable_hits(static_cast<int>(i));
    fetched_bytes_ += fetched.ByteSizeLong();
    if (fetched_bytes_ > kMaxFetchBytes) return FetchTooLarge();
    hits[i]->set_id(std::move(*fetched.mutable_id()));
    hits[i]->mutable_fields()->Swap(fetched.mutable_fields());
  }
  state.queue_us = response.load().queue_wait_us();
  state.execution_us = response.load().service_us();
  state.outcome = v1::ATTEMPT_OUTCOME_LOST;
  for (ShardId shard : state.shards) {
    if (fetches_.Answer(call, shard)) state.outcome = v1::ATTEMPT_OUTCOME_WON;
  }
  fetches_.Answered(call, response.load());
  fetch_hedger_.OnAnswered(call);
  return absl::OkStatus();
}

void QuerySession::FailCall(CallId call, Scatter& scatter, const absl::Status& why,
                            absl::Time now) {
  calls_[call].outcome = v1::ATTEMPT_OUTCOME_ERROR;
  calls_[call].reason = ReasonOf(why);
  calls_[call].refused = absl::IsResourceExhausted(why) && !IsFetch(calls_[call].kind);
  scatter.Failed(call, why);
  for (ShardId shard : calls_[call].shards) scatter.Fail(call, shard, why, now);
}

std::vector<const v1::ShardAnswer*> QuerySession::Answers() const {
  std::vector<const v1::ShardAnswer*> answers;
  for (ShardId shard = 0; shard < view_->num_shards(); ++shard) {
    if (searches_.state(shard) == Scatter::State::kAnswered) answers.push_back(&answers_[shard]);
  }
  return answers;
}

std::optional<double> QuerySession::LastScore() const {
  const auto last = KthHit(Answers(), HitsWanted(query_));
  return last ? std::optional(last->score()) : std::nullopt;
}

void QuerySession::DropUnneeded() {
  // A count is of all shards: where nothing matches, too, the leaf has to say so.
  if (query_.count_only || !query_.total_may_be_lower_bound) return;
  if (score_bounds_.empty() || searches_.finished()) return;
  bool looked = false;
  std::optional<double> last;
  for (ShardId shard = 0; shard < view_->num_shards(); ++shard) {
    if (searches_.state(shard) != Scatter::State::kPending) continue;
    // Few bounds are below the best score, and the last one takes a while to find.
    if (!CannotReach(score_bounds_[shard], best_score_)) continue;
    if (!looked) last = LastScore();
    looked = true;
    if (!CannotReach(score_bounds_[shard], last)) continue;
    searches_.Drop(shard);
    ++steering_.counters.shards_not_needed;
  }
}

// Why a shard was refused for load without which there can be no answer: what the other leaves do
// for the query would be wasted. OK: nothing of the kind.
absl::Status QuerySession::FatalRefusal() const {
  if (query_.total_may_be_lower_bound) return absl::OkStatus();  // it may do without the shard
  absl::Status refusal;
  uint64_t docs = view_->collection.docs_total();
  for (ShardId shard = 0; shard < view_->num_shards(); ++shard) {
    if (searches_.state(shard) != Scatter::State::kFailed) continue;
    docs -= view_->DocsOf(shard);
    if (absl::IsResourceExhausted(searches_.failure(shard))) refusal = searches_.failure(shard);
  }
  const auto all = static_cast<double>(view_->collection.docs_total());
  const bool may_suffice =
      query_.min_coverage < 1 && docs > 0 && static_cast<double>(docs) / all >= query_.min_coverage;
  return may_suffice ? absl::OkStatus() : refusal;
}

// Asks those shards again that may hold more of the best hits than they were asked for: few, or
// only those that could be among the best then. (A shard that fails when it is asked again takes
// hits with it.)
void QuerySession::AskForMore() {
  const uint32_t all = HitsWanted(query_);
  if (first_k_a_shard_ == all) return;
  k_a_shard_ = all;
  const std::optional<v1::ShardHit> last = KthHit(Answers(), all);
  for (ShardId shard = 0; shard < view_->num_shards(); ++shard) {
    if (searches_.state(shard) != Scatter::State::kAnswered) continue;
    const LeafCall& answered = calls_[searches_.answered_by(shard)];
    if (MayHaveMore(answers_[shard], answered.k, answered.score_threshold, last)) {
      searches_.WantMore(shard);
    }
  }
}

// No shard is waited for: asks for more, or where there is no time for it does without the shards.
void QuerySession::EndRound(absl::Time now) {
  for (;;) {
    AskForMore();
    if (searches_.finished() || now < query_.soft_deadline) return;
    searches_.GiveUp(DeadlinePassed("searching"), now);
  }
}

SessionActions QuerySession::ContinueSearching(absl::Time now) {
  DropUnneeded();
  std::vector<CallId> cancels = searches_.CancelIdle(now);
  if (now >= query_.soft_deadline) {
    Append(searches_.GiveUp(DeadlinePassed("searching"), now), cancels);
  }
  if (const absl::Status refusal = FatalRefusal(); !refusal.ok()) {
    Append(searches_.GiveUp(refusal, now), cancels);
  } else if (searches_.finished()) {
    EndRound(now);
  }
  SessionActions actions;
  if (searches_.finished()) {
    actions = FinishSearching(now);
  } else {
    // Once for what is new, so that it is started, and for when to look at it.
    search_hedger_.Look(now);
    AddSearchCalls(searches_.StartCalls(now), actions);
    actions.wake_at = std::min(query_.soft_deadline, search_hedger_.Look(now));
  }
  Append(std::move(cancels), actions.cancels);
  return actions;
}

SessionActions QuerySession::FinishSearching(absl::Time now) {
  searched_ = now;
  if (costs_told_ > 0) steering_.costs.Learn(query_.query_hash, searches_.cost_a_shard());
  const std::vector<ShardResult> results = Results();
  *response_.mutable_coverage() = MakeCoverage(*view_, results);
  response_.set_top_k_exact(
      response_.coverage().complete() ||
      (!query_.count_only && IsTopKExact(results, score_bounds_, LastScore())));
  if (!query_.total_may_be_lower_bound || !response_.top_k_exact()) {
    const absl::Status enough = CheckCoverage(response_.coverage(), results, query_.min_coverage);
    if (!enough.ok()) return Finish(enough, now);
  }

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
  if (merged.hits.empty() || query_.omit_ids) return Finish(std::move(response_), now);

  phase_ = Phase::kFetching;
  for (const v1::Hit& hit : response_.hits()) {
    const ShardId shard = ShardOf(hit.doc());
    if (fetches_.state(shard) != Scatter::State::kUnwanted) continue;
    const LeafCall& answered = calls_[searches_.answered_by(shard)];
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
  actions.cancels = fetches_.CancelIdle(now);
  fetch_hedger_.Look(now);
  AddFetchCalls(fetches_.StartCalls(now), actions);
  actions.wake_at = std::min(query_.deadline, fetch_hedger_.Look(now));
  return actions;
}

SessionActions QuerySession::Finish(absl::StatusOr<v1::SearchResponse> result, absl::Time now) {
  SessionActions actions;
  const absl::Status over = absl::CancelledError("the query is over");
  actions.cancels = searches_.GiveUp(over, now);
  Append(fetches_.GiveUp(over, now), actions.cancels);
  phase_ = Phase::kDone;
  bytes_.ReturnAll();
  if (result.ok()) {
    *result->mutable_ledger() = MakeLedger(calls_, started_, searched_, now);
    if (query_.trace) AddAttempts(*view_, calls_, started_, *result);
  }
  actions.done = std::move(result);
  return actions;
}

void QuerySession::AddSearchCalls(const std::vector<CallId>& calls, SessionActions& actions) {
  std::optional<double> last_score;
  for (CallId call : calls) {
    LeafCall& started = calls_[call];
    // The first calls start before there is any hit.
    if (started.kind != v1::ATTEMPT_KIND_PRIMARY && !last_score) last_score = LastScore();
    started.k = k_a_shard_;
    started.score_threshold = last_score.value_or(0);
    const bool is_later = started.kind != v1::ATTEMPT_KIND_PRIMARY;
    const bool asks_for_bounds = call < kLeavesThatBound || (is_later && score_bounds_.empty());
    actions.searches.push_back({.call = call,
                                .leaf = started.leaf,
                                .kind = started.kind,
                                .shards = started.shards,
                                .deadline = query_.soft_deadline,
                                .k = started.k,
                                .score_threshold = started.score_threshold,
                                .omit_score_bounds = !asks_for_bounds,
                                .cost_hint = started.cost});
  }
}

void QuerySession::AddFetchCalls(const std::vector<CallId>& calls, SessionActions& actions) {
  for (CallId call : calls) {
    SessionActions::FetchCall fetch{.call = call,
                                    .leaf = calls_[call].leaf,
                                    .kind = calls_[call].kind,
                                    .docs = {},
                                    .deadline = query_.deadline};
    for (const v1::Hit* hit : HitsOf(call)) fetch.docs.push_back(hit->doc());
    actions.fetches.push_back(std::move(fetch));
  }
}

std::vector<v1::Hit*> QuerySession::HitsOf(CallId call) {
  const std::vector<ShardId>& shards = calls_[call].shards;  // ascending
  std::vector<v1::Hit*> hits;
  for (v1::Hit& hit : *response_.mutable_hits()) {
    if (std::binary_search(shards.begin(), shards.end(), ShardOf(hit.doc()))) hits.push_back(&hit);
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
      results[shard].not_needed = searches_.state(shard) == Scatter::State::kNotNeeded;
    }
  }
  return results;
}

}  // namespace canopy

#include "leaf/search_job.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "leaf/plan_query.h"
#include "shard/score_bounds.h"

namespace canopy {
namespace {

// Above every score: 2^53 is FixedScore's limit.
constexpr double kMaxThreshold = static_cast<double>(int64_t{1} << (53 - kScoreFractionBits));

// In SearchResponse.score_bounds: nothing of the shard matches.
constexpr double kNoMatch = -1;

}  // namespace

absl::StatusOr<SearchOptions> ReadSearchOptions(const v1::SearchRequest& request) {
  SearchOptions options;
  options.k = request.count_only() ? 0 : request.k();
  if (!request.count_only() && (options.k == 0 || options.k > kMaxHits)) {
    return absl::InvalidArgumentError(Concat("k must be 1 to ", kMaxHits, ", got ", options.k));
  }
  options.total = request.total_may_be_lower_bound() ? TotalMode::kLowerBound : TotalMode::kExact;
  const double threshold = request.score_threshold();
  if (!(threshold >= 0 && threshold <= kMaxThreshold)) {  // also NaN
    return absl::InvalidArgumentError(
        Concat("score_threshold must be 0 to ", kMaxThreshold, ", got ", threshold));
  }
  options.score_threshold =
      static_cast<FixedScore>(std::ceil(std::ldexp(threshold, kScoreFractionBits)));
  return options;
}

absl::StatusOr<size_t> ReadPriority(const v1::SearchRequest& request) {
  const std::optional<size_t> own = PlaceOf(request.priority());
  if (!own) {
    return absl::InvalidArgumentError(Concat("priority must be 0 to ",
                                             static_cast<int>(v1::PRIORITY_SHEDDABLE), ", got ",
                                             static_cast<int>(request.priority())));
  }
  const size_t lower = request.attempt_kind() == v1::ATTEMPT_KIND_HEDGE ? 1 : 0;
  return std::min(*own + lower, kNumPriorities - 1);
}

SearchJob::SearchJob(Call call, std::shared_ptr<const ServedGeneration> generation,
                     const SearchOptions& options, LeafCounters& counters, const Clock& clock)
    : call_(std::move(call)),
      generation_(std::move(generation)),
      options_(options),
      counters_(counters),
      clock_(clock),
      arrived_(clock.Now()),
      first_started_(arrived_) {
  for (const ShardId shard : call_.request->shards()) {
    if (const ShardFile* const file = generation_->Find(shard)) tasks_.emplace_back().shard = file;
  }
  unfinished_ = tasks_.size();
}

bool SearchJob::RunTask(size_t index) {
  Run(tasks_[index], *call_.context);
  return --unfinished_ == 0;
}

bool SearchJob::RunNow(absl::Duration most) {
  const Cancellation limit(clock_, std::min(call_.context->deadline(), clock_.Now() + most));
  bool in_time = true;
  for (Task& task : tasks_) {
    Run(task, limit);
    in_time &= !absl::IsDeadlineExceeded(task.status);
    if (!in_time) break;
  }
  if (in_time) unfinished_ = 0;
  for (Task& task : tasks_) {
    if (!in_time) task = {.shard = task.shard, .status = {}, .answer = {}};
  }
  return in_time;
}

void SearchJob::Run(Task& task, const Cancellation& limit) {
  const absl::Time start = clock_.Now();
  absl::call_once(started_, [&] { first_started_ = start; });
  const absl::Duration cpu_before = ThreadCpuTime();
  task.status = SearchOneShard(task, limit);
  cpu_ns_ += absl::ToInt64Nanoseconds(ThreadCpuTime() - cpu_before);
  thread_ns_ += absl::ToInt64Nanoseconds(clock_.Now() - start);
}

absl::Status SearchJob::SearchOneShard(Task& task, const Cancellation& limit) {
  // It may have waited in the queue for longer than its caller did for it.
  RETURN_IF_ERROR(call_.context->status());
  has_run_ = true;
  const absl::Time start = clock_.Now();
  // On a search thread: a large tree takes a while.
  absl::call_once(planned_,
                  [this] { query_ = PlanQuery(call_.request->query(), call_.context.get()); });
  if (!query_.ok()) return query_.status();
  SearchOptions options = options_;
  options.cancellation = &limit;
  ASSIGN_OR_RETURN(const ShardSearchResult result, SearchShard(*task.shard, *query_, options));
  FillAnswer(*task.shard, result, task.answer);
  task.answer.set_execution_us(absl::ToInt64Microseconds(clock_.Now() - start));
  // Here the query is known to be valid.
  if (options_.k > 0 && !call_.request->omit_score_bounds()) {
    absl::call_once(bounded_, [this] { BoundAllShards(); });
  }
  return absl::OkStatus();
}

void SearchJob::BoundAllShards() {
  const TermBounds* const bounds = generation_->term_bounds();
  if (bounds == nullptr) return;
  const auto scores = BoundScores(*bounds, tasks_[0].shard->stats(), *query_);
  if (!scores) return;
  score_bounds_.reserve(scores->size());
  for (const FixedScore score : *scores) {
    score_bounds_.push_back(score == kNoMatchBound ? kNoMatch : ToDouble(score));
  }
}

void SearchJob::FillAnswer(const ShardFile& shard, const ShardSearchResult& result,
                           v1::ShardAnswer& answer) const {
  const uint32_t num_shards = generation_->num_shards();
  answer.set_shard(shard.shard());
  answer.set_state(v1::SHARD_STATE_COMPLETE);
  answer.set_docs_total(shard.docs());
  answer.set_docs_covered(shard.docs());
  answer.set_cost(std::max<uint64_t>(1, result.cost));
  answer.mutable_total()->set_value(result.total);
  answer.mutable_total()->set_relation(result.total_is_exact ? v1::Total::EQ : v1::Total::GTE);
  answer.mutable_hits()->Reserve(static_cast<int>(result.hits.size()));
  for (const ScoredDoc& scored : result.hits) {
    v1::ShardHit& hit = *answer.add_hits();
    hit.set_doc(GlobalDoc({.shard = shard.shard(), .local = scored.doc}, num_shards));
    hit.set_score(ToDouble(scored.score));
  }
}

AdmissionQueue::Work SearchJob::work() const {
  AdmissionQueue::Work work{.cost = 0, .took = absl::Nanoseconds(thread_ns_.load())};
  for (const Task& task : tasks_) {
    work.complete &= task.status.ok();
    work.cost += task.answer.cost();
  }
  return work;
}

void SearchJob::EndUnstarted() {
  CountEnd(absl::ZeroDuration());
  const absl::Status status = call_.context->status();
  counters_.CountReply(status, call_.request->priority());
  call_.done(status);
}

void SearchJob::CountEnd(absl::Duration cpu) {
  counters_.CountCpu(cpu, *call_.context);
  const absl::Time now = clock_.Now();
  if (call_.context->status().ok()) return;
  counters_.CountStop(has_run_, std::max(now - call_.context->stop_time(), absl::ZeroDuration()));
}

void SearchJob::Finish() {
  v1::LeafLoad load = CountWork();
  auto reply = MakeReply(std::move(load));
  counters_.CountReply(reply, call_.request->priority());
  call_.done(std::move(reply));
}

v1::LeafLoad SearchJob::CountWork() {
  const absl::Duration waited = first_started_ - arrived_;
  const absl::Duration served = clock_.Now() - first_started_;
  const absl::Duration cpu = absl::Nanoseconds(cpu_ns_.load());
  counters_.queue_wait_ns += absl::ToInt64Nanoseconds(waited);
  counters_.service_ns += absl::ToInt64Nanoseconds(served);
  counters_.queue_wait.Record(waited);
  counters_.search_time.Record(served);
  CountEnd(cpu);
  v1::LeafLoad load;
  load.set_queue_wait_us(absl::ToInt64Microseconds(waited));
  load.set_service_us(absl::ToInt64Microseconds(served));
  load.set_cpu_us(absl::ToInt64Microseconds(cpu));
  load.set_in_flight_cost(counters_.in_flight_cost);
  return load;
}

absl::StatusOr<v1::SearchResponse> SearchJob::MakeReply(v1::LeafLoad load) {
  bool any_complete = false;
  for (const Task& task : tasks_) any_complete |= task.status.ok();
  for (const Task& task : tasks_) {
    const bool is_for_all = !any_complete || task.status.code() == absl::StatusCode::kCancelled;
    if (!task.status.ok() && is_for_all) return task.status;
  }
  v1::SearchResponse reply;
  reply.set_generation(generation_->number());
  reply.set_collection_checksum(generation_->checksum());
  reply.mutable_shard_answers()->Reserve(call_.request->shards_size());
  auto task = tasks_.begin();  // in the order of the shards asked, those not served here left out
  for (const ShardId shard : call_.request->shards()) {
    v1::ShardAnswer& answer = *reply.add_shard_answers();
    if (generation_->Find(shard) == nullptr) {
      answer = MissingAnswer(shard, absl::FailedPreconditionError("not served by this leaf"));
      continue;
    }
    answer = task->status.ok() ? std::move(task->answer) : MissingAnswer(shard, task->status);
    ++task;
  }
  reply.mutable_score_bounds()->Add(score_bounds_.begin(), score_bounds_.end());
  *reply.mutable_load() = std::move(load);
  return reply;
}

v1::ShardAnswer SearchJob::MissingAnswer(ShardId shard, const absl::Status& why) const {
  v1::ShardAnswer answer;
  answer.set_shard(shard);
  answer.set_state(v1::SHARD_STATE_MISSING);
  answer.set_code(static_cast<uint32_t>(why.code()));
  answer.set_reason(std::string(Message(why)));
  const bool exists = shard < generation_->num_shards();
  answer.set_docs_total(
      exists ? DocsInShard(generation_->docs_total(), shard, generation_->num_shards()) : 0);
  return answer;
}

}  // namespace canopy

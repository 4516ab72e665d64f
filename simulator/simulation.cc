#include "simulator/simulation.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/strings.h"
#include "root/call_recorder.h"
#include "root/plan_query.h"
#include "simulator/invariants.h"

namespace canopy {
namespace {

constexpr uint32_t kMaxLeaves = 1 << 20;  // of all replicas
constexpr Nanos kNanosPerMicrosecond = 1000;
constexpr size_t kPriority = 1;  // of all queries

uint64_t Microseconds(Nanos nanos) {
  return static_cast<uint64_t>(std::max<Nanos>(0, nanos) / kNanosPerMicrosecond);
}

}  // namespace

absl::Status CheckOptions(const SimulationOptions& options) {
  const ClusterShape& shape = options.cluster;
  if (shape.leaves == 0 || shape.replicas == 0 || shape.leaves > shape.shards) {
    return absl::InvalidArgumentError(Concat("1 to ", shape.shards,
                                             " leaves (one a shard) of 1 or more "
                                             "replicas, got ",
                                             shape.leaves, " of ", shape.replicas));
  }
  if (uint64_t{shape.leaves} * shape.replicas > kMaxLeaves) {
    return absl::InvalidArgumentError(Concat(shape.leaves, " leaves of ", shape.replicas,
                                             " replicas are more than ", kMaxLeaves, " processes"));
  }
  if (options.load.empty() || options.load.front().at != 0) {
    return absl::InvalidArgumentError("the load has to begin at 0");
  }
  for (const LoadStep& step : options.load) {
    if (!(step.qps > 0)) {
      return absl::InvalidArgumentError(Concat("queries a second must be above 0, got ", step.qps));
    }
  }
  for (const LeafFault& fault : options.faults) {
    if (fault.leaf >= shape.leaves * shape.replicas || fault.from < 0 || fault.to < fault.from ||
        fault.factor < 1) {
      return absl::InvalidArgumentError(
          Concat("a fault of leaf ", fault.leaf, " of ", shape.leaves * shape.replicas, " from ",
                 fault.from, " to ", fault.to, " ns, factor ", fault.factor, " (1 or more)"));
    }
  }
  return absl::OkStatus();
}

Simulation::Simulation(const SimulationOptions& options)
    : options_(options),
      workload_(options),
      steering_(options.steering),
      monitor_(events_, options, workload_.collection(),
               [this](LeafIndex leaf) { return ProbeResult(leaf); }) {
  const WorkerPool::OnDone on_done = [this](CallKey key, const WorkerPool::JobTimes& times) {
    OnLeafDone(key, times);
  };
  for (uint32_t i = 0; i < options.cluster.leaves * options.cluster.replicas; ++i) {
    leaves_.push_back(std::make_unique<LeafModel>(events_, options.cluster, on_done));
  }
}

absl::StatusOr<SimulationReport> Simulation::Run() {
  for (const LeafFault& fault : options_.faults) {
    events_.At(fault.from, [this, &fault] { BeginFault(fault); });
    events_.At(fault.to, [this, &fault] { EndFault(fault); });
  }
  if (options_.queries > 0) ScheduleArrival(0);
  while (broken_.ok() && (finished_ < options_.queries || !calls_.empty() || !queries_.empty())) {
    if (!events_.RunOne()) {
      Require(false, finished_, "nothing happens any more, and not all queries are done");
    }
  }
  for (const auto& leaf : leaves_) {
    Require(!broken_.ok() || leaf->searches.jobs() + leaf->fetches.jobs() == 0, options_.queries,
            "a leaf works for nobody");
  }
  CheckSteering();
  if (!broken_.ok()) return broken_;
  return MakeReport();
}

// --- The load, and what goes wrong.

void Simulation::ScheduleArrival(uint64_t number) {
  events_.After(workload_.NextArrival(number, events_.now()), [this, number] {
    auto query = std::make_unique<Query>();
    query->work = workload_.MakeQuery(number);
    query->arrived = events_.now();
    query->deadline = events_.now() + options_.query.timeout;
    const Nanos root = query->work.root;
    queries_[number] = std::move(query);
    events_.After(root, [this, number] { StartQuery(number); });
    if (number + 1 < options_.queries) ScheduleArrival(number + 1);
  });
}

void Simulation::StartQuery(uint64_t number) {
  Query& query = *queries_.at(number);
  query.begun = events_.now();
  if (const absl::Status status = steering_.query_limit.Begin(kPriority, ToTime(query.begun));
      !status.ok()) {
    CountQuery(query, status);
    queries_.erase(number);
    return;
  }
  query.session = MakeSession(query);
  if (query.work.client_leaves >= 0) {
    events_.After(query.work.client_leaves, [this, number] {
      const auto found = queries_.find(number);
      if (found == queries_.end() || found->second->done) return;
      Apply(number, found->second->session->Cancel(ToTime(events_.now())));
    });
  }
  Apply(number, query.session->Start(ToTime(events_.now())));
}

void Simulation::BeginFault(const LeafFault& fault) {
  LeafModel& leaf = *leaves_[fault.leaf];
  switch (fault.kind) {
    case LeafFault::Kind::kCrash:
      ++leaf.crashes;
      CrashLeaf(fault.leaf);
      break;
    case LeafFault::Kind::kPartition:
      ++leaf.partitions;
      break;
    case LeafFault::Kind::kPause:
      ++leaf.pauses;
      break;
    case LeafFault::Kind::kSlow:
      leaf.slowness *= fault.factor;
      break;
  }
  leaf.SetRates();
  monitor_.Watch(fault.leaf);
}

void Simulation::EndFault(const LeafFault& fault) {
  LeafModel& leaf = *leaves_[fault.leaf];
  leaf.crashes -= fault.kind == LeafFault::Kind::kCrash ? 1 : 0;
  leaf.partitions -= fault.kind == LeafFault::Kind::kPartition ? 1 : 0;
  leaf.pauses -= fault.kind == LeafFault::Kind::kPause ? 1 : 0;
  if (fault.kind == LeafFault::Kind::kSlow) leaf.slowness /= fault.factor;
  leaf.SetRates();
}

absl::Status Simulation::ProbeResult(LeafIndex index) const {
  const LeafModel& leaf = *leaves_[index];
  if (leaf.partitioned() || leaf.paused()) return absl::DeadlineExceededError("no answer");
  if (leaf.crashed()) return absl::UnavailableError("connection refused");
  return absl::OkStatus();
}

// --- The root: a session's driver.

std::unique_ptr<QuerySession> Simulation::MakeSession(const Query& query) {
  const absl::Duration timeout = absl::Nanoseconds(options_.query.timeout);
  SessionQuery session;
  session.k = std::max<uint32_t>(1, options_.query.k);
  session.count_only = options_.query.k == 0;
  session.min_coverage = options_.query.min_coverage;
  session.query_hash = query.work.hash;
  session.deadline = ToTime(query.deadline);
  session.soft_deadline = session.deadline - SoftDeadlineMargin(timeout);
  return std::make_unique<QuerySession>(session, monitor_.view(), steering_);
}

// The query may be gone afterwards.
void Simulation::Apply(uint64_t number, SessionActions actions) {
  Query& query = *queries_.at(number);
  Do(query, std::move(actions));
  if (query.done && query.unended_calls == 0) queries_.erase(number);
}

void Simulation::Do(Query& query, SessionActions actions) {
  const uint64_t number = query.work.number;
  const uint64_t max_events = 1000 + 100 * uint64_t{options_.cluster.shards};
  Require(++query.events <= max_events, number, "the session never rests");
  const bool idle = actions.searches.empty() && actions.fetches.empty() &&
                    actions.cancels.empty() && !actions.done;
  Require(idle || !query.done, number, "actions after the query was done");
  if (!broken_.ok() || query.done) return;
  for (CallId call : actions.cancels) CancelCall(query, call);
  for (const auto& call : actions.searches) StartSearch(query, call);
  for (const auto& call : actions.fetches) StartFetch(query, call);
  if (actions.wake_at) SetTimer(query, ToNanos(*actions.wake_at));
  if (actions.done) FinishQuery(query, *actions.done);
}

void Simulation::StartSearch(Query& query, const SessionActions::SearchCall& action) {
  StartCall(query,
            {.query = query.work.number,
             .id = action.call,
             .leaf = action.leaf,
             .kind = action.kind,
             .deadline = ToNanos(action.deadline),
             .shards = action.shards,
             .k = action.k},
            workload_.SearchWork(query.work, action.leaf, action.shards));
}

void Simulation::StartFetch(Query& query, const SessionActions::FetchCall& action) {
  Call call{.query = query.work.number,
            .id = action.call,
            .leaf = action.leaf,
            .kind = action.kind,
            .fetch = true,
            .deadline = ToNanos(action.deadline),
            .docs = action.docs};
  for (DocId doc : action.docs) {
    call.shards.push_back(static_cast<ShardId>(doc % options_.cluster.shards));
  }
  StartCall(query, std::move(call), workload_.FetchWork(query.work, action.leaf));
}

void Simulation::StartCall(Query& query, Call call, CallWork work) {
  Require(CheckCallAllowed(query.session->view(), call.leaf, call.shards), call.query);
  Require(events_.now() < call.deadline && call.deadline <= query.deadline, call.query,
          "a call beyond the deadline");
  Require(call.id == query.calls.size(), call.query, "calls are not numbered in order");
  const CallKey key = next_key_++;
  query.calls.push_back(key);
  ++query.open_calls;
  ++query.unended_calls;
  call.sent = events_.now();
  call.wire = work.wire;
  report_.primary_calls += call.kind == v1::ATTEMPT_KIND_PRIMARY ? 1 : 0;
  report_.retries += call.kind == v1::ATTEMPT_KIND_RETRY ? 1 : 0;
  report_.hedges += IsHedge(call.kind) ? 1 : 0;
  report_.fetch_calls += call.fetch ? 1 : 0;
  report_.fetch_retries += call.kind == v1::ATTEMPT_KIND_FETCH_RETRY ? 1 : 0;
  calls_[key] = std::make_unique<Call>(std::move(call));
  const Nanos delay = work.wire / 2 + work.delay;
  events_.After(
      delay, [this, key, work = std::move(work)]() mutable { ArriveAtLeaf(key, std::move(work)); });
}

void Simulation::CancelCall(Query& query, CallId id) {
  Require(id < query.calls.size(), query.work.number, "a call that there is not is cancelled");
  if (!broken_.ok()) return;
  const CallKey key = query.calls[id];
  const auto found = calls_.find(key);
  const bool open = found != calls_.end() && found->second->root_waits;
  Require(open, query.work.number, "a call is cancelled that has ended");
  if (!open) return;
  Call& call = *found->second;
  call.root_waits = false;
  --query.open_calls;
  // The client's side of a call ends at once.
  events_.After(0, [this, number = query.work.number, ended = Call(call)] {
    TellSession(ended, absl::CancelledError("cancelled"));
  });
  if (call.leaf_works) {
    events_.After(call.wire / 2, [this, key] { CancelAtLeaf(key); });
  } else {
    report_.wasted += call.times.busy;  // its answer is under way
    Forget(key);
  }
}

void Simulation::SetTimer(Query& query, Nanos at) {
  if (query.timer_at == at) return;
  query.timer_at = at;
  events_.At(
      at, [this, number = query.work.number, turn = ++query.timer_turn] { OnTimer(number, turn); });
}

void Simulation::OnTimer(uint64_t number, uint64_t turn) {
  const auto found = queries_.find(number);
  if (found == queries_.end() || found->second->done || found->second->timer_turn != turn) return;
  found->second->timer_at = -1;
  Apply(number, found->second->session->OnTimer(ToTime(events_.now())));
}

void Simulation::FinishQuery(Query& query, const absl::StatusOr<v1::SearchResponse>& result) {
  const uint64_t number = query.work.number;
  Require(query.open_calls == 0, number, "calls are left when the query is done");
  Require(events_.now() <= query.deadline, number, "done after the deadline");
  query.done = true;
  const absl::Time now = ToTime(events_.now());
  steering_.query_limit.End(kPriority, ToTime(query.begun),
                            OutcomeOf(result.status(), query.session->calls()), now);
  CountQuery(query, result);
}

void Simulation::CountQuery(const Query& query, const absl::StatusOr<v1::SearchResponse>& result) {
  ++finished_;
  ++report_.queries;
  if (result.ok()) {
    Require(CheckAnswer(*result, workload_, query.work, options_.query), query.work.number);
    ++report_.ok;
    report_.partial += result->coverage().complete() ? 0 : 1;
    report_.latency_us.Record(Microseconds(events_.now() - query.arrived));
  } else {
    ++report_.errors[absl::StatusCodeToString(result.status().code())];
  }
}

// The root has an answer, or an error in place of one.
void Simulation::EndCall(CallKey key, const absl::Status& status) {
  const auto found = calls_.find(key);
  if (found == calls_.end() || !found->second->root_waits) return;
  Call& call = *found->second;
  call.root_waits = false;
  --queries_.at(call.query)->open_calls;
  report_.refused_calls += absl::IsResourceExhausted(status) ? 1 : 0;
  if (status.ok() && !call.fetch) {
    report_.leaf_time_us.Record(Microseconds(events_.now() - call.sent));
    report_.queue_wait_us.Record(Microseconds(call.times.queue_wait));
  }
  if (!status.ok()) {
    report_.wasted += call.times.busy;
    monitor_.OnCallFailed(call.leaf, status);
  }
  const Call ended = call;
  if (!call.leaf_works) Forget(key);
  TellSession(ended, status);
}

void Simulation::TellSession(const Call& call, const absl::Status& status) {
  Query& query = *queries_.at(call.query);
  const absl::Time now = ToTime(events_.now());
  SessionActions actions;
  if (call.fetch) {
    absl::StatusOr<v1::FetchResponse> reply = workload_.FetchReply(call.docs);
    if (!status.ok()) reply = status;
    actions = query.session->OnFetchResponse(call.id, std::move(reply), now);
  } else {
    absl::StatusOr<v1::SearchResponse> reply =
        status.ok() ? absl::StatusOr<v1::SearchResponse>(SearchReply(query, call)) : status;
    actions = query.session->OnScatterResponse(call.id, std::move(reply), now);
  }
  --query.unended_calls;
  Apply(call.query, std::move(actions));
}

v1::SearchResponse Simulation::SearchReply(const Query& query, const Call& call) const {
  v1::SearchResponse reply = workload_.SearchReply(query.work, call.shards, call.k);
  v1::LeafLoad& load = *reply.mutable_load();
  load.set_in_flight_cost(leaves_[call.leaf]->searches.in_flight_cost());
  load.set_queue_wait_us(Microseconds(call.times.queue_wait));
  load.set_service_us(Microseconds(call.times.service));
  load.set_cpu_us(Microseconds(call.times.busy));
  return reply;
}

// --- The network, and what leaves do with calls.

void Simulation::ArriveAtLeaf(CallKey key, CallWork work) {
  const auto found = calls_.find(key);
  if (found == calls_.end()) return;  // cancelled before it arrived
  Call& call = *found->second;
  LeafModel& leaf = *leaves_[call.leaf];
  const Nanos back = call.wire / 2;
  if (leaf.partitioned()) return EndAtLeaf(key, {});
  if (leaf.crashed()) {
    EndAtLeaf(key, {});
    return AnswerLater(key, back, absl::UnavailableError("connection refused"));
  }
  const bool fits = leaf.pool(call.fetch)
                        .Admit({.id = key,
                                .low_priority = IsHedge(call.kind),
                                .cost = work.cost,
                                .tasks = std::move(work.tasks)});
  if (fits) return;
  EndAtLeaf(key, {});
  AnswerLater(key, back, absl::ResourceExhaustedError("the queue is full"));
}

void Simulation::OnLeafDone(CallKey key, const WorkerPool::JobTimes& times) {
  const Call& call = *calls_.at(key);
  const Nanos back = call.wire / 2;
  const bool lost = leaves_[call.leaf]->partitioned();
  EndAtLeaf(key, times);
  if (!lost) AnswerLater(key, back, absl::OkStatus());
}

void Simulation::CancelAtLeaf(CallKey key) {
  const auto found = calls_.find(key);
  if (found == calls_.end()) return;
  const Call& call = *found->second;
  LeafModel& leaf = *leaves_[call.leaf];
  if (leaf.partitioned() && events_.now() < call.deadline) {
    // The cancel does not come through; the leaf knows the deadline itself.
    return events_.At(call.deadline, [this, key] { CancelAtLeaf(key); });
  }
  EndAtLeaf(key, leaf.pool(call.fetch).Cancel(key).value_or(WorkerPool::JobTimes{}));
}

void Simulation::CrashLeaf(LeafIndex index) {
  for (WorkerPool* pool : {&leaves_[index]->searches, &leaves_[index]->fetches}) {
    for (const auto& [key, times] : pool->Clear()) {
      const Nanos back = calls_.at(key)->wire / 2;
      EndAtLeaf(key, times);
      AnswerLater(key, back, absl::UnavailableError("connection reset"));
    }
  }
}

void Simulation::AnswerLater(CallKey key, Nanos delay, absl::Status status) {
  events_.After(delay, [this, key, status = std::move(status)] { EndCall(key, status); });
}

// The leaf has no more to do with the call.
void Simulation::EndAtLeaf(CallKey key, const WorkerPool::JobTimes& times) {
  Call& call = *calls_.at(key);
  call.leaf_works = false;
  call.times = times;
  report_.busy += times.busy;
  if (call.root_waits) return;
  report_.wasted += times.busy;
  Forget(key);
}

void Simulation::Forget(CallKey key) { calls_.erase(key); }

// --- What is found out.

void Simulation::Require(const absl::Status& status, uint64_t query) {
  if (status.ok() || !broken_.ok()) return;
  broken_ = absl::InternalError(Concat("seed ", options_.seed, ", query ", query, ", ",
                                       events_.now(), " ns: ", Message(status)));
}

void Simulation::Require(bool holds, uint64_t query, std::string_view what) {
  if (!holds) Require(absl::InternalError(ToAbsl(what)), query);
}

// What the sessions have counted is what was seen from outside, and extra calls kept to the budget
// (hedge_budget.h).
void Simulation::CheckSteering() {
  const SessionCounters& counters = steering_.counters;
  Require(counters.primary_calls == report_.primary_calls &&
              counters.retry_calls == report_.retries && counters.hedge_calls == report_.hedges,
          report_.queries, "the sessions counted other calls than they made");
  Require(counters.hedges_won + counters.hedges_lost + counters.hedges_cancelled +
                  counters.hedges_failed ==
              report_.hedges,
          report_.queries, "not every hedge has one outcome");
  const double earned = options_.steering.hedge_budget * static_cast<double>(report_.primary_calls);
  const double hedges = static_cast<double>(report_.hedges);
  const double extra = hedges + static_cast<double>(report_.retries + report_.fetch_retries);
  Require(hedges <= earned + HedgeBudget::kMinTokens, report_.queries, "hedges beyond the budget");
  Require(extra <= earned + HedgeBudget::kMinTokens + std::max(earned, HedgeBudget::kMinTokens),
          report_.queries, "extra calls beyond the budget");
}

SimulationReport Simulation::MakeReport() {
  const SessionCounters& counters = steering_.counters;
  report_.hedges_won = counters.hedges_won;
  report_.hedges_lost = counters.hedges_lost;
  report_.hedges_cancelled = counters.hedges_cancelled;
  report_.hedges_failed = counters.hedges_failed;
  report_.unhedged = counters.shadow_hedges + counters.unhedged_no_replica +
                     counters.unhedged_budget + counters.unhedged_slow_cluster +
                     counters.unhedged_refused + counters.unhedged_failing;
  report_.seed = options_.seed;
  report_.events = events_.events();
  report_.seconds = static_cast<double>(events_.now()) / kNanosPerSecond;
  const double thread_time = static_cast<double>(events_.now()) * options_.cluster.search_threads;
  for (const auto& leaf : leaves_) {
    if (thread_time <= 0) break;
    report_.busiest_leaf =
        std::max(report_.busiest_leaf, static_cast<double>(leaf->searches.busy()) / thread_time);
  }
  return std::move(report_);
}

}  // namespace canopy

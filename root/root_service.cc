#include "root/root_service.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/synchronization/notification.h"
#include "base/log.h"
#include "base/status.h"
#include "base/strings.h"
#include "base/version.h"
#include "root/analyzer_cache.h"
#include "root/cluster_state.h"
#include "root/plan_query.h"
#include "root/query_driver.h"
#include "root/root_metrics.h"

namespace canopy {
namespace {

// For the loop, when metrics are asked for.
constexpr absl::Duration kMetricsWait = absl::Milliseconds(500);

// For QueryLimit. What is no priority is refused later.
size_t PriorityOf(const v1::SearchRequest& request) {
  return PlaceOf(request.priority()).value_or(kNumPriorities - 1);
}

// Errors that are the caller's own, or nobody's.
bool IsFailure(const absl::Status& status) {
  return !status.ok() && !absl::IsInvalidArgument(status) && !absl::IsUnimplemented(status) &&
         !absl::IsCancelled(status);
}

}  // namespace

class RootService::Impl final : public std::enable_shared_from_this<RootService::Impl> {
 public:
  Impl(EventLoop& loop, LeafConnector connector, RootOptions options)
      : loop_(loop),
        connector_(std::move(connector)),
        options_(std::move(options)),
        started_(loop.clock().Now()),
        steering_(options_.steering, options_.result_bytes) {}

  void SetTopology(const Topology& topology);
  void Search(const v1::SearchRequest& request, const std::shared_ptr<Cancellation>& context,
              absl::Time arrived, Done<v1::SearchResponse> done);
  void Status(Done<v1::ClusterStatus> done);
  void Stop();
  const RootMetrics& metrics() const { return metrics_; }
  void UpdateMetrics() { metrics_.SetSteering(steering_.counters, steering_.budget.tokens()); }

 private:
  absl::Status Admit(size_t priority);
  absl::StatusOr<std::shared_ptr<const ClusterView>> ChooseView(uint64_t generation) const;
  absl::Status Start(const v1::SearchRequest& request, const std::shared_ptr<Cancellation>& context,
                     absl::Time arrived, const Done<v1::SearchResponse>& done);
  template <typename Driver>
  void Run(uint64_t query, const std::shared_ptr<Driver>& driver,
           const std::shared_ptr<Cancellation>& context);
  void SetDeadlines(const v1::SearchRequest& request, const Cancellation& context,
                    absl::Time arrived, SessionQuery& query) const;
  QueryHooks HooksOf(uint64_t query, size_t priority, absl::Time arrived);
  void End(const absl::StatusOr<v1::SearchResponse>& result, size_t priority, absl::Time arrived,
           absl::Span<const LeafCall> calls);
  void OnClusterChange();
  v1::ClusterStatus StatusNow() const;
  void AddCalls(v1::ClusterStatus& status) const;

  EventLoop& loop_;
  const LeafConnector connector_;
  const RootOptions options_;
  const absl::Time started_;
  bool stopped_ = false;
  bool serving_ = false;
  AnalyzerCache analyzers_;
  std::shared_ptr<ClusterMonitor> monitor_;            // null before the first topology
  std::map<uint64_t, std::function<void()>> running_;  // how each is cancelled
  uint64_t next_query_ = 0;
  uint64_t queries_ = 0, failed_ = 0, partial_ = 0, rejected_ = 0;
  Steering steering_;
  RootMetrics metrics_;
};

void RootService::Impl::SetTopology(const Topology& topology) {
  if (stopped_) return;
  if (monitor_ == nullptr) {
    monitor_ = std::make_shared<ClusterMonitor>(loop_, connector_, options_.monitor,
                                                steering_.loads, [this] { OnClusterChange(); });
  }
  monitor_->SetTopology(topology);
}

void RootService::Impl::OnClusterChange() {
  const bool serving = IsServing(monitor_->snapshot()->best());
  if (serving == serving_) return;
  serving_ = serving;
  metrics_.SetServing(serving);
  if (!serving) LogWarning("not every shard has a usable replica");
  options_.on_serving(serving);
}

void RootService::Impl::Search(const v1::SearchRequest& request,
                               const std::shared_ptr<Cancellation>& context, absl::Time arrived,
                               Done<v1::SearchResponse> done) {
  const size_t priority = PriorityOf(request);
  if (const absl::Status status = Admit(priority); !status.ok()) return done(status);
  ++queries_;
  const absl::Status status = Start(request, context, arrived, done);
  if (status.ok()) return;
  End(status, priority, arrived, {});
  done(status);
}

// OK: the query is in flight until End.
absl::Status RootService::Impl::Admit(size_t priority) {
  if (stopped_) {
    metrics_.CountRejected(RootMetrics::Rejection::kStopping);
    return absl::UnavailableError("the root is shutting down");
  }
  if (running_.size() >= options_.max_in_flight) {
    ++rejected_;
    metrics_.CountRejected(RootMetrics::Rejection::kMaxInFlight);
    return absl::ResourceExhaustedError(Concat(running_.size(), " queries in flight, the limit is ",
                                               options_.max_in_flight, " (--max-in-flight)"));
  }
  const absl::Status status = steering_.query_limit.Begin(priority, loop_.clock().Now());
  if (!status.ok()) {
    ++rejected_;
    metrics_.CountRejected(RootMetrics::Rejection::kOverload);
  }
  return status;
}

// OK: `done` will be called by the driver.
absl::Status RootService::Impl::Start(const v1::SearchRequest& request,
                                      const std::shared_ptr<Cancellation>& context,
                                      absl::Time arrived, const Done<v1::SearchResponse>& done) {
  const Clock& clock = loop_.clock();
  const absl::Time begun = clock.Now();
  v1::Query query;
  RETURN_IF_ERROR(CheckSearchRequest(request, options_.max_timeout, query));
  const absl::Time parsed = clock.Now();
  ASSIGN_OR_RETURN(std::shared_ptr<const ClusterView> view, ChooseView(request.generation()));
  if (options_.scatter == ScatterWay::kByTerm && view->num_shards() != 1) {
    return absl::FailedPreconditionError(
        Concat("scattering by term (--scatter) wants one shard, "
               "the topology has ",
               view->num_shards()));
  }
  ASSIGN_OR_RETURN(QueryPlan plan, PlanQuery(request, query, view->collection, analyzers_));
  SetDeadlines(request, *context, arrived, plan.session);
  const QueryTimes times = {.arrived = arrived, .begun = begun, .parsed = parsed};
  const uint64_t id = next_query_++;
  QueryHooks hooks = HooksOf(id, PriorityOf(request), arrived);
  if (options_.scatter == ScatterWay::kByTerm) {
    Run(id,
        std::make_shared<TermDriver>(loop_, steering_, monitor_->snapshot(), std::move(view),
                                     std::move(plan), times, std::move(hooks), done),
        context);
    return absl::OkStatus();
  }
  Run(id,
      std::make_shared<QueryDriver>(loop_, steering_, monitor_->snapshot(), std::move(view),
                                    std::move(plan), times, std::move(hooks), done),
      context);
  return absl::OkStatus();
}

template <typename Driver>
void RootService::Impl::Run(uint64_t query, const std::shared_ptr<Driver>& driver,
                            const std::shared_ptr<Cancellation>& context) {
  running_[query] = [weak = std::weak_ptr(driver)] {
    if (const auto running = weak.lock()) running->Cancel();
  };
  metrics_.SetInFlight(running_.size());
  driver->Start(context);
}

absl::StatusOr<std::shared_ptr<const ClusterView>> RootService::Impl::ChooseView(
    uint64_t generation) const {
  if (monitor_ == nullptr) return absl::UnavailableError("the root has no topology yet");
  const ClusterSnapshot& snapshot = *monitor_->snapshot();
  if (auto view = snapshot.Find(generation)) {
    if (view->collection.generation() != 0) return view;
    // Nothing is known of the collection, so no coverage could be told.
    std::string reason = "no leaf has answered yet";
    for (const ReplicaView& replica : view->shards[0]) {
      reason += Concat("; ", view->leaves[replica.leaf].address, ": ", replica.reason);
    }
    return absl::UnavailableError(reason);
  }
  return absl::FailedPreconditionError(Concat("generation ", generation,
                                              " is not served; the newest that is is ",
                                              snapshot.best().collection.generation()));
}

void RootService::Impl::SetDeadlines(const v1::SearchRequest& request, const Cancellation& context,
                                     absl::Time arrived, SessionQuery& query) const {
  const absl::Duration timeout = request.timeout_us() > 0 ? absl::Microseconds(request.timeout_us())
                                                          : options_.default_timeout;
  query.deadline = std::min(arrived + timeout, context.deadline());
  query.soft_deadline = query.deadline - SoftDeadlineMargin(query.deadline - arrived);
}

QueryHooks RootService::Impl::HooksOf(uint64_t query, size_t priority, absl::Time arrived) {
  const auto self = shared_from_this();
  return {.on_done =
              [self, query, priority, arrived](const auto& result, auto calls) {
                self->running_.erase(query);
                self->metrics_.SetInFlight(self->running_.size());
                self->End(result, priority, arrived, calls);
              },
          .on_call_failed =
              [self](const LeafConnection* connection, const absl::Status& error) {
                if (self->monitor_ != nullptr) self->monitor_->OnCallFailed(connection, error);
              }};
}

void RootService::Impl::End(const absl::StatusOr<v1::SearchResponse>& result, size_t priority,
                            absl::Time arrived, absl::Span<const LeafCall> calls) {
  const absl::Time now = loop_.clock().Now();
  steering_.query_limit.End(priority, arrived, OutcomeOf(result.status(), calls), now);
  metrics_.CountQuery(result, now - arrived, calls);
  failed_ += IsFailure(result.status()) ? 1 : 0;
  partial_ += result.ok() && !result->coverage().complete() ? 1 : 0;
}

// Leaves are asked first: what they count belongs to the same time as what the root counts.
void RootService::Impl::Status(Done<v1::ClusterStatus> done) {
  if (monitor_ == nullptr) return done(StatusNow());
  monitor_->Refresh(
      [self = shared_from_this(), done = std::move(done)] { done(self->StatusNow()); });
}

v1::ClusterStatus RootService::Impl::StatusNow() const {
  v1::ClusterStatus status;
  if (monitor_ != nullptr) {
    const ClusterView& best = monitor_->snapshot()->best();
    *status.mutable_collection() = best.collection;
    status.set_docs_reachable(DocsReachable(best));
    for (v1::ReplicaStatus& replica : monitor_->Replicas()) {
      *status.add_replicas() = std::move(replica);
    }
  }
  status.set_serving(serving_);
  status.set_queries_total(queries_);
  status.set_queries_failed_total(failed_);
  status.set_queries_partial_total(partial_);
  status.set_queries_rejected_total(rejected_);
  status.set_queries_in_flight(running_.size());
  AddCalls(status);
  status.set_uptime_us(absl::ToInt64Microseconds(loop_.clock().Now() - started_));
  status.set_version(std::string(kVersion));
  return status;
}

void RootService::Impl::AddCalls(v1::ClusterStatus& status) const {
  const SessionCounters& calls = steering_.counters;
  status.set_primary_calls_total(calls.primary_calls);
  status.set_retry_calls_total(calls.retry_calls);
  status.set_fetch_calls_total(calls.fetch_calls);
  status.set_hedge_calls_total(calls.hedge_calls);
  status.set_late_replies_total(calls.late_replies);
  status.set_wrong_generation_replies_total(calls.wrong_generation_replies);
  status.set_shards_not_needed_total(calls.shards_not_needed);
  status.set_unretried_total(calls.unretried_budget);
  status.set_wasted_cancelled_us_total(calls.wasted_cancelled_us);
  status.set_wasted_lost_us_total(calls.wasted_lost_us);
  v1::HedgeStatus& hedges = *status.mutable_hedges();
  hedges.set_mode(std::string(HedgeModeName(steering_.options.hedge)));
  hedges.set_budget_tokens(steering_.budget.tokens());
  hedges.set_won_total(calls.hedges_won);
  hedges.set_lost_total(calls.hedges_lost);
  hedges.set_cancelled_total(calls.hedges_cancelled);
  hedges.set_failed_total(calls.hedges_failed);
  hedges.set_shadow_total(calls.shadow_hedges);
  hedges.set_unhedged_no_replica_total(calls.unhedged_no_replica);
  hedges.set_unhedged_budget_total(calls.unhedged_budget);
  hedges.set_unhedged_slow_cluster_total(calls.unhedged_slow_cluster);
  hedges.set_unhedged_refused_total(calls.unhedged_refused);
  hedges.set_unhedged_failing_total(calls.unhedged_failing);
}

void RootService::Impl::Stop() {
  stopped_ = true;
  const auto running = std::exchange(running_, {});
  for (const auto& [id, cancel] : running) cancel();
  if (monitor_ != nullptr) monitor_->Stop();
  monitor_.reset();
}

RootService::RootService(EventLoop& loop, LeafConnector connector, RootOptions options)
    : loop_(loop), impl_(std::make_shared<Impl>(loop, std::move(connector), std::move(options))) {}

RootService::~RootService() { Stop(); }

void RootService::SetTopology(Topology topology) {
  loop_.Post([impl = impl_, topology = std::move(topology)] { impl->SetTopology(topology); });
}

void RootService::Search(std::shared_ptr<const v1::SearchRequest> request,
                         std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  const absl::Time arrived = loop_.clock().Now();
  if (loop_.InLoop()) return impl_->Search(*request, context, arrived, std::move(done));
  const bool posted = loop_.Post([impl = impl_, request, context, arrived, done] {
    impl->Search(*request, context, arrived, done);
  });
  if (!posted) done(absl::UnavailableError("the root is shutting down"));
}

void RootService::Fetch(std::shared_ptr<const v1::FetchRequest>, std::shared_ptr<Cancellation>,
                        Done<v1::FetchResponse> done) {
  done(absl::UnimplementedError("a root returns stored fields with the hits; only leaves fetch"));
}

void RootService::Status(std::shared_ptr<Cancellation>, Done<v1::ClusterStatus> done) {
  if (loop_.InLoop()) return impl_->Status(std::move(done));
  const bool posted = loop_.Post([impl = impl_, done] { impl->Status(done); });
  if (!posted) done(absl::UnavailableError("the root is shutting down"));
}

std::vector<prometheus::MetricFamily> RootService::Metrics() const {
  const auto updated = std::make_shared<absl::Notification>();
  const bool posted = loop_.Post([impl = impl_, updated] {
    impl->UpdateMetrics();
    updated->Notify();
  });
  if (posted) updated->WaitForNotificationWithTimeout(kMetricsWait);
  return impl_->metrics().Collect();
}

void RootService::Stop() {
  absl::Notification stopped;
  const bool posted = loop_.Post([&] {
    impl_->Stop();
    stopped.Notify();
  });
  if (posted) stopped.WaitForNotification();
}

}  // namespace canopy

#include "leaf/leaf_service.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status.h"
#include "base/strings.h"
#include "base/version.h"
#include "leaf/fetch_docs.h"
#include "leaf/postings_job.h"
#include "rpc/event_loop.h"

namespace canopy {
namespace {

constexpr uint64_t kNsPerUs = 1000;
constexpr size_t kMaxBytesToRunNow = 4096;
constexpr uint32_t kMaxHitsToRunNow = 100;

absl::Status CheckShards(const v1::SearchRequest& request, uint32_t num_shards) {
  if (request.shards().empty()) return absl::InvalidArgumentError("no shards are asked for");
  if (static_cast<uint32_t>(request.shards_size()) > num_shards) {
    return absl::InvalidArgumentError(
        Concat(request.shards_size(), " shards are asked for, the collection has ", num_shards));
  }
  std::vector<ShardId> shards(request.shards().begin(), request.shards().end());
  std::sort(shards.begin(), shards.end());
  const auto twice = std::adjacent_find(shards.begin(), shards.end());
  if (twice == shards.end()) return absl::OkStatus();
  return absl::InvalidArgumentError(Concat("shard ", *twice, " is asked for twice"));
}

}  // namespace

LeafService::LeafService(FileSystem& files, const Clock& clock, LeafServiceOptions options)
    : clock_(clock),
      options_(std::move(options)),
      started_(clock.Now()),
      generations_(files, clock, options_.generations),
      fetch_pool_({.name = "fetch", .threads = 1, .max_queued = kMaxQueuedFetches}),
      searches_(clock, counters_, options_.admission) {}

void LeafService::Search(std::shared_ptr<const v1::SearchRequest> request,
                         std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  const auto priority = ReadPriority(*request);
  if (!priority.ok()) return done(priority.status());
  const uint64_t cost_hint = request->cost_hint();
  // A large tree takes a while to read, many hits take a while to write.
  const bool may_run_now = EventLoop::HandlesFirstEvent() &&
                           request->ByteSizeLong() <= kMaxBytesToRunNow &&
                           request->k() <= kMaxHitsToRunNow;
  const absl::Time deadline = context->deadline();
  auto job = MakeJob({std::move(request), std::move(context), done});
  if (!job.ok()) return done(job.status());
  const size_t tasks = (*job)->tasks();
  if (tasks == 0) return (*job)->Finish();
  searches_.Submit({*priority, tasks, cost_hint, deadline}, *std::move(job), may_run_now);
}

absl::StatusOr<std::shared_ptr<SearchJob>> LeafService::MakeJob(SearchJob::Call call) {
  ASSIGN_OR_RETURN(const SearchOptions options, ReadSearchOptions(*call.request));
  ASSIGN_OR_RETURN(auto generation, generations_.Find(call.request->generation(),
                                                      call.request->collection_checksum()));
  RETURN_IF_ERROR(CheckShards(*call.request, generation->num_shards()));
  return std::make_shared<SearchJob>(std::move(call), std::move(generation), options, counters_,
                                     clock_);
}

void LeafService::Fetch(std::shared_ptr<const v1::FetchRequest> request,
                        std::shared_ptr<Cancellation> context, Done<v1::FetchResponse> done) {
  if (request->docs_size() > kMaxFetchDocs) {
    return done(absl::InvalidArgumentError(
        Concat("a fetch of ", request->docs_size(), " documents, at most ", kMaxFetchDocs)));
  }
  auto generation = generations_.Find(request->generation(), request->collection_checksum());
  if (!generation.ok()) return done(generation.status());
  ++counters_.fetches;
  const absl::Time arrived = clock_.Now();
  const bool fits = fetch_pool_.TrySubmit(
      [this, request, context, done, arrived, generation = *std::move(generation)] {
        const absl::Time start = clock_.Now();
        const absl::Duration cpu_before = ThreadCpuTime();
        auto response = FetchDocs(*generation, *request, *context);
        const absl::Duration cpu = ThreadCpuTime() - cpu_before;
        counters_.CountCpu(cpu, *context);
        if (response.ok()) {
          v1::LeafLoad& load = *response->mutable_load();
          load.set_in_flight_cost(counters_.in_flight_cost);
          load.set_queue_wait_us(absl::ToInt64Microseconds(start - arrived));
          load.set_service_us(absl::ToInt64Microseconds(clock_.Now() - start));
          load.set_cpu_us(absl::ToInt64Microseconds(cpu));
        }
        done(std::move(response));
      });
  if (fits) return;
  done(absl::ResourceExhaustedError(
      Concat("the fetch queue is full: ", kMaxQueuedFetches, " fetches wait")));
}

void LeafService::Postings(std::shared_ptr<const v1::PostingsRequest> request,
                           std::shared_ptr<Cancellation> context, Done<v1::PostingsResponse> done) {
  auto generation = generations_.Find(request->generation(), request->collection_checksum());
  absl::Status status = generation.status();
  if (status.ok()) status = CheckPostingsRequest(*request, **generation);
  if (!status.ok()) return done(std::move(status));
  const absl::Time deadline = context->deadline();
  searches_.Submit({.deadline = deadline},
                   std::make_shared<PostingsJob>(
                       PostingsJob::Call{std::move(request), std::move(context), std::move(done)},
                       *std::move(generation), counters_, clock_));
}

v1::LeafStatus LeafService::Status() const {
  v1::LeafStatus status;
  const ServedView view = generations_.View();
  if (view.current != nullptr) {
    *status.mutable_collection() = view.current->collection();
    for (const ShardId shard : view.current->shards()) status.add_shards(shard);
  }
  if (view.previous != nullptr) *status.add_previous() = view.previous->collection();
  status.set_reload_error(view.reload_error);
  status.set_searches_total(counters_.searches);
  status.set_searches_cancelled_total(counters_.searches_cancelled);
  status.set_searches_rejected_total(counters_.searches_rejected);
  status.set_wasted_us_total(counters_.wasted_ns / kNsPerUs);
  status.set_uptime_us(absl::ToInt64Microseconds(clock_.Now() - started_));
  status.set_version(std::string(kVersion));
  FillAdmission(*status.mutable_admission());
  v1::LeafLoad& load = *status.mutable_load();
  load.set_in_flight_cost(counters_.in_flight_cost);
  load.set_queue_wait_us(counters_.queue_wait_ns / kNsPerUs);
  load.set_service_us(counters_.service_ns / kNsPerUs);
  load.set_cpu_us(counters_.cpu_ns / kNsPerUs);
  return status;
}

void LeafService::FillAdmission(v1::AdmissionStatus& status) const {
  const auto refused = [this](RefusalReason reason) -> uint64_t {
    return counters_.refused_by_reason[static_cast<size_t>(reason)];
  };
  const SearchQueue::State state = searches_.state();
  status.set_overloaded(state.overloaded);
  status.set_refused_queue_full_total(refused(RefusalReason::kQueueFull));
  status.set_refused_queue_wait_total(refused(RefusalReason::kQueueWait));
  status.set_refused_deadline_total(refused(RefusalReason::kDeadline));
  for (const auto& count : counters_.refused_by_priority) {
    status.add_refused_by_priority_total(count);
  }
  status.set_refused_late_total(counters_.refused_late);
  status.set_cancelled_waiting_total(counters_.cancelled_waiting);
  status.set_cancelled_running_total(counters_.cancelled_running);
  status.set_stop_us_total(counters_.stop_ns / kNsPerUs);
  status.set_stop_us_max(counters_.stop_max_ns / kNsPerUs);
  status.set_stopped_late_total(counters_.stopped_late);
  status.set_fixed_us(state.fixed_ns / kNsPerUs);
  status.set_ns_per_cost(state.ns_per_cost);
  status.set_queued(counters_.tasks_queued);
}

}  // namespace canopy

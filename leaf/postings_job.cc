#include "leaf/postings_job.h"

#include <string>
#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "leaf/plan_query.h"
#include "leaf/posting_bitmap.h"

namespace canopy {
namespace {

constexpr ShardId kOnlyShard = 0;

}  // namespace

absl::Status CheckPostingsRequest(const v1::PostingsRequest& request,
                                  const ServedGeneration& generation) {
  if (request.nodes().empty()) return absl::InvalidArgumentError("no nodes are asked for");
  if (request.nodes_size() > kMaxPostingsNodes) {
    return absl::InvalidArgumentError(Concat(request.nodes_size(),
                                             " nodes are asked for, more than the limit of ",
                                             kMaxPostingsNodes, " (postings nodes)"));
  }
  if (generation.num_shards() != 1) {
    return absl::FailedPreconditionError(
        Concat("posting bitmaps are of a collection of one shard, generation ", generation.number(),
               " has ", generation.num_shards()));
  }
  if (generation.Find(kOnlyShard) != nullptr) return absl::OkStatus();
  return absl::FailedPreconditionError("shard 0 is not served by this leaf");
}

PostingsJob::PostingsJob(Call call, std::shared_ptr<const ServedGeneration> generation,
                         LeafCounters& counters, const Clock& clock)
    : call_(std::move(call)),
      generation_(std::move(generation)),
      counters_(counters),
      clock_(clock),
      arrived_(clock.Now()) {}

void PostingsJob::Run() {
  const absl::Time started = clock_.Now();
  const absl::Duration cpu_before = ThreadCpuTime();
  absl::StatusOr<v1::PostingsResponse> response = MakeBitmaps();
  const absl::Duration cpu = ThreadCpuTime() - cpu_before;
  const absl::Duration waited = started - arrived_, served = clock_.Now() - started;
  counters_.queue_wait_ns += absl::ToInt64Nanoseconds(waited);
  counters_.service_ns += absl::ToInt64Nanoseconds(served);
  counters_.CountCpu(cpu, *call_.context);
  --counters_.tasks_in_flight;
  if (response.ok()) {
    v1::LeafLoad& load = *response->mutable_load();
    load.set_queue_wait_us(absl::ToInt64Microseconds(waited));
    load.set_service_us(absl::ToInt64Microseconds(served));
    load.set_cpu_us(absl::ToInt64Microseconds(cpu));
    load.set_in_flight_cost(counters_.tasks_in_flight);
  }
  call_.done(std::move(response));
}

absl::StatusOr<v1::PostingsResponse> PostingsJob::MakeBitmaps() const {
  // It may have waited in the queue for longer than its caller did for it.
  RETURN_IF_ERROR(call_.context->status());
  const v1::PostingsRequest& request = *call_.request;
  const bool asks_for_less = request.max_bytes() > 0 && request.max_bytes() < kMaxPostingsBytes;
  size_t bytes_left = asks_for_less ? request.max_bytes() : kMaxPostingsBytes;
  v1::PostingsResponse response;
  response.set_generation(generation_->number());
  response.set_collection_checksum(generation_->checksum());
  for (const v1::Query& node : request.nodes()) {
    ASSIGN_OR_RETURN(const ShardQuery query, PlanQuery(node, call_.context.get()));
    ASSIGN_OR_RETURN(std::string bitmap, MakePostingBitmap(*generation_->Find(kOnlyShard), query,
                                                           bytes_left, call_.context.get()));
    bytes_left -= bitmap.size();
    *response.add_bitmaps() = std::move(bitmap);
  }
  return response;
}

}  // namespace canopy

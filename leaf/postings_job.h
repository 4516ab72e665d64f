// One request for posting bitmaps inside a leaf: one task, and the reply at its end. In a query's
// flow: what SearchJob is for a query that is scattered by document.
#pragma once

#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/cancellation.h"
#include "base/clock.h"
#include "canopy/v1/postings.pb.h"
#include "leaf/admission_queue.h"
#include "leaf/leaf_counters.h"
#include "leaf/served_generation.h"
#include "rpc/search_backend.h"

namespace canopy {

// INVALID_ARGUMENT: no nodes, or more than kMaxPostingsNodes. FAILED_PRECONDITION: the generation
// has several shards, or its only one is not served here.
absl::Status CheckPostingsRequest(const v1::PostingsRequest& request,
                                  const ServedGeneration& generation);

// Thread safety: one thread at a time. Lifetime: borrows the counters and the clock; holds on to
// the generation.
class PostingsJob final {
 public:
  struct Call {
    std::shared_ptr<const v1::PostingsRequest> request;
    std::shared_ptr<Cancellation> context;
    SearchBackend::Done<v1::PostingsResponse> done;
  };

  // REQUIRES: CheckPostingsRequest was OK.
  PostingsJob(Call call, std::shared_ptr<const ServedGeneration> generation, LeafCounters& counters,
              const Clock& clock);

  // What SearchQueue does with a job, as SearchJob: one task.
  size_t tasks() const { return 1; }
  const std::shared_ptr<Cancellation>& context() const { return call_.context; }
  // Errors of the nodes as PlanQuery (plan_query.h) and MakePostingBitmap.
  [[nodiscard]] bool RunTask(size_t index);
  // Bitmaps are made on search threads only.
  [[nodiscard]] bool RunNow(absl::Duration) { return false; }
  // Not complete: what a bitmap costs says nothing of what searches cost.
  AdmissionQueue::Work work() const { return {.cost = 0, .took = served_, .complete = false}; }
  void Finish();
  void Refuse(absl::Status status) { call_.done(std::move(status)); }
  void EndUnstarted();

 private:
  absl::StatusOr<v1::PostingsResponse> MakeBitmaps() const;

  const Call call_;
  const std::shared_ptr<const ServedGeneration> generation_;
  LeafCounters& counters_;
  const Clock& clock_;
  const absl::Time arrived_;
  // Of the task, when it has run.
  absl::StatusOr<v1::PostingsResponse> response_;
  absl::Duration waited_, served_, cpu_;
};

}  // namespace canopy

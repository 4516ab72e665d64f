// The search threads of a leaf, and the queue before them. In a query's flow: LeafService hands in
// a job for each request; AdmissionQueue says which is next and which is refused; the tasks of a
// job that has begun are run by the threads that are free, before any other job begins.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/clock.h"
#include "leaf/admission_queue.h"
#include "leaf/leaf_counters.h"
#include "leaf/postings_job.h"
#include "leaf/search_job.h"

namespace canopy {

// Either kind of job. Cheap to copy.
class QueuedJob final {
  // Before those that use it: its result is deduced.
  template <typename Function>
  auto Visit(Function function) const {
    return std::visit([&](const auto& job) { return function(*job); }, job_);
  }

 public:
  QueuedJob() = default;
  template <typename Job>
  QueuedJob(std::shared_ptr<Job> job) : job_(std::move(job)) {}  // NOLINT: it is that job

  size_t tasks() const {
    return Visit([](auto& job) { return job.tasks(); });
  }
  const std::shared_ptr<Cancellation>& context() const {
    return *Visit([](auto& job) { return &job.context(); });
  }
  [[nodiscard]] bool RunTask(size_t index) const {
    return Visit([&](auto& job) { return job.RunTask(index); });
  }
  [[nodiscard]] bool RunNow(absl::Duration most) const {
    return Visit([&](auto& job) { return job.RunNow(most); });
  }
  AdmissionQueue::Work work() const {
    return Visit([](auto& job) { return job.work(); });
  }
  void Finish() const {
    Visit([](auto& job) { job.Finish(); });
  }
  void Refuse(absl::Status status) const {
    Visit([&](auto& job) { job.Refuse(std::move(status)); });
  }
  void EndUnstarted() const {
    Visit([](auto& job) { job.EndUnstarted(); });
  }
  std::weak_ptr<void> weak() const {
    return std::visit([](const auto& job) { return std::weak_ptr<void>(job); }, job_);
  }

 private:
  std::variant<std::shared_ptr<SearchJob>, std::shared_ptr<PostingsJob>> job_;
};

// Thread safety: all members from any thread. Lifetime: borrows the clock and the counters. The
// destructor runs what is queued; no context of a job may be cancelled on another thread meanwhile.
class SearchQueue final {
 public:
  SearchQueue(const Clock& clock, LeafCounters& counters, const AdmissionOptions& options);
  ~SearchQueue();
  SearchQueue(const SearchQueue&) = delete;
  SearchQueue& operator=(const SearchQueue&) = delete;

  // What a search may take that is run on the thread that it came on.
  static constexpr absl::Duration kMaxRunNow = absl::Microseconds(300);

  // Runs the job, or refuses it: at once on this thread, or later on another's. A job whose context
  // is cancelled while it waits ends then. REQUIRES: request.tasks == job.tasks() > 0.
  // With `may_run_now` a job that is expected to be short is run before Submit returns, when
  // nothing else waits or runs: a thread that is woken for it costs more than the search. What
  // turns out to take longer than kMaxRunNow goes to a search thread after all.
  void Submit(const AdmissionRequest& request, QueuedJob job, bool may_run_now = false);

  struct State {
    bool overloaded = false;
    double fixed_ns = 0, ns_per_cost = 0;  // ServiceModel
  };
  State state() const;

 private:
  struct Started {
    uint64_t id = 0;
    QueuedJob job;
    size_t next_task = 0;
  };
  struct Task {
    uint64_t id = 0;
    QueuedJob job;
    size_t index = 0;
  };
  struct RefusedJob {
    QueuedJob job;
    Refusal refusal;
  };

  void RunWorker();
  // Waits for one. None: jobs were refused on the way, or, if not, there will be no more.
  std::optional<Task> NextTask(std::vector<RefusedJob>& refused);
  void EndJob(uint64_t id, const QueuedJob& job);
  std::optional<QueuedJob> TakeNow(uint64_t id, std::vector<RefusedJob>& refused)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RunNow(uint64_t id, QueuedJob job);
  void Cancel(uint64_t id);
  void Answer(std::vector<RefusedJob> refused);

  bool HasWorkOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::vector<RefusedJob> ExtractJobs(std::vector<Refusal> refusals)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Publish() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const Clock& clock_;
  LeafCounters& counters_;
  mutable absl::Mutex mutex_;
  AdmissionQueue admission_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_map<uint64_t, QueuedJob> waiting_ ABSL_GUARDED_BY(mutex_);
  std::deque<Started> started_ ABSL_GUARDED_BY(mutex_);  // that have tasks not yet begun
  bool stops_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace canopy

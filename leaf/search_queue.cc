#include "leaf/search_queue.h"

#include <pthread.h>

#include <utility>

#include "base/check.h"

namespace canopy {

SearchQueue::SearchQueue(const Clock& clock, LeafCounters& counters,
                         const AdmissionOptions& options)
    : clock_(clock), counters_(counters), admission_(options) {
  CHECK(options.threads >= 1);
  threads_.reserve(options.threads);
  for (size_t i = 0; i < options.threads; ++i) {
    threads_.emplace_back([this] { RunWorker(); });
  }
}

SearchQueue::~SearchQueue() {
  {
    absl::MutexLock lock(&mutex_);
    stops_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

void SearchQueue::Submit(const AdmissionRequest& request, QueuedJob job, bool may_run_now) {
  const std::weak_ptr<void> weak = job.weak();  // a context may outlive the queue, a job does not
  const std::shared_ptr<Cancellation> context = job.context();
  std::vector<RefusedJob> refused;
  std::optional<QueuedJob> now;
  uint64_t id = 0;
  {
    absl::MutexLock lock(&mutex_);
    may_run_now &= admission_.CanRunAtOnce(request, kMaxRunNow);
    std::vector<Refusal> refusals;
    id = admission_.Offer(request, clock_.Now(), refusals);
    waiting_.emplace(id, std::move(job));
    refused = ExtractJobs(std::move(refusals));
    if (may_run_now) now = TakeNow(id, refused);
    Publish();
  }
  Answer(std::move(refused));
  if (now) return RunNow(id, *std::move(now));
  if (weak.expired()) return;
  context->OnCancel([this, id, weak] {
    if (const auto waiting = weak.lock()) Cancel(id);
  });
}

// Nothing else waits, so it is this one that is taken, if it has not been refused.
std::optional<QueuedJob> SearchQueue::TakeNow(uint64_t id, std::vector<RefusedJob>& refused) {
  std::vector<Refusal> refusals;
  const bool taken = admission_.Take(clock_.Now(), refusals) == id;
  for (RefusedJob& job : ExtractJobs(std::move(refusals))) refused.push_back(std::move(job));
  if (!taken) return std::nullopt;
  ++counters_.searches;
  return std::move(waiting_.extract(id).mapped());
}

void SearchQueue::RunNow(uint64_t id, QueuedJob job) {
  if (job.RunNow(kMaxRunNow)) {
    EndJob(id, job);
    return job.Finish();
  }
  absl::MutexLock lock(&mutex_);
  started_.push_back({id, std::move(job)});
  Publish();
}

void SearchQueue::Cancel(uint64_t id) {
  QueuedJob job;
  {
    absl::MutexLock lock(&mutex_);
    if (!admission_.Remove(id)) return;
    job = std::move(waiting_.extract(id).mapped());
    ++counters_.searches;
    Publish();
  }
  job.EndUnstarted();
}

SearchQueue::State SearchQueue::state() const {
  absl::MutexLock lock(&mutex_);
  return {.overloaded = admission_.overloaded(clock_.Now()),
          .fixed_ns = admission_.model().fixed_ns(),
          .ns_per_cost = admission_.model().ns_per_cost()};
}

void SearchQueue::RunWorker() {
  pthread_setname_np(pthread_self(), "search");
  while (true) {
    std::vector<RefusedJob> refused;
    const std::optional<Task> task = NextTask(refused);
    if (!task && refused.empty()) return;
    Answer(std::move(refused));
    if (!task || !task->job.RunTask(task->index)) continue;
    EndJob(task->id, task->job);
    task->job.Finish();
  }
}

std::optional<SearchQueue::Task> SearchQueue::NextTask(std::vector<RefusedJob>& refused) {
  absl::MutexLock lock(&mutex_);
  while (started_.empty()) {
    std::vector<Refusal> refusals;
    const std::optional<uint64_t> id = admission_.Take(clock_.Now(), refusals);
    refused = ExtractJobs(std::move(refusals));
    if (id) {
      ++counters_.searches;
      started_.push_back({*id, std::move(waiting_.extract(*id).mapped())});
    } else if (!refused.empty() || stops_) {
      Publish();
      return std::nullopt;
    } else {
      mutex_.Await(absl::Condition(this, &SearchQueue::HasWorkOrStops));
    }
  }
  Started& first = started_.front();
  Task task{first.id, first.job, first.next_task++};
  if (first.next_task == first.job.tasks()) started_.pop_front();
  Publish();
  return task;
}

// Before the reply, which tells the leaf's load without it.
void SearchQueue::EndJob(uint64_t id, const QueuedJob& job) {
  const AdmissionQueue::Work work = job.work();
  absl::MutexLock lock(&mutex_);
  admission_.End(id, work);
  Publish();
}

void SearchQueue::Answer(std::vector<RefusedJob> refused) {
  for (RefusedJob& one : refused) {
    counters_.CountRefusal(one.refusal);
    one.job.Refuse(std::move(one.refusal.status));
  }
}

bool SearchQueue::HasWorkOrStops() const {
  return stops_ || !started_.empty() || !admission_.empty();
}

std::vector<SearchQueue::RefusedJob> SearchQueue::ExtractJobs(std::vector<Refusal> refusals) {
  std::vector<RefusedJob> jobs;
  jobs.reserve(refusals.size());
  for (Refusal& refusal : refusals) {
    auto job = std::move(waiting_.extract(refusal.id).mapped());
    jobs.push_back({std::move(job), std::move(refusal)});
  }
  return jobs;
}

void SearchQueue::Publish() {
  size_t queued = admission_.waiting_tasks();
  for (const Started& job : started_) queued += job.job.tasks() - job.next_task;
  counters_.tasks_queued = queued;
  counters_.tasks_in_flight = admission_.waiting_tasks() + admission_.running_tasks();
  counters_.in_flight_cost = admission_.in_flight_cost();
}

}  // namespace canopy

#include "simulator/worker_pool.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace canopy {

bool WorkerPool::Admit(Job job) {
  CHECK(!job.tasks.empty());
  if (options_.threads > 0) {
    const size_t free = options_.threads - (running_.size() - idle_.size());
    const size_t waiting = queues_[0].size() + queues_[1].size();
    if (waiting + job.tasks.size() > options_.max_queue + free) return false;
  }
  JobState& state = jobs_[job.id];
  state = {.arrived = events_.now(), .cost = job.cost, .unfinished = job.tasks.size()};
  in_flight_cost_ += job.cost;
  for (double work : job.tasks) {
    queues_[job.low_priority ? 1 : 0].push_back({.job = job.id, .work = work});
  }
  StartTasks();
  return true;
}

std::optional<WorkerPool::JobTimes> WorkerPool::Cancel(JobId id) {
  const auto found = jobs_.find(id);
  if (found == jobs_.end()) return std::nullopt;
  for (std::deque<Task>& queue : queues_) {
    std::erase_if(queue, [id](const Task& task) { return task.job == id; });
  }
  for (size_t thread = 0; thread < running_.size(); ++thread) {
    if (running_[thread].token == 0 || running_[thread].task.job != id) continue;
    Account(running_[thread]);
    Free(thread);
  }
  const JobTimes times = TimesOf(found->second);
  in_flight_cost_ -= found->second.cost;
  jobs_.erase(found);
  StartTasks();
  return times;
}

std::vector<std::pair<WorkerPool::JobId, WorkerPool::JobTimes>> WorkerPool::Clear() {
  std::vector<JobId> ids;
  for (const auto& [id, state] : jobs_) ids.push_back(id);
  std::sort(ids.begin(), ids.end());
  std::vector<std::pair<JobId, JobTimes>> stopped;
  for (JobId id : ids) stopped.emplace_back(id, *Cancel(id));
  return stopped;
}

void WorkerPool::SetRate(double rate) {
  for (Running& running : running_) {
    if (running.token != 0) Account(running);
  }
  rate_ = rate;
  for (size_t thread = 0; thread < running_.size(); ++thread) {
    if (running_[thread].token != 0) Schedule(thread);
  }
  StartTasks();
}

void WorkerPool::StartTasks() {
  for (std::deque<Task>& queue : queues_) {
    while (!queue.empty() && rate_ > 0) {
      const size_t busy = running_.size() - idle_.size();
      if (options_.threads > 0 && busy >= options_.threads) return;
      const Task task = queue.front();
      queue.pop_front();
      Start(task);
    }
  }
}

void WorkerPool::Start(const Task& task) {
  JobState& job = jobs_.at(task.job);
  if (job.started < 0) job.started = events_.now();
  if (idle_.empty()) {
    idle_.push_back(running_.size());
    running_.emplace_back();
  }
  const size_t thread = idle_.back();
  idle_.pop_back();
  running_[thread].task = task;
  running_[thread].since = events_.now();
  Schedule(thread);
}

void WorkerPool::Schedule(size_t thread) {
  Running& running = running_[thread];
  running.token = next_token_++;
  if (rate_ <= 0) return;
  const Nanos left = static_cast<Nanos>(running.task.work / rate_ + 0.5);
  events_.After(left, [this, thread, token = running.token] { OnTaskEnd(thread, token); });
}

void WorkerPool::OnTaskEnd(size_t thread, uint64_t token) {
  if (running_[thread].token != token) return;
  Account(running_[thread]);
  const JobId id = running_[thread].task.job;
  Free(thread);
  const auto found = jobs_.find(id);
  if (--found->second.unfinished == 0) {
    const JobTimes times = TimesOf(found->second);
    in_flight_cost_ -= found->second.cost;
    jobs_.erase(found);
    on_done_(id, times);
  }
  StartTasks();
}

void WorkerPool::Account(Running& running) {
  const Nanos elapsed = events_.now() - running.since;
  running.task.work = std::max(0.0, running.task.work - static_cast<double>(elapsed) * rate_);
  running.since = events_.now();
  if (rate_ <= 0) return;
  jobs_.at(running.task.job).busy += elapsed;
  busy_ += elapsed;
}

void WorkerPool::Free(size_t thread) {
  running_[thread].token = 0;
  idle_.push_back(thread);
}

WorkerPool::JobTimes WorkerPool::TimesOf(const JobState& job) const {
  const Nanos started = job.started < 0 ? events_.now() : job.started;
  return {
      .queue_wait = started - job.arrived, .service = events_.now() - started, .busy = job.busy};
}

}  // namespace canopy

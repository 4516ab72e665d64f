// The threads of one leaf process and the bounded queue before them, in virtual time. A job is all
// the tasks (one a shard) of one call; they are admitted or refused together. Jobs of the higher
// class go first, and among equals the oldest: the admission by queue wait that a real leaf has
// (CoDel, newest first under overload) is not modelled.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "simulator/event_queue.h"

namespace canopy {

// Thread safety: none. Lifetime: borrows the event queue.
class WorkerPool final {
 public:
  using JobId = uint64_t;

  struct Options {
    uint32_t threads = 1;  // 0: as many as there is work
    uint32_t max_queue = 1000;
  };
  // What became of a job: waiting before its first task began, time from then on, and time that
  // threads spent on it.
  struct JobTimes {
    Nanos queue_wait = 0;
    Nanos service = 0;
    Nanos busy = 0;
  };
  using OnDone = std::function<void(JobId, const JobTimes&)>;

  // `on_done`: the last task of a job has ended.
  WorkerPool(EventQueue& events, Options options, OnDone on_done)
      : events_(events), options_(options), on_done_(std::move(on_done)) {}
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  struct Job {
    JobId id = 0;
    bool low_priority = false;
    uint64_t cost = 0;
    std::vector<double> tasks;  // nanoseconds each, not empty
  };
  // False: the queue is full.
  bool Admit(Job job);
  // The job stops; what it had so far, or nothing when it is not (any more) there.
  std::optional<JobTimes> Cancel(JobId id);
  // All jobs stop, in the order of their ids.
  std::vector<std::pair<JobId, JobTimes>> Clear();
  // How fast work goes on from now: 1 as planned, 0 not at all.
  void SetRate(double rate);

  uint64_t in_flight_cost() const { return in_flight_cost_; }
  size_t jobs() const { return jobs_.size(); }
  // Of all threads, so far.
  Nanos busy() const { return busy_; }

 private:
  struct JobState {
    Nanos arrived = 0;
    Nanos started = -1;
    Nanos busy = 0;
    uint64_t cost = 0;
    size_t unfinished = 0;
  };
  struct Task {
    JobId job = 0;
    double work = 0;  // nanoseconds left, at rate 1
  };
  // A thread at work. `token` tells its events from those of earlier tasks and rates.
  struct Running {
    Task task;
    Nanos since = 0;
    uint64_t token = 0;  // 0: idle
  };

  void StartTasks();
  void Start(const Task& task);
  void Schedule(size_t thread);
  void OnTaskEnd(size_t thread, uint64_t token);
  // Accounts for what the thread did since its task began or its rate changed.
  void Account(Running& running);
  void Free(size_t thread);
  JobTimes TimesOf(const JobState& job) const;

  EventQueue& events_;
  const Options options_;
  const OnDone on_done_;
  double rate_ = 1;
  std::deque<Task> queues_[2];  // high, low
  std::vector<Running> running_;
  std::vector<size_t> idle_;  // places in running_
  absl::flat_hash_map<JobId, JobState> jobs_;
  uint64_t next_token_ = 1;
  uint64_t in_flight_cost_ = 0;
  Nanos busy_ = 0;
};

}  // namespace canopy

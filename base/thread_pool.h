// Fixed threads behind a bounded queue, and a parallel loop. Where work must be refused when there
// is too much of it (leaf), TrySubmit says so; where the producer must wait (indexer), Submit
// blocks.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace canopy {

struct ThreadPoolOptions {
  std::string name;    // of the threads, as top and debuggers show it; at most 15 bytes are kept
  size_t threads = 1;  // at least 1
  size_t max_queued = 1024;  // tasks that wait, those that run not counted; at least 1
};

// The destructor runs everything that was submitted, then joins the threads. Tasks must not throw.
// Thread safety: every member may be called from any thread, also from a task (but Submit from a
// task can wait for ever when the queue is full). The destructor is called once, not from a task.
class ThreadPool final {
 public:
  using Task = absl::AnyInvocable<void()>;

  explicit ThreadPool(ThreadPoolOptions options);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // False when max_queued tasks wait: then `task` is dropped, not run.
  [[nodiscard]] bool TrySubmit(Task task);
  // Waits for a place in the queue.
  void Submit(Task task);
  // Waits until no task is queued or running. With others submitting meanwhile this may take for
  // ever.
  void WaitUntilIdle();

  size_t queued() const;
  size_t running() const;
  size_t threads() const { return threads_.size(); }

 private:
  void RunWorker();
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool HasTaskOrStops() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool IsIdle() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const ThreadPoolOptions options_;
  mutable absl::Mutex mutex_;
  std::deque<Task> queue_ ABSL_GUARDED_BY(mutex_);
  size_t running_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stops_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

// Calls body(i) for every i below `count` on up to `threads` threads, the caller's among them, in
// no fixed order. After an error no further i is started. Returns the error of the smallest i that
// failed, or OK. REQUIRES: threads >= 1; `body` may be called from several threads at once.
absl::Status ParallelFor(size_t threads, size_t count,
                         absl::FunctionRef<absl::Status(size_t)> body);

}  // namespace canopy

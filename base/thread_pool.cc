#include "base/thread_pool.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "base/check.h"

namespace canopy {

ThreadPool::ThreadPool(ThreadPoolOptions options) : options_(std::move(options)) {
  CHECK(options_.threads >= 1);
  CHECK(options_.max_queued >= 1);
  threads_.reserve(options_.threads);
  for (size_t i = 0; i < options_.threads; ++i) {
    threads_.emplace_back([this] { RunWorker(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    absl::MutexLock lock(&mutex_);
    stops_ = true;
  }
  for (std::thread& thread : threads_) thread.join();
}

bool ThreadPool::TrySubmit(Task task) {
  absl::MutexLock lock(&mutex_);
  if (!HasRoom()) return false;
  queue_.push_back(std::move(task));
  return true;
}

void ThreadPool::Submit(Task task) {
  absl::MutexLock lock(&mutex_, absl::Condition(this, &ThreadPool::HasRoom));
  queue_.push_back(std::move(task));
}

void ThreadPool::WaitUntilIdle() {
  absl::MutexLock lock(&mutex_, absl::Condition(this, &ThreadPool::IsIdle));
}

size_t ThreadPool::queued() const {
  absl::MutexLock lock(&mutex_);
  return queue_.size();
}

size_t ThreadPool::running() const {
  absl::MutexLock lock(&mutex_);
  return running_;
}

void ThreadPool::RunWorker() {
  pthread_setname_np(pthread_self(), options_.name.substr(0, 15).c_str());
  while (true) {
    Task task;
    {
      absl::MutexLock lock(&mutex_, absl::Condition(this, &ThreadPool::HasTaskOrStops));
      if (queue_.empty()) return;
      task = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
    }
    std::move(task)();
    task = nullptr;  // what the task holds is gone before the pool says that it is idle
    absl::MutexLock lock(&mutex_);
    --running_;
  }
}

bool ThreadPool::HasRoom() const { return queue_.size() < options_.max_queued; }
bool ThreadPool::HasTaskOrStops() const { return !queue_.empty() || stops_; }
bool ThreadPool::IsIdle() const { return queue_.empty() && running_ == 0; }

absl::Status ParallelFor(size_t threads, size_t count,
                         absl::FunctionRef<absl::Status(size_t)> body) {
  CHECK(threads >= 1);
  std::atomic<size_t> next{0};
  std::atomic<bool> failed{false};
  absl::Mutex mutex;
  size_t first_failed = count;
  absl::Status first_error;
  const auto work = [&] {
    while (!failed.load(std::memory_order_relaxed)) {
      const size_t i = next.fetch_add(1, std::memory_order_relaxed);
      if (i >= count) return;
      absl::Status status = body(i);
      if (status.ok()) continue;
      failed.store(true, std::memory_order_relaxed);
      absl::MutexLock lock(&mutex);
      if (i >= first_failed) continue;
      first_failed = i;
      first_error = std::move(status);
    }
  };
  std::vector<std::thread> helpers;
  for (size_t i = 1; i < std::min(threads, count); ++i) helpers.emplace_back(work);
  work();
  for (std::thread& helper : helpers) helper.join();
  return first_error;
}

}  // namespace canopy

// The inside of EventLoop, for the .cc files of rpc/: the completion queue, what its tags point to,
// and how calls say that they use it.
#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <functional>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "rpc/event_loop.h"

namespace canopy {

// What every tag on a loop's queue points to: a function and its argument. May be put on the queue
// again once its event has been run. Lifetime: until the event has been run, which may destroy it.
class QueueTag final {
 public:
  using Handler = void (*)(void* owner, bool ok);

  QueueTag(Handler handler, void* owner) : handler_(handler), owner_(owner) {}
  QueueTag(const QueueTag&) = delete;
  QueueTag& operator=(const QueueTag&) = delete;

  void Run(bool ok) { handler_(owner_, ok); }
  void* tag() { return this; }

 private:
  const Handler handler_;
  void* const owner_;
};

// Thread safety: as EventLoop.
class EventLoop::Impl final {
 public:
  // A queue of the loop's own, or a server's.
  explicit Impl(std::unique_ptr<grpc::CompletionQueue> queue);
  ~Impl();

  void Start();  // the thread; what is posted before waits for it
  bool Post(std::function<void()> function);
  Timer RunAt(absl::Time at, std::function<void()> function);
  bool CancelTimer(const Timer& timer);
  bool InLoop() const;
  void Stop();

  // A call that wants to put its tag on the queue says so first: the queue is not shut down before
  // EndCall(), which its event calls. False: the loop is stopping; no tag may be put on the queue.
  bool BeginCall();
  void EndCall();
  grpc::CompletionQueue& queue() { return *queue_; }

 private:
  using TimerKey = std::pair<absl::Time, uint64_t>;
  using Functions = std::vector<std::function<void()>>;

  void Turn();
  bool TimerIsDue();
  bool RunEvents(absl::Time until);
  // Runs what is due; the time until which there is nothing to do.
  absl::Time RunDue();
  bool ReadyToShutDown();
  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnWake();

  const std::unique_ptr<grpc::CompletionQueue> queue_;
  std::thread thread_;
  grpc::Alarm alarm_;  // puts wake_tag on the queue
  QueueTag wake_tag_{[](void* self, bool) { static_cast<Impl*>(self)->OnWake(); }, this};
  bool shut_down_ = false;  // the loop's thread alone

  absl::Mutex mutex_;
  Functions posted_ ABSL_GUARDED_BY(mutex_);
  std::map<TimerKey, std::function<void()>> timers_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_timer_ ABSL_GUARDED_BY(mutex_) = 1;
  size_t pending_tags_ ABSL_GUARDED_BY(mutex_) = 0;  // of calls, and of the alarm
  bool wake_pending_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace canopy

// The inside of EventLoop, for the .cc files of rpc/: the sockets' context and gRPC's completion
// queue, how their events take turns, and how calls say that they are in flight.
#pragma once

#include <grpcpp/completion_queue.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
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

  void Start();  // the threads; what is posted before waits for them
  bool Post(std::function<void()> function);
  Timer RunAt(absl::Time at, std::function<void()> function);
  bool CancelTimer(const Timer& timer);
  bool InLoop() const;
  void Stop();

  // A call that is in flight, from here to EndCall(): the loop does not stop before. False: the
  // loop is stopping; no call may begin.
  bool BeginCall();
  void EndCall();
  grpc::CompletionQueue& queue() { return *queue_; }
  boost::asio::io_context& sockets() { return sockets_; }

  // A handler for asio that runs `function` as an event of the loop.
  template <typename Function>
  auto InTurn(Function function) {
    return [this, function = std::move(function)](auto&&... arguments) mutable {
      const Turn turn(*this);
      function(std::forward<decltype(arguments)>(arguments)...);
    };
  }
  // As Post, but also while the loop waits for calls in flight to end.
  void Dispatch(std::function<void()> function);

 private:
  using TimerKey = std::pair<absl::Time, uint64_t>;
  using Functions = std::vector<std::function<void()>>;

  // While it lives, no other event is handled; at its end runs what was posted.
  class Turn final {
   public:
    explicit Turn(Impl& loop);
    ~Turn();

   private:
    Impl& loop_;
  };

  void TurnSockets();
  void TurnQueue();
  void RunPosted();
  void RunTimers();
  void MaybeShutDown();
  void WakeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Makes sure that somebody wakes up for the first timer.
  void SetWakeTimeLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<grpc::CompletionQueue> queue_;
  std::thread socket_thread_, queue_thread_;
  absl::Mutex turn_;        // held by the event that is handled
  bool shut_down_ = false;  // in a turn alone

  absl::Mutex mutex_;
  Functions posted_ ABSL_GUARDED_BY(mutex_);
  std::map<TimerKey, std::function<void()>> timers_ ABSL_GUARDED_BY(mutex_);
  uint64_t next_timer_ ABSL_GUARDED_BY(mutex_) = 1;
  size_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  bool wake_pending_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Time wake_time_ ABSL_GUARDED_BY(mutex_) = absl::InfiniteFuture();

  // Last: what waits in it may use the rest when it goes.
  boost::asio::io_context sockets_;
  const boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      sockets_.get_executor()};
  boost::asio::steady_timer wake_timer_ ABSL_GUARDED_BY(mutex_){sockets_};
};

}  // namespace canopy

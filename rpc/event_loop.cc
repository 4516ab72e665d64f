#include "rpc/event_loop.h"

#include <pthread.h>

#include "base/check.h"
#include "rpc/event_loop_impl.h"
#include "rpc/grpc_convert.h"

namespace canopy {
namespace {

thread_local const EventLoop::Impl* current_loop = nullptr;
thread_local bool is_first_event = false;

// An event that took so long to come was waited for; one that was there takes a microsecond or two.
constexpr absl::Duration kWait = absl::Microseconds(20);
// Before timers that are due have their turn.
constexpr int kMaxEventsInARow = 64;

}  // namespace

EventLoop::Impl::Impl(std::unique_ptr<grpc::CompletionQueue> queue) : queue_(std::move(queue)) {}

EventLoop::Impl::~Impl() { Stop(); }

void EventLoop::Impl::Start() {
  thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "event-loop");
    Turn();
  });
}

bool EventLoop::Impl::InLoop() const { return current_loop == this; }

bool EventLoop::Impl::Post(std::function<void()> function) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return false;
  posted_.push_back(std::move(function));
  WakeLocked();
  return true;
}

EventLoop::Timer EventLoop::Impl::RunAt(absl::Time at, std::function<void()> function) {
  absl::MutexLock lock(&mutex_);
  const Timer timer{at, next_timer_++};
  if (stopping_) return timer;
  const bool first = timers_.empty() || at < timers_.begin()->first.first;
  timers_.emplace(TimerKey(at, timer.id), std::move(function));
  if (first) WakeLocked();
  return timer;
}

bool EventLoop::Impl::CancelTimer(const Timer& timer) {
  std::function<void()> dropped;  // destroyed outside the lock
  absl::MutexLock lock(&mutex_);
  const auto found = timers_.find({timer.at, timer.id});
  if (found == timers_.end()) return false;
  dropped = std::move(found->second);
  timers_.erase(found);
  return true;
}

bool EventLoop::Impl::BeginCall() {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return false;
  ++pending_tags_;
  return true;
}

void EventLoop::Impl::EndCall() {
  absl::MutexLock lock(&mutex_);
  --pending_tags_;
}

// The loop's own thread looks at the queue of functions before it waits, so it needs no waking.
void EventLoop::Impl::WakeLocked() {
  if (wake_pending_ || InLoop()) return;
  wake_pending_ = true;
  ++pending_tags_;
  alarm_.Set(queue_.get(), gpr_inf_past(GPR_CLOCK_MONOTONIC), wake_tag_.tag());
}

void EventLoop::Impl::OnWake() {
  absl::MutexLock lock(&mutex_);
  wake_pending_ = false;
  --pending_tags_;
}

absl::Time EventLoop::Impl::RunDue() {
  Functions due;
  absl::Time next = absl::InfiniteFuture();
  {
    absl::MutexLock lock(&mutex_);
    due.swap(posted_);
    while (!timers_.empty() && timers_.begin()->first.first <= SteadyClock().Now()) {
      due.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    if (!timers_.empty()) next = timers_.begin()->first.first;
  }
  if (due.empty()) return next;
  for (std::function<void()>& function : due) function();
  return absl::InfinitePast();  // they may have posted more
}

bool EventLoop::Impl::ReadyToShutDown() {
  std::map<TimerKey, std::function<void()>> dropped;
  absl::MutexLock lock(&mutex_);
  if (!stopping_) return false;
  dropped.swap(timers_);
  return posted_.empty() && pending_tags_ == 0;
}

bool EventLoop::Impl::TimerIsDue() {
  absl::MutexLock lock(&mutex_);
  return !timers_.empty() && timers_.begin()->first.first <= SteadyClock().Now();
}

// Waits for an event until `until`. If a timer is due by then, what else has come is run before it:
// a reply is taken before it is asked what is late. False: the queue is shut down.
bool EventLoop::Impl::RunEvents(absl::Time until) {
  for (int events = 0; events < kMaxEventsInARow; ++events) {
    void* tag = nullptr;
    bool ok = false;
    const absl::Time ready = SteadyClock().Now();
    const absl::Time deadline = events == 0 ? until : absl::InfinitePast();
    const auto status = queue_->AsyncNext(&tag, &ok, ToGrpc(deadline, SteadyClock()));
    is_first_event = SteadyClock().Now() - ready >= kWait;
    if (status == grpc::CompletionQueue::SHUTDOWN) return false;
    if (status == grpc::CompletionQueue::TIMEOUT) return true;
    static_cast<QueueTag*>(tag)->Run(ok);
    if (!TimerIsDue()) break;
  }
  return true;
}

void EventLoop::Impl::Turn() {
  current_loop = this;
  while (true) {
    const absl::Time next = RunDue();
    if (!shut_down_ && ReadyToShutDown()) {
      shut_down_ = true;
      queue_->Shutdown();
    }
    if (!RunEvents(next)) break;
  }
  current_loop = nullptr;
  is_first_event = false;
}

void EventLoop::Impl::Stop() {
  CHECK(!InLoop());
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) WakeLocked();
    stopping_ = true;
  }
  if (thread_.joinable()) {
    thread_.join();
  } else if (!shut_down_) {
    Turn();  // never started: the queue still has to be drained
  }
}

EventLoop::EventLoop() : impl_(std::make_unique<Impl>(std::make_unique<grpc::CompletionQueue>())) {
  impl_->Start();
}
EventLoop::EventLoop(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
EventLoop::~EventLoop() = default;

bool EventLoop::Post(std::function<void()> function) { return impl_->Post(std::move(function)); }
EventLoop::Timer EventLoop::RunAt(absl::Time at, std::function<void()> function) {
  return impl_->RunAt(at, std::move(function));
}
EventLoop::Timer EventLoop::RunAfter(absl::Duration delay, std::function<void()> function) {
  return impl_->RunAt(clock().Now() + delay, std::move(function));
}
bool EventLoop::CancelTimer(const Timer& timer) { return impl_->CancelTimer(timer); }
bool EventLoop::InLoop() const { return impl_->InLoop(); }
bool EventLoop::HandlesFirstEvent() { return is_first_event; }
const Clock& EventLoop::clock() const { return SteadyClock(); }
void EventLoop::Stop() { impl_->Stop(); }

}  // namespace canopy

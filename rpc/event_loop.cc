#include "rpc/event_loop.h"

#include <pthread.h>

#include <algorithm>
#include <boost/asio/post.hpp>

#include "absl/time/time.h"
#include "base/check.h"
#include "rpc/event_loop_impl.h"

namespace canopy {
namespace {

thread_local const EventLoop::Impl* current_loop = nullptr;
thread_local bool is_first_event = false;

// An event of the completion queue that took so long to come was waited for.
constexpr absl::Duration kWait = absl::Microseconds(20);
// A time that the system's timers can hold.
constexpr absl::Duration kMaxSleep = absl::Hours(1);

}  // namespace

EventLoop::Impl::Turn::Turn(Impl& loop) : loop_(loop) {
  loop_.turn_.Lock();
  current_loop = &loop_;
}

EventLoop::Impl::Turn::~Turn() {
  loop_.RunPosted();
  loop_.MaybeShutDown();
  current_loop = nullptr;
  is_first_event = false;
  loop_.turn_.Unlock();
}

EventLoop::Impl::Impl(std::unique_ptr<grpc::CompletionQueue> queue) : queue_(std::move(queue)) {}

EventLoop::Impl::~Impl() { Stop(); }

void EventLoop::Impl::Start() {
  socket_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "event-loop");
    TurnSockets();
  });
  queue_thread_ = std::thread([this] {
    pthread_setname_np(pthread_self(), "event-queue");
    TurnQueue();
  });
}

bool EventLoop::Impl::InLoop() const { return current_loop == this; }

bool EventLoop::Impl::Post(std::function<void()> function) {
  absl::MutexLock lock(&mutex_);
  if (stopping_) return false;
  posted_.push_back(std::move(function));
  if (!InLoop()) WakeLocked();
  return true;
}

void EventLoop::Impl::Dispatch(std::function<void()> function) {
  boost::asio::post(sockets_, InTurn(std::move(function)));
}

EventLoop::Timer EventLoop::Impl::RunAt(absl::Time at, std::function<void()> function) {
  absl::MutexLock lock(&mutex_);
  const Timer timer{at, next_timer_++};
  if (stopping_ && calls_ == 0) return timer;
  timers_.emplace(TimerKey(at, timer.id), std::move(function));
  SetWakeTimeLocked();
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
  ++calls_;
  return true;
}

void EventLoop::Impl::EndCall() {
  absl::MutexLock lock(&mutex_);
  if (--calls_ == 0 && stopping_) WakeLocked();
}

void EventLoop::Impl::WakeLocked() {
  if (wake_pending_) return;
  wake_pending_ = true;
  boost::asio::post(sockets_, InTurn([] {}));  // the end of a turn runs what was posted
}

void EventLoop::Impl::RunPosted() {
  Functions due;
  {
    absl::MutexLock lock(&mutex_);
    wake_pending_ = false;
    due.swap(posted_);
  }
  if (due.empty()) return;
  for (std::function<void()>& function : due) function();
  due.clear();
  absl::MutexLock lock(&mutex_);
  if (!posted_.empty()) WakeLocked();  // others have their turn first
}

// An earlier timer that was cancelled meanwhile costs a wake-up for nothing.
void EventLoop::Impl::SetWakeTimeLocked() {
  if (timers_.empty()) return;
  const absl::Time now = SteadyClock().Now();
  const absl::Time at = std::min(timers_.begin()->first.first, now + kMaxSleep);
  if (at >= wake_time_) return;
  wake_time_ = at;
  wake_timer_.expires_after(absl::ToChronoNanoseconds(std::max(at - now, absl::ZeroDuration())));
  wake_timer_.async_wait([this](const boost::system::error_code& error) {
    if (error) return;  // set to another time
    const Turn turn(*this);
    RunTimers();
  });
}

void EventLoop::Impl::RunTimers() {
  Functions due;
  {
    absl::MutexLock lock(&mutex_);
    wake_time_ = absl::InfiniteFuture();
    const absl::Time now = SteadyClock().Now();
    while (!timers_.empty() && timers_.begin()->first.first <= now) {
      due.push_back(std::move(timers_.begin()->second));
      timers_.erase(timers_.begin());
    }
    SetWakeTimeLocked();
  }
  for (std::function<void()>& function : due) function();
}

void EventLoop::Impl::MaybeShutDown() {
  std::map<TimerKey, std::function<void()>> dropped;
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_ || shut_down_ || !posted_.empty() || calls_ > 0) return;
    dropped.swap(timers_);
  }
  shut_down_ = true;
  queue_->Shutdown();
  sockets_.stop();
}

// Whatever has arrived is handled before the thread waits; replies before the timers that were due
// when they arrived, since asio looks at timers last.
void EventLoop::Impl::TurnSockets() {
  while (!sockets_.stopped()) {
    is_first_event = false;
    sockets_.poll();
    is_first_event = true;
    sockets_.run_one();
  }
}

void EventLoop::Impl::TurnQueue() {
  void* tag = nullptr;
  bool ok = false;
  absl::Time ready = SteadyClock().Now();
  while (queue_->Next(&tag, &ok)) {
    const bool waited = SteadyClock().Now() - ready >= kWait;
    {
      const Turn turn(*this);
      is_first_event = waited;
      static_cast<QueueTag*>(tag)->Run(ok);
    }
    ready = SteadyClock().Now();
  }
}

void EventLoop::Impl::Stop() {
  CHECK(!InLoop());
  {
    absl::MutexLock lock(&mutex_);
    if (!stopping_) WakeLocked();
    stopping_ = true;
  }
  if (socket_thread_.joinable()) {
    socket_thread_.join();
    queue_thread_.join();
  } else if (!shut_down_) {
    TurnSockets();  // never started: the queue still has to be drained
    TurnQueue();
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

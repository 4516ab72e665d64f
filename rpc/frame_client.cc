#include "rpc/frame_client.h"

#include <algorithm>
#include <cmath>

#include "base/status.h"
#include "base/strings.h"
#include "rpc/stream_address.h"

namespace canopy {
namespace {

using Error = boost::system::error_code;

constexpr double kBackoffGrowth = 1.6;

absl::Status ClosedError() { return absl::CancelledError("the client is closed"); }

}  // namespace

// One attempt to connect, to each endpoint in turn, within a time. Kept alive by what it waits for;
// everything on the loop's thread.
class FrameClient::Attempt final : public std::enable_shared_from_this<Attempt> {
 public:
  Attempt(EventLoop& loop, std::function<void(absl::StatusOr<StreamSocket>)> done)
      : loop_(loop), done_(std::move(done)), socket_(loop.impl().sockets()) {}

  void Start(const std::string& address, absl::Duration timeout) {
    timeout_ = loop_.RunAfter(timeout, [self = shared_from_this(), timeout] {
      self->End(
          absl::UnavailableError(Concat("no connection within ", absl::FormatDuration(timeout))));
    });
    Resolve(loop_.impl().sockets(), address, [self = shared_from_this()](auto endpoints) {
      // The resolver's thread is not the loop's turn.
      self->loop_.impl().Dispatch([self, endpoints = std::move(endpoints)] {
        if (!endpoints.ok()) return self->End(endpoints.status());
        self->endpoints_ = *endpoints;
        self->TryNext(absl::UnavailableError("the name stands for no address"));
      });
    });
  }

 private:
  void TryNext(const absl::Status& last_error) {
    if (done_ == nullptr) return;
    if (next_ == endpoints_.size()) return End(last_error);
    socket_ = StreamSocket(loop_.impl().sockets());
    socket_.async_connect(
        endpoints_[next_++], loop_.impl().InTurn([self = shared_from_this()](Error error) {
          if (self->done_ == nullptr) return;
          if (!error) return self->End(std::move(self->socket_));
          self->TryNext(absl::UnavailableError(Concat("cannot connect: ", error.message())));
        }));
  }

  void End(absl::StatusOr<StreamSocket> result) {
    if (done_ == nullptr) return;
    loop_.CancelTimer(timeout_);
    if (!result.ok()) {
      Error ignored;
      socket_.close(ignored);
    }
    std::exchange(done_, nullptr)(std::move(result));
  }

  EventLoop& loop_;
  std::function<void(absl::StatusOr<StreamSocket>)> done_;
  EventLoop::Timer timeout_;
  std::vector<StreamEndpoint> endpoints_;
  size_t next_ = 0;
  StreamSocket socket_;
};

FrameClient::FrameClient(EventLoop& loop, std::string address, std::string service,
                         const ClientOptions& options)
    : loop_(loop),
      peer_{std::move(address), std::move(service), options.max_request_bytes},
      options_(options) {}

bool FrameClient::speaks_otherwise() {
  absl::MutexLock lock(&mutex_);
  return speaks_otherwise_;
}

absl::Status FrameClient::CheckCall(size_t request_bytes, const Cancellation& context) const {
  RETURN_IF_ERROR(peer_.Describe(context.status()));
  return peer_.CheckSize(request_bytes);
}

void FrameClient::FailOnLoop(absl::Status status, Done done) {
  auto fail = [done = std::move(done), status = std::move(status)] { done(status); };
  if (!loop_.Post(fail)) fail();
}

void FrameClient::CallWithBytes(FrameMethod method, std::string request,
                                std::shared_ptr<Cancellation> context, Done done) {
  absl::Status status = CheckCall(request.size(), *context);
  if (status.ok() && !loop_.impl().BeginCall()) status = peer_.Describe(ClosedError());
  if (!status.ok()) return FailOnLoop(std::move(status), std::move(done));
  FrameHeader header = {.kind = FrameKind::kRequest, .code = static_cast<uint8_t>(method)};
  if (context->deadline() != absl::InfiniteFuture()) {
    const absl::Duration left = context->deadline() - loop_.clock().Now();
    header.number = std::max<int64_t>(1, absl::ToInt64Microseconds(left));
  }
  std::shared_ptr<FrameConnection> connection;
  bool connect = false;
  {
    absl::MutexLock lock(&mutex_);
    if (closed_) {
      status = ClosedError();
    } else if (state_ == State::kIdle && loop_.clock().Now() < next_attempt_) {
      status = last_error_;
    } else {
      header.call = next_call_++;
      Add(header.call, {context, std::move(done)});
      connect = state_ == State::kIdle;
      if (connect) state_ = State::kConnecting;
      if (state_ == State::kOpen) connection = connection_;
      if (connection == nullptr) waiting_.emplace_back(header, std::move(request));
    }
  }
  if (!status.ok()) {
    FailOnLoop(peer_.Describe(status), std::move(done));
    return loop_.impl().EndCall();
  }
  if (connection != nullptr) connection->Send(header, std::move(request));
  if (connect) loop_.impl().Dispatch([self = shared_from_this()] { self->Connect(); });
  WatchCall(header.call, *context);
}

void FrameClient::Add(uint64_t call, PendingCall pending) {
  LookAt(pending.context->deadline());
  calls_.emplace(call, std::move(pending));
}

// One timer for all calls. Most end long before their deadline, so it is left as it is, and looks
// in time at those that came later.
void FrameClient::LookAt(absl::Time deadline) {
  if (deadline >= look_.at) return;
  loop_.CancelTimer(look_);
  look_ = loop_.RunAt(deadline, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->EndLateCalls();
  });
}

void FrameClient::EndLateCalls() {
  std::vector<uint64_t> late;
  {
    absl::MutexLock lock(&mutex_);
    const absl::Time now = loop_.clock().Now();
    absl::Time next = absl::InfiniteFuture();
    for (const auto& [id, call] : calls_) {
      const absl::Time deadline = call.context->deadline();
      if (deadline > now) {
        next = std::min(next, deadline);
      } else {
        late.push_back(id);
      }
    }
    look_ = kNever;
    LookAt(next);
  }
  for (const uint64_t call : late) {
    Abandon(call, absl::DeadlineExceededError("the deadline is over"));
  }
}

void FrameClient::WatchCall(uint64_t call, Cancellation& context) {
  // Weak: the context may live longer than the client.
  context.OnCancel([weak = weak_from_this(), call] {
    const auto self = weak.lock();
    if (self == nullptr) return;
    self->loop_.impl().Dispatch(
        [self, call] { self->Abandon(call, absl::CancelledError("cancelled")); });
  });
}

// The peer is told that nobody waits any more.
void FrameClient::Abandon(uint64_t call, absl::Status why) {
  std::shared_ptr<FrameConnection> connection;
  {
    absl::MutexLock lock(&mutex_);
    if (!calls_.contains(call)) return;
    if (state_ == State::kOpen) connection = connection_;
    std::erase_if(waiting_, [call](const Message& each) { return each.first.call == call; });
  }
  if (connection != nullptr) {
    connection->Send({.kind = FrameKind::kCancel, .call = call}, "");
    connection->Skip(call);
  }
  EndCall(call, peer_.Describe(why));
}

void FrameClient::EndCall(uint64_t call, absl::StatusOr<std::string_view> result) {
  PendingCall pending;
  {
    absl::MutexLock lock(&mutex_);
    const auto found = calls_.find(call);
    if (found == calls_.end()) return;  // a late reply
    pending = std::move(found->second);
    calls_.erase(found);
  }
  Finish(std::move(pending), std::move(result));
}

void FrameClient::Finish(PendingCall call, absl::StatusOr<std::string_view> result) {
  if (call.parts_bytes > 0) options_.parts.give_back(call.parts_bytes);
  call.done(std::move(result));
  loop_.impl().EndCall();
}

void FrameClient::Connect() {
  auto attempt = std::make_shared<Attempt>(
      loop_, [self = shared_from_this()](auto socket) { self->OnConnected(std::move(socket)); });
  attempt->Start(peer_.address, options_.reconnect_backoff_max);
}

void FrameClient::OnConnected(absl::StatusOr<StreamSocket> socket) {
  if (!socket.ok()) return OnEnd(socket.status());
  SetNoDelay(*socket);
  auto connection = std::make_shared<FrameConnection>(
      loop_, *std::move(socket),
      FrameConnection::Options{.max_message_bytes = options_.max_response_bytes,
                               .keepalive_time = options_.keepalive_time,
                               .keepalive_timeout = options_.keepalive_timeout,
                               .greeting_timeout = options_.reconnect_backoff_max});
  bool closed = false;
  {
    absl::MutexLock lock(&mutex_);
    closed = closed_;
    connection_ = connection;
  }
  // Weak: the connection belongs to the client.
  connection->Start(
      {.on_open =
           [weak = weak_from_this()] {
             if (const auto self = weak.lock()) self->OnOpen();
           },
       .on_part =
           [weak = weak_from_this()](const auto& header, size_t bytes) {
             const auto self = weak.lock();
             return self != nullptr && self->OnPart(header.call, bytes);
           },
       .on_message =
           [weak = weak_from_this()](const auto& header, auto payload, bool too_large) {
             if (const auto self = weak.lock()) self->OnMessage(header, payload, too_large);
           },
       .on_end =
           [weak = weak_from_this()](const absl::Status& why) {
             if (const auto self = weak.lock()) self->OnEnd(why);
           }});
  if (closed) connection->Close(ClosedError());
}

void FrameClient::OnOpen() {
  std::vector<Message> waiting;
  std::shared_ptr<FrameConnection> connection;
  {
    absl::MutexLock lock(&mutex_);
    state_ = State::kOpen;
    was_open_ = true;
    speaks_otherwise_ = false;
    failures_ = 0;
    waiting.swap(waiting_);
    connection = connection_;
  }
  for (auto& [header, request] : waiting) connection->Send(header, std::move(request));
}

// False for a call that has ended too: nobody waits for the rest of a late reply.
bool FrameClient::OnPart(uint64_t call, size_t bytes) {
  const absl::Status status = options_.parts.take(bytes);
  if (!status.ok()) {
    Abandon(call, status);
    return false;
  }
  {
    absl::MutexLock lock(&mutex_);
    const auto found = calls_.find(call);
    if (found != calls_.end()) {
      found->second.parts_bytes += bytes;
      return true;
    }
  }
  options_.parts.give_back(bytes);
  return false;
}

void FrameClient::OnMessage(const FrameHeader& header, std::string_view payload, bool too_large) {
  if (header.kind != FrameKind::kReply) return;
  if (too_large) {
    return EndCall(header.call, peer_.Describe(absl::ResourceExhaustedError(
                                    Concat("the answer is longer than the limit of ",
                                           options_.max_response_bytes, " (response bytes)"))));
  }
  const auto code = static_cast<absl::StatusCode>(header.code);
  if (code == absl::StatusCode::kOk) return EndCall(header.call, payload);
  EndCall(header.call,
          peer_.Describe(absl::Status(code, absl::string_view(payload.data(), payload.size()))));
}

// A connection that was open is made again at the next call, another only after a while.
void FrameClient::OnEnd(const absl::Status& why) {
  Calls calls;
  {
    absl::MutexLock lock(&mutex_);
    if (state_ == State::kConnecting) {
      speaks_otherwise_ = connection_ != nullptr && !was_open_;
      const absl::Duration backoff =
          options_.reconnect_backoff_min * std::pow(kBackoffGrowth, failures_++);
      next_attempt_ = loop_.clock().Now() + std::min(backoff, options_.reconnect_backoff_max);
    }
    state_ = State::kIdle;
    last_error_ = why;
    connection_.reset();
    waiting_.clear();
    calls.swap(calls_);
  }
  for (auto& [id, call] : calls) Finish(std::move(call), peer_.Describe(why));
}

void FrameClient::Close() {
  Calls calls;
  std::shared_ptr<FrameConnection> connection;
  {
    absl::MutexLock lock(&mutex_);
    closed_ = true;
    calls.swap(calls_);
    waiting_.clear();
    connection = connection_;
  }
  if (connection != nullptr) connection->Close(ClosedError());
  for (auto& each : calls) {
    loop_.impl().Dispatch([self = shared_from_this(), call = std::move(each.second)] {
      self->Finish(call, self->peer_.Describe(ClosedError()));
    });
  }
}

}  // namespace canopy

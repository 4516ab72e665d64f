// One unary call on a server's completion queue, from the registered request to the last event. For
// the .cc files of rpc/ only.
//
// Events of a call, all on its loop's thread: the request arrives (or the server shuts down: not
// ok); the client's side of the call ends, by cancellation or because the answer has gone out
// ("done"); the answer has been sent ("finished"). After both of the latter the call is gone. The
// backend's answer may come from any thread, and after the call is gone.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <atomic>
#include <functional>
#include <memory>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "base/cancellation.h"
#include "base/check.h"
#include "base/strings.h"
#include "rpc/event_loop_impl.h"
#include "rpc/grpc_convert.h"
#include "rpc/rpc_server.h"

namespace canopy {

inline absl::Status ShuttingDown() { return absl::UnavailableError("the server shuts down"); }

// What the calls of all loops count. Thread safety: all members from any thread.
class ServerCallTotals final {
 public:
  explicit ServerCallTotals(size_t max_in_flight) : max_in_flight(max_in_flight) {}

  const size_t max_in_flight;
  std::atomic<bool> shutting_down{false};  // calls that come are turned away
  std::atomic<bool> closed{false};         // none comes any more
  std::atomic<uint64_t> in_flight{0};
  std::atomic<uint64_t> total{0};
  std::atomic<uint64_t> cancelled{0};
  std::atomic<uint64_t> rejected{0};

  absl::Status TooMany() const {
    return absl::ResourceExhaustedError(
        Concat("more than ", max_in_flight, " calls in flight (max_calls_in_flight)"));
  }

  // False: the server shuts down. Otherwise the call is in flight until EndCall().
  bool BeginCall() {
    ++total;
    ++in_flight;
    if (!shutting_down) return true;
    EndCall();
    return false;
  }

  void EndCall() {
    if (--in_flight > 0 || !shutting_down) return;
    absl::MutexLock lock(&mutex_);  // its release looks at the condition of WaitUntilIdle
  }

  // REQUIRES: shutting_down.
  void WaitUntilIdle(absl::Duration timeout) {
    absl::MutexLock lock(&mutex_);
    mutex_.AwaitWithTimeout(
        absl::Condition(
            +[](std::atomic<uint64_t>* in_flight) { return *in_flight == 0; }, &in_flight),
        timeout);
  }

 private:
  absl::Mutex mutex_;
};

// What the calls of one loop share.
struct ServerLoop {
  EventLoop* loop = nullptr;
  grpc::ServerCompletionQueue* queue = nullptr;
  ServerCallTotals* totals = nullptr;
  // Calls in flight, and how each is ended without its backend. The loop's thread alone.
  absl::flat_hash_map<void*, void (*)(void*)> in_flight = {};
};

template <typename Request, typename Response>
class ServerCall final {
 public:
  using Writer = grpc::ServerAsyncResponseWriter<Response>;
  struct Method {
    std::function<void(grpc::ServerContext*, Request*, Writer*, grpc::ServerCompletionQueue*,
                       void*)>
        request;
    std::function<void(std::shared_ptr<const Request>, std::shared_ptr<Cancellation>,
                       RpcDone<Response>)>
        handle;
    absl::Duration timeout;
  };

  // Registers one request; the call takes care of itself from here. Lifetime: borrows both until
  // the server is shut down and the loop stopped.
  static void Register(ServerLoop& server, const Method& method) {
    auto* const call = new ServerCall(server, method);
    call->context_.AsyncNotifyWhenDone(call->done_tag_.tag());
    method.request(&call->context_, call->request_.get(), &call->writer_, server.queue,
                   call->request_tag_.tag());
  }

 private:
  // What the backend holds: the call until it is answered, then nothing.
  struct Reply {
    std::atomic<ServerCall*> call;
  };

  ServerCall(ServerLoop& server, const Method& method)
      : server_(server), method_(method), request_(std::make_shared<Request>()) {}

  void OnRequest(bool ok) {
    if (!ok) return delete this;  // the server shuts down; there will be no other event
    if (!server_.totals->closed) Register(server_, method_);
    reply_ = std::make_shared<Reply>();
    reply_->call = this;
    is_in_flight_ = server_.totals->BeginCall();
    if (!is_in_flight_) return Answer(*reply_, ShuttingDown());
    server_.in_flight.emplace(this, [](void* call) { static_cast<ServerCall*>(call)->Abort(); });
    if (server_.totals->in_flight > server_.totals->max_in_flight) return Reject();
    const Clock& clock = server_.loop->clock();
    const absl::Time deadline =
        std::min(FromGrpc(context_.raw_deadline(), clock), clock.Now() + method_.timeout);
    cancellation_ = std::make_shared<Cancellation>(clock, deadline);
    method_.handle(std::move(request_), cancellation_,
                   [reply = reply_](absl::StatusOr<Response> response) {
                     Answer(*reply, std::move(response));
                   });
  }

  void Reject() {
    ++server_.totals->rejected;
    Answer(*reply_, server_.totals->TooMany());
  }

  void Abort() {
    Answer(*reply_, ShuttingDown());
    if (cancellation_ != nullptr) cancellation_->Cancel();
  }

  // The first answer counts. The call lives at least until its finished event, so until here.
  static void Answer(Reply& reply, absl::StatusOr<Response> response) {
    ServerCall* const call = reply.call.exchange(nullptr);
    if (call == nullptr) return;
    if (response.ok()) {
      call->writer_.Finish(*response, grpc::Status::OK, call->finished_tag_.tag());
    } else {
      call->writer_.FinishWithError(ToGrpc(response.status()), call->finished_tag_.tag());
    }
  }

  void OnDone() {
    done_ = true;
    if (is_in_flight_ && context_.IsCancelled()) {
      ++server_.totals->cancelled;
      if (cancellation_ != nullptr) cancellation_->Cancel();
    }
    MaybeDelete();
  }

  void OnFinished() {
    finished_ = true;
    MaybeDelete();
  }

  void MaybeDelete() {
    if (!done_ || !finished_) return;
    server_.in_flight.erase(this);
    if (is_in_flight_) server_.totals->EndCall();
    delete this;
  }

  ServerLoop& server_;
  const Method& method_;
  grpc::ServerContext context_;
  std::shared_ptr<Request> request_;
  Writer writer_{&context_};
  std::shared_ptr<Cancellation> cancellation_;
  std::shared_ptr<Reply> reply_;
  bool is_in_flight_ = false;  // not turned away
  bool done_ = false;
  bool finished_ = false;
  QueueTag request_tag_{[](void* call, bool ok) { static_cast<ServerCall*>(call)->OnRequest(ok); },
                        this};
  QueueTag done_tag_{[](void* call, bool) { static_cast<ServerCall*>(call)->OnDone(); }, this};
  QueueTag finished_tag_{[](void* call, bool) { static_cast<ServerCall*>(call)->OnFinished(); },
                         this};
};

}  // namespace canopy

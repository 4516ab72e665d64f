// What LeafClient and SearchClient share: one gRPC channel and the unary calls in flight on it. For
// the .cc files of rpc/ only.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/async_unary_call.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "base/cancellation.h"
#include "rpc/client_options.h"
#include "rpc/event_loop_impl.h"
#include "rpc/grpc_convert.h"

namespace canopy {

// Outlives its client while calls are in flight: every call holds a reference.
// Thread safety: all members from any thread. Lifetime: borrows the loop.
class ClientConnection final {
 public:
  ClientConnection(EventLoop& loop, std::string address, const ClientOptions& options);

  const std::string& address() const { return address_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  EventLoop& loop() { return loop_; }

  // Cancels the calls in flight and all that begin later.
  void Close();

  // A call that is in flight from Begin to End. False: closed, the call must not be started.
  bool Begin(grpc::ClientContext* call);
  void End(grpc::ClientContext* call);

  // `status` with the address before its message.
  absl::Status Describe(const absl::Status& status) const;

 private:
  EventLoop& loop_;
  const std::string address_;
  const std::shared_ptr<grpc::Channel> channel_;
  absl::Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  absl::flat_hash_set<grpc::ClientContext*> in_flight_ ABSL_GUARDED_BY(mutex_);
};

// One unary call. It owns itself from Start() until its event on the loop's queue.
template <typename Response>
class UnaryCall final : public std::enable_shared_from_this<UnaryCall<Response>> {
 public:
  using Reader = grpc::ClientAsyncResponseReader<Response>;

  UnaryCall(std::shared_ptr<ClientConnection> connection, std::shared_ptr<Cancellation> context,
            RpcDone<Response> done)
      : connection_(std::move(connection)),
        cancellation_(std::move(context)),
        done_(std::move(done)) {}

  // `prepare(grpc::ClientContext*, grpc::CompletionQueue*)` returns the reader of the call.
  template <typename Prepare>
  void Start(Prepare prepare) {
    EventLoop::Impl& loop = connection_->loop().impl();
    absl::Status status = cancellation_->status();
    if (status.ok() && !connection_->Begin(&context_)) status = Closed();
    if (status.ok() && !loop.BeginCall()) {
      connection_->End(&context_);
      status = Closed();
    }
    if (!status.ok()) return FailOnLoop(std::move(status));
    self_ = this->shared_from_this();
    context_.set_deadline(ToGrpc(cancellation_->deadline(), connection_->loop().clock()));
    reader_ = prepare(&context_, &loop.queue());
    reader_->StartCall();
    // Weak: the context may live longer than the call. TryCancel may come at any moment from here
    // on.
    cancellation_->OnCancel([weak = this->weak_from_this()] {
      if (const auto call = weak.lock()) call->context_.TryCancel();
    });
    reader_->Finish(&response_, &status_, finished_.tag());
  }

 private:
  absl::Status Closed() const {
    return connection_->Describe(absl::CancelledError("the client is closed"));
  }

  void FailOnLoop(absl::Status status) {
    auto fail = [done = done_, status] { done(status); };
    if (!connection_->loop().Post(fail)) fail();
  }

  void OnFinished() {
    const auto self = std::move(self_);  // destroyed at the end
    connection_->End(&context_);
    connection_->loop().impl().EndCall();
    if (status_.ok()) return done_(std::move(response_));
    // A cancelled call may also end with what the leaf said of it; the caller shall see CANCELLED.
    if (cancellation_->cancelled()) return done_(cancellation_->status());
    done_(connection_->Describe(FromGrpc(status_)));
  }

  const std::shared_ptr<ClientConnection> connection_;
  const std::shared_ptr<Cancellation> cancellation_;
  const RpcDone<Response> done_;
  grpc::ClientContext context_;
  grpc::Status status_;
  Response response_;
  std::unique_ptr<Reader> reader_;
  QueueTag finished_{[](void* self, bool) { static_cast<UnaryCall*>(self)->OnFinished(); }, this};
  std::shared_ptr<UnaryCall> self_;
};

// Starts a call; `done` runs on the connection's loop.
template <typename Response, typename Prepare>
void StartUnaryCall(const std::shared_ptr<ClientConnection>& connection,
                    std::shared_ptr<Cancellation> context, RpcDone<Response> done,
                    Prepare prepare) {
  std::make_shared<UnaryCall<Response>>(connection, std::move(context), std::move(done))
      ->Start(std::move(prepare));
}

}  // namespace canopy

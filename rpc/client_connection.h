// How SearchClient asks over gRPC: one channel, the unary calls in flight on it, and the stub of
// one service. For the .cc files of rpc/ only.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/async_unary_call.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "base/cancellation.h"
#include "base/status.h"
#include "base/strings.h"
#include "rpc/client_options.h"
#include "rpc/event_loop_impl.h"
#include "rpc/grpc_convert.h"
#include "rpc/peer.h"

namespace canopy {

// Outlives its client while calls are in flight: every call holds a reference.
// Thread safety: all members from any thread. Lifetime: borrows the loop.
class ClientConnection final {
 public:
  // `service`: what calls are made to, for messages: "canopy.v1.SearchService (is it a root?)".
  ClientConnection(EventLoop& loop, std::string address, const ClientOptions& options,
                   std::string service);

  const Peer& peer() const { return peer_; }
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }
  EventLoop& loop() { return loop_; }

  // Cancels the calls in flight and all that begin later.
  void Close();

  // A call that is in flight from Begin to End. False: closed, the call must not be started.
  bool Begin(grpc::ClientContext* call);
  void End(grpc::ClientContext* call);

  absl::Status Describe(const grpc::Status& status) const;

 private:
  EventLoop& loop_;
  const Peer peer_;
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
  void Start(size_t request_bytes, Prepare prepare) {
    EventLoop::Impl& loop = connection_->loop().impl();
    absl::Status status = cancellation_->status();
    if (status.ok()) status = connection_->peer().CheckSize(request_bytes);
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
    return connection_->peer().Describe(absl::CancelledError("the client is closed"));
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
    done_(connection_->Describe(status_));
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

// A client of one generated service. Thread safety and lifetime as LeafClient (leaf_client.h).
template <typename Service>
class ServiceClient {
 public:
  // `server`: what offers the service: "a root".
  ServiceClient(EventLoop& loop, std::string address, const ClientOptions& options,
                std::string_view server)
      : connection_(std::make_shared<ClientConnection>(
            loop, std::move(address), options,
            Concat(Service::service_full_name(), " (is it ", server, "?)"))),
        stub_(Service::NewStub(connection_->channel())) {}
  ~ServiceClient() { connection_->Close(); }

  const std::string& address() const { return connection_->peer().address; }

  // Makes a call on this thread alone, and waits for it until `deadline` (of the steady clock):
  // nobody has to be woken up.
  template <typename Request, typename Response>
  absl::StatusOr<Response> CallAndWait(grpc::Status (Service::Stub::*method)(grpc::ClientContext*,
                                                                             const Request&,
                                                                             Response*),
                                       const Request& request, absl::Time deadline) {
    RETURN_IF_ERROR(connection_->peer().CheckSize(request.ByteSizeLong()));
    if (SteadyClock().Now() >= deadline) {
      return connection_->peer().Describe(absl::DeadlineExceededError("the deadline is over"));
    }
    grpc::ClientContext context;
    context.set_deadline(ToGrpc(deadline, SteadyClock()));
    Response response;
    const grpc::Status status = ((*stub_).*method)(&context, request, &response);
    if (!status.ok()) return connection_->Describe(status);
    return response;
  }

  // Starts a call of the method that `prepare`, a member function of the generated stub, is for.
  // `done` runs on the loop.
  template <typename Request, typename Response>
  void Call(std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (Service::Stub::*prepare)(
                grpc::ClientContext*, const Request&, grpc::CompletionQueue*),
            const Request& request, std::shared_ptr<Cancellation> context, RpcDone<Response> done) {
    std::make_shared<UnaryCall<Response>>(connection_, std::move(context), std::move(done))
        ->Start(request.ByteSizeLong(),
                [&](grpc::ClientContext* call, grpc::CompletionQueue* queue) {
                  return ((*stub_).*prepare)(call, request, queue);
                });
  }

 private:
  const std::shared_ptr<ClientConnection> connection_;
  const std::unique_ptr<typename Service::Stub> stub_;
};

}  // namespace canopy

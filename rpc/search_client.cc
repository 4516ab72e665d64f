#include "rpc/search_client.h"

#include <atomic>
#include <optional>
#include <utility>

#include "absl/base/call_once.h"
#include "canopy/v1/service.grpc.pb.h"
#include "rpc/client_connection.h"
#include "rpc/frame_client.h"

namespace canopy {
namespace {

using Stub = v1::SearchService::Stub;
template <typename Request, typename Response>
using Prepare = std::unique_ptr<grpc::ClientAsyncResponseReader<Response>> (Stub::*)(
    grpc::ClientContext*, const Request&, grpc::CompletionQueue*);

std::shared_ptr<FrameClient> MakeFrameClient(EventLoop& loop, std::string address,
                                             const ClientOptions& options) {
  return std::make_shared<FrameClient>(loop, std::move(address),
                                       "canopy.v1.SearchService (is it a root?)", options);
}

// What a call over frames ended with says that the peer may have understood gRPC.
bool MayKnowGrpc(FrameClient& frames, const absl::Status& status) {
  return (absl::IsUnavailable(status) || absl::IsUnimplemented(status)) &&
         frames.speaks_otherwise();
}

// Frames for a caller that waits: nobody else turns their loop, so the reply wakes the caller
// alone.
class FrameCaller final {
 public:
  FrameCaller(const std::string& address, const ClientOptions& options)
      : loop_(std::make_unique<EventLoop::Impl>(std::make_unique<grpc::CompletionQueue>())),
        client_(MakeFrameClient(loop_, address, options)) {}
  ~FrameCaller() { client_->Close(); }

  absl::StatusOr<v1::SearchResponse> Search(const v1::SearchRequest& request, absl::Time deadline) {
    boost::asio::io_context& sockets = loop_.impl().sockets();
    sockets.poll();  // a connection may have ended since
    std::optional<absl::StatusOr<v1::SearchResponse>> result;
    const RpcDone<v1::SearchResponse> done = [&](auto response) { result = std::move(response); };
    client_->Call(FrameMethod::kRootSearch, request,
                  std::make_shared<Cancellation>(loop_.clock(), deadline), done);
    while (!result) sockets.run_one();
    return *std::move(result);
  }

  FrameClient& client() { return *client_; }

 private:
  EventLoop loop_;  // never started
  const std::shared_ptr<FrameClient> client_;
};

}  // namespace

// Kept alive by a call that passes from frames to gRPC.
class SearchClient::Impl final : public std::enable_shared_from_this<Impl> {
 public:
  Impl(EventLoop& loop, const std::string& address, const ClientOptions& options)
      : loop_(loop), options_(options), frames_(MakeFrameClient(loop, address, options)) {}

  const std::string& address() const { return frames_->peer().address; }

  template <typename Request, typename Response>
  void Call(FrameMethod method, Prepare<Request, Response> prepare,
            std::shared_ptr<const Request> request, std::shared_ptr<Cancellation> context,
            RpcDone<Response> done) {
    if (speaks_grpc_) return CallOverGrpc(prepare, *request, std::move(context), std::move(done));
    const RpcDone<Response> end = [weak = weak_from_this(), prepare, request, context,
                                   done = std::move(done)](absl::StatusOr<Response> response) {
      if (const auto self = weak.lock();
          self != nullptr && MayKnowGrpc(*self->frames_, response.status())) {
        return self->CallOverGrpc(prepare, *request, context, done);
      }
      done(std::move(response));
    };
    frames_->Call(method, *request, context, end);
  }

  absl::StatusOr<v1::SearchResponse> SearchAndWait(const v1::SearchRequest& request,
                                                   absl::Time deadline) {
    if (!speaks_grpc_) {
      absl::MutexLock lock(&mutex_);
      if (caller_ == nullptr) caller_ = std::make_unique<FrameCaller>(address(), options_);
      auto response = caller_->Search(request, deadline);
      if (!MayKnowGrpc(caller_->client(), response.status())) return response;
    }
    auto response = Grpc().CallAndWait(&Stub::Search, request, deadline);
    if (response.ok()) speaks_grpc_ = true;
    return response;
  }

  // Calls over gRPC end with the object.
  void Close() {
    frames_->Close();
    absl::MutexLock lock(&mutex_);
    caller_.reset();
  }

 private:
  template <typename Request, typename Response>
  void CallOverGrpc(Prepare<Request, Response> prepare, const Request& request,
                    std::shared_ptr<Cancellation> context, RpcDone<Response> done) {
    const RpcDone<Response> end = [weak = weak_from_this(),
                                   done = std::move(done)](absl::StatusOr<Response> response) {
      if (const auto self = weak.lock(); self != nullptr && response.ok()) {
        self->speaks_grpc_ = true;
      }
      done(std::move(response));
    };
    Grpc().Call(prepare, request, std::move(context), end);
  }

  // Most clients never need it.
  ServiceClient<v1::SearchService>& Grpc() {
    absl::call_once(grpc_once_, [this] { grpc_.emplace(loop_, address(), options_, "a root"); });
    return *grpc_;
  }

  EventLoop& loop_;
  const ClientOptions options_;
  const std::shared_ptr<FrameClient> frames_;
  absl::once_flag grpc_once_;
  std::optional<ServiceClient<v1::SearchService>> grpc_;
  std::atomic<bool> speaks_grpc_ = false;  // and no frames
  absl::Mutex mutex_;
  std::unique_ptr<FrameCaller> caller_ ABSL_GUARDED_BY(mutex_);
};

SearchClient::SearchClient(EventLoop& loop, std::string address, ClientOptions options)
    : impl_(std::make_shared<Impl>(loop, address, options)) {}
SearchClient::~SearchClient() { impl_->Close(); }

const std::string& SearchClient::address() const { return impl_->address(); }

void SearchClient::Search(std::shared_ptr<const v1::SearchRequest> request,
                          std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  impl_->Call(FrameMethod::kRootSearch, &Stub::PrepareAsyncSearch, std::move(request),
              std::move(context), std::move(done));
}

absl::StatusOr<v1::SearchResponse> SearchClient::SearchAndWait(const v1::SearchRequest& request,
                                                               absl::Time deadline) {
  return impl_->SearchAndWait(request, deadline);
}

void SearchClient::Fetch(std::shared_ptr<const v1::FetchRequest>, std::shared_ptr<Cancellation>,
                         Done<v1::FetchResponse> done) {
  done(absl::UnimplementedError("a root returns the fields with the hits; only leaves fetch"));
}

void SearchClient::Status(std::shared_ptr<Cancellation> context, Done<v1::ClusterStatus> done) {
  impl_->Call(FrameMethod::kRootStatus, &Stub::PrepareAsyncStatus,
              std::make_shared<const v1::StatusRequest>(), std::move(context), std::move(done));
}

}  // namespace canopy

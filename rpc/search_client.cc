#include "rpc/search_client.h"

#include <optional>
#include <utility>

#include "canopy/v1/service.grpc.pb.h"
#include "rpc/client_connection.h"
#include "rpc/frame_client.h"

namespace canopy {
namespace {

using Stub = v1::SearchService::Stub;

// Frames for a caller that waits: nobody else turns their loop, so the reply wakes the caller
// alone.
class FrameCaller final {
 public:
  FrameCaller(const std::string& address, const ClientOptions& options)
      : loop_(std::make_unique<EventLoop::Impl>(std::make_unique<grpc::CompletionQueue>())),
        client_(std::make_shared<FrameClient>(
            loop_, address, "canopy.v1.SearchService (is it a root?)", options)) {}
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

  bool was_open() { return client_->was_open(); }

 private:
  EventLoop loop_;  // never started
  const std::shared_ptr<FrameClient> client_;
};

}  // namespace

class SearchClient::Impl final : public ServiceClient<v1::SearchService> {
 public:
  Impl(EventLoop& loop, const std::string& address, const ClientOptions& options)
      : ServiceClient(loop, address, options, "a root"), options_(options) {}

  absl::StatusOr<v1::SearchResponse> SearchAndWait(const v1::SearchRequest& request,
                                                   absl::Time deadline) {
    absl::MutexLock lock(&mutex_);
    if (speaks_grpc_) return CallAndWait(&Stub::Search, request, deadline);
    if (caller_ == nullptr) caller_ = std::make_unique<FrameCaller>(address(), options_);
    auto response = caller_->Search(request, deadline);
    if (response.ok() || caller_->was_open()) return response;
    response = CallAndWait(&Stub::Search, request, deadline);
    speaks_grpc_ = response.ok();
    return response;
  }

 private:
  const ClientOptions options_;
  absl::Mutex mutex_;
  std::unique_ptr<FrameCaller> caller_ ABSL_GUARDED_BY(mutex_);
  bool speaks_grpc_ ABSL_GUARDED_BY(mutex_) = false;  // and no frames
};

SearchClient::SearchClient(EventLoop& loop, std::string address, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, address, options)) {}
SearchClient::~SearchClient() = default;

const std::string& SearchClient::address() const { return impl_->address(); }

void SearchClient::Search(std::shared_ptr<const v1::SearchRequest> request,
                          std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  impl_->Call(&Stub::PrepareAsyncSearch, *request, std::move(context), std::move(done));
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
  impl_->Call(&Stub::PrepareAsyncStatus, v1::StatusRequest(), std::move(context), std::move(done));
}

}  // namespace canopy

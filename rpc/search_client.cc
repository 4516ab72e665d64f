#include "rpc/search_client.h"

#include <utility>

#include "base/status.h"
#include "base/strings.h"
#include "canopy/v1/service.grpc.pb.h"
#include "rpc/client_connection.h"
#include "rpc/frame_caller.h"

namespace canopy {
namespace {

using Stub = v1::SearchService::Stub;

}  // namespace

class SearchClient::Impl final : public ServiceClient<v1::SearchService> {
 public:
  Impl(EventLoop& loop, const std::string& address, const ClientOptions& options)
      : ServiceClient(loop, address, options, "a root"), caller_(address, options) {}

  absl::StatusOr<v1::SearchResponse> SearchAndWait(const v1::SearchRequest& request,
                                                   absl::Time deadline) {
    absl::MutexLock lock(&mutex_);
    if (!has_frames_) return CallAndWait(&Stub::Search, request, deadline);
    RETURN_IF_ERROR(CheckSize(request.ByteSizeLong()));
    const auto reply =
        caller_.Call(FrameMethod::kRootSearch, request.SerializeAsString(), deadline);
    // The root itself says UNIMPLEMENTED with a message, as to a query that it does not know.
    if (absl::IsUnimplemented(reply.status()) && reply.status().message().empty()) {
      has_frames_ = false;
      return CallAndWait(&Stub::Search, request, deadline);
    }
    if (!reply.ok()) return Annotate(reply.status(), address());
    v1::SearchResponse response;
    if (response.ParseFromString(*reply)) return response;
    return absl::InternalError(Concat(address(), ": the reply cannot be read"));
  }

 private:
  absl::Mutex mutex_;
  FrameCaller caller_ ABSL_GUARDED_BY(mutex_);
  bool has_frames_ ABSL_GUARDED_BY(mutex_) = true;  // as far as is known
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

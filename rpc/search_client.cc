#include "rpc/search_client.h"

#include <utility>

#include "canopy/v1/service.grpc.pb.h"
#include "rpc/client_connection.h"

namespace canopy {
namespace {

using Stub = v1::SearchService::Stub;

}  // namespace

class SearchClient::Impl final : public ServiceClient<v1::SearchService> {
 public:
  using ServiceClient::ServiceClient;
};

SearchClient::SearchClient(EventLoop& loop, std::string address, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(address), options, "a root")) {}
SearchClient::~SearchClient() = default;

const std::string& SearchClient::address() const { return impl_->address(); }

void SearchClient::Search(std::shared_ptr<const v1::SearchRequest> request,
                          std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  impl_->Call(&Stub::PrepareAsyncSearch, *request, std::move(context), std::move(done));
}

absl::StatusOr<v1::SearchResponse> SearchClient::SearchAndWait(const v1::SearchRequest& request,
                                                               absl::Time deadline) {
  return impl_->CallAndWait(&Stub::Search, request, deadline);
}

void SearchClient::Fetch(std::shared_ptr<const v1::FetchRequest>, std::shared_ptr<Cancellation>,
                         Done<v1::FetchResponse> done) {
  done(absl::UnimplementedError("a root returns the fields with the hits; only leaves fetch"));
}

void SearchClient::Status(std::shared_ptr<Cancellation> context, Done<v1::ClusterStatus> done) {
  impl_->Call(&Stub::PrepareAsyncStatus, v1::StatusRequest(), std::move(context), std::move(done));
}

}  // namespace canopy

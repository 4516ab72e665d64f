#include "rpc/leaf_client.h"

#include <utility>

#include "canopy/v1/service.grpc.pb.h"
#include "rpc/client_connection.h"

namespace canopy {
namespace {

using Stub = v1::LeafService::Stub;

}  // namespace

class LeafClient::Impl final : public ServiceClient<v1::LeafService> {
 public:
  using ServiceClient::ServiceClient;
};

LeafClient::LeafClient(EventLoop& loop, std::string address, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(address), options, "a leaf")) {}
LeafClient::~LeafClient() = default;

const std::string& LeafClient::address() const { return impl_->address(); }

void LeafClient::Search(std::shared_ptr<const v1::SearchRequest> request,
                        std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  impl_->Call(&Stub::PrepareAsyncSearch, *request, std::move(context), std::move(done));
}

void LeafClient::Fetch(std::shared_ptr<const v1::FetchRequest> request,
                       std::shared_ptr<Cancellation> context, Done<v1::FetchResponse> done) {
  impl_->Call(&Stub::PrepareAsyncFetch, *request, std::move(context), std::move(done));
}

void LeafClient::Postings(std::shared_ptr<const v1::PostingsRequest> request,
                          std::shared_ptr<Cancellation> context, Done<v1::PostingsResponse> done) {
  impl_->Call(&Stub::PrepareAsyncPostings, *request, std::move(context), std::move(done));
}

void LeafClient::Status(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done) {
  impl_->Call(&Stub::PrepareAsyncStatus, v1::StatusRequest(), std::move(context), std::move(done));
}

void LeafClient::Reload(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done) {
  impl_->Call(&Stub::PrepareAsyncReload, v1::ReloadRequest(), std::move(context), std::move(done));
}

void LeafClient::Drain(bool undo, std::shared_ptr<Cancellation> context,
                       Done<v1::LeafStatus> done) {
  v1::DrainRequest request;
  request.set_undo(undo);
  impl_->Call(&Stub::PrepareAsyncDrain, request, std::move(context), std::move(done));
}

}  // namespace canopy

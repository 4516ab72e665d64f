#include "rpc/leaf_client.h"

#include <utility>

#include "canopy/v1/service.grpc.pb.h"
#include "rpc/client_connection.h"

namespace canopy {

class LeafClient::Impl final {
 public:
  Impl(EventLoop& loop, std::string address, const ClientOptions& options)
      : connection(std::make_shared<ClientConnection>(loop, std::move(address), options)),
        stub(v1::LeafService::NewStub(connection->channel())) {}
  ~Impl() { connection->Close(); }

  const std::shared_ptr<ClientConnection> connection;
  const std::unique_ptr<v1::LeafService::Stub> stub;
};

LeafClient::LeafClient(EventLoop& loop, std::string address, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(address), options)) {}
LeafClient::~LeafClient() = default;

const std::string& LeafClient::address() const { return impl_->connection->address(); }

void LeafClient::Search(std::shared_ptr<const v1::SearchRequest> request,
                        std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  StartUnaryCall(impl_->connection, std::move(context), std::move(done),
                 [&](grpc::ClientContext* call, grpc::CompletionQueue* queue) {
                   return impl_->stub->PrepareAsyncSearch(call, *request, queue);
                 });
}

void LeafClient::Fetch(std::shared_ptr<const v1::FetchRequest> request,
                       std::shared_ptr<Cancellation> context, Done<v1::FetchResponse> done) {
  StartUnaryCall(impl_->connection, std::move(context), std::move(done),
                 [&](grpc::ClientContext* call, grpc::CompletionQueue* queue) {
                   return impl_->stub->PrepareAsyncFetch(call, *request, queue);
                 });
}

void LeafClient::Status(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done) {
  StartUnaryCall(impl_->connection, std::move(context), std::move(done),
                 [&](grpc::ClientContext* call, grpc::CompletionQueue* queue) {
                   return impl_->stub->PrepareAsyncStatus(call, v1::StatusRequest(), queue);
                 });
}

void LeafClient::Reload(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done) {
  StartUnaryCall(impl_->connection, std::move(context), std::move(done),
                 [&](grpc::ClientContext* call, grpc::CompletionQueue* queue) {
                   return impl_->stub->PrepareAsyncReload(call, v1::ReloadRequest(), queue);
                 });
}

}  // namespace canopy

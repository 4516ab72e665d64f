#include "rpc/search_client.h"

#include <utility>

#include "canopy/v1/service.grpc.pb.h"
#include "rpc/client_connection.h"

namespace canopy {

class SearchClient::Impl final {
 public:
  Impl(EventLoop& loop, std::string address, const ClientOptions& options)
      : connection(std::make_shared<ClientConnection>(loop, std::move(address), options)),
        stub(v1::SearchService::NewStub(connection->channel())) {}
  ~Impl() { connection->Close(); }

  const std::shared_ptr<ClientConnection> connection;
  const std::unique_ptr<v1::SearchService::Stub> stub;
};

SearchClient::SearchClient(EventLoop& loop, std::string address, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(address), options)) {}
SearchClient::~SearchClient() = default;

const std::string& SearchClient::address() const { return impl_->connection->address(); }

void SearchClient::Search(std::shared_ptr<const v1::SearchRequest> request,
                          std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  StartUnaryCall(impl_->connection, std::move(context), std::move(done),
                 [&](grpc::ClientContext* call, grpc::CompletionQueue* queue) {
                   return impl_->stub->PrepareAsyncSearch(call, *request, queue);
                 });
}

void SearchClient::Fetch(std::shared_ptr<const v1::FetchRequest>, std::shared_ptr<Cancellation>,
                         Done<v1::FetchResponse> done) {
  done(absl::UnimplementedError("a root returns the fields with the hits; only leaves fetch"));
}

void SearchClient::Status(std::shared_ptr<Cancellation> context, Done<v1::ClusterStatus> done) {
  StartUnaryCall(impl_->connection, std::move(context), std::move(done),
                 [&](grpc::ClientContext* call, grpc::CompletionQueue* queue) {
                   return impl_->stub->PrepareAsyncStatus(call, v1::StatusRequest(), queue);
                 });
}

}  // namespace canopy

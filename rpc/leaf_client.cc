#include "rpc/leaf_client.h"

#include <utility>

#include "base/strings.h"
#include "rpc/frame_client.h"

namespace canopy {

class LeafClient::Impl final {
 public:
  Impl(EventLoop& loop, std::string address, const ClientOptions& options)
      : client_(std::make_shared<FrameClient>(loop, std::move(address), options)) {}
  ~Impl() { client_->Close(); }

  const std::string& address() const { return client_->address(); }

  template <typename Request, typename Response>
  void Call(FrameMethod method, const Request& request, std::shared_ptr<Cancellation> context,
            Done<Response> done) {
    client_->Call(method, request.SerializeAsString(), std::move(context),
                  [address = &client_->address(),
                   done = std::move(done)](absl::StatusOr<std::string_view> reply) {
                    if (!reply.ok()) return done(reply.status());
                    Response response;
                    if (response.ParseFromArray(reply->data(), static_cast<int>(reply->size()))) {
                      return done(std::move(response));
                    }
                    done(absl::InternalError(Concat(*address, ": the reply cannot be read")));
                  });
  }

 private:
  const std::shared_ptr<FrameClient> client_;
};

LeafClient::LeafClient(EventLoop& loop, std::string address, ClientOptions options)
    : impl_(std::make_unique<Impl>(loop, std::move(address), options)) {}
LeafClient::~LeafClient() = default;

const std::string& LeafClient::address() const { return impl_->address(); }

void LeafClient::Search(std::shared_ptr<const v1::SearchRequest> request,
                        std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  impl_->Call(FrameMethod::kSearch, *request, std::move(context), std::move(done));
}

void LeafClient::Fetch(std::shared_ptr<const v1::FetchRequest> request,
                       std::shared_ptr<Cancellation> context, Done<v1::FetchResponse> done) {
  impl_->Call(FrameMethod::kFetch, *request, std::move(context), std::move(done));
}

void LeafClient::Postings(std::shared_ptr<const v1::PostingsRequest> request,
                          std::shared_ptr<Cancellation> context, Done<v1::PostingsResponse> done) {
  impl_->Call(FrameMethod::kPostings, *request, std::move(context), std::move(done));
}

void LeafClient::Status(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done) {
  impl_->Call(FrameMethod::kStatus, v1::StatusRequest(), std::move(context), std::move(done));
}

void LeafClient::Reload(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done) {
  impl_->Call(FrameMethod::kReload, v1::ReloadRequest(), std::move(context), std::move(done));
}

void LeafClient::Drain(bool undo, std::shared_ptr<Cancellation> context,
                       Done<v1::LeafStatus> done) {
  v1::DrainRequest request;
  request.set_undo(undo);
  impl_->Call(FrameMethod::kDrain, request, std::move(context), std::move(done));
}

}  // namespace canopy

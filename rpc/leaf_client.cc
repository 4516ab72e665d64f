#include "rpc/leaf_client.h"

#include <utility>

#include "rpc/frame_client.h"

namespace canopy {

LeafClient::LeafClient(EventLoop& loop, std::string address, ClientOptions options)
    : client_(std::make_shared<FrameClient>(loop, std::move(address),
                                            "canopy.v1.LeafService (is it a leaf?)", options)) {}
LeafClient::~LeafClient() { client_->Close(); }

const std::string& LeafClient::address() const { return client_->peer().address; }

void LeafClient::Search(std::shared_ptr<const v1::SearchRequest> request,
                        std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) {
  client_->Call(FrameMethod::kSearch, *request, std::move(context), std::move(done));
}

void LeafClient::Fetch(std::shared_ptr<const v1::FetchRequest> request,
                       std::shared_ptr<Cancellation> context, Done<v1::FetchResponse> done) {
  client_->Call(FrameMethod::kFetch, *request, std::move(context), std::move(done));
}

void LeafClient::Postings(std::shared_ptr<const v1::PostingsRequest> request,
                          std::shared_ptr<Cancellation> context, Done<v1::PostingsResponse> done) {
  client_->Call(FrameMethod::kPostings, *request, std::move(context), std::move(done));
}

void LeafClient::Status(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done) {
  client_->Call(FrameMethod::kStatus, v1::StatusRequest(), std::move(context), std::move(done));
}

void LeafClient::Reload(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done) {
  client_->Call(FrameMethod::kReload, v1::ReloadRequest(), std::move(context), std::move(done));
}

void LeafClient::Drain(bool undo, std::shared_ptr<Cancellation> context,
                       Done<v1::LeafStatus> done) {
  v1::DrainRequest request;
  request.set_undo(undo);
  client_->Call(FrameMethod::kDrain, request, std::move(context), std::move(done));
}

}  // namespace canopy

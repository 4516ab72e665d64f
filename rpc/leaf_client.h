// A leaf process as seen from a root: one connection, asynchronous calls on an event loop. Searches
// and fetches go through the SearchBackend interface, so that how they travel can change without
// the root noticing.
//
// They travel as frames (frame.h) on a connection that stays open, to the port at which the leaf
// speaks gRPC too. A call of gRPC takes more of the processor, on both sides, than most searches;
// bench/rpc_bench.cc has the two beside each other.
#pragma once

#include <memory>
#include <string>

#include "canopy/v1/postings.pb.h"
#include "canopy/v1/service.pb.h"
#include "rpc/client_options.h"
#include "rpc/event_loop.h"
#include "rpc/search_backend.h"

namespace canopy {

class FrameClient;

// Nothing blocks, the connection is made at the first call and again whenever it is lost. A call
// carries context->deadline() to the leaf, and context->Cancel() reaches the leaf's search loops.
// Every `done` runs on the loop's thread. Calls end with UNAVAILABLE at once while the leaf cannot
// be reached; errors name the address. Thread safety: all members from any thread. Lifetime:
// borrows the loop. The destructor cancels the calls in flight and does not wait for them: their
// `done` still comes, with CANCELLED.
class LeafClient final : public SearchBackend {
 public:
  // `address`: HOST:PORT, or unix:PATH.
  LeafClient(EventLoop& loop, std::string address, ClientOptions options = {});
  ~LeafClient() override;

  const std::string& address() const;

  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) override;
  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation> context,
             Done<v1::FetchResponse> done) override;
  void Postings(std::shared_ptr<const v1::PostingsRequest> request,
                std::shared_ptr<Cancellation> context, Done<v1::PostingsResponse> done);
  void Status(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done);
  void Reload(std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done);
  void Drain(bool undo, std::shared_ptr<Cancellation> context, Done<v1::LeafStatus> done);

 private:
  const std::shared_ptr<FrameClient> client_;
};

}  // namespace canopy

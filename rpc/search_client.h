// A root (or ambassador) as seen from a client: what `canopy search` and the load generator use.
//
// Calls travel as frames (frame.h), which take a fraction of the processor time of gRPC's calls.
// Where the peer takes the connection and does not greet (a proxy before the root, an ambassador),
// they are made over gRPC, and once that has gone well only so.
#pragma once

#include <memory>
#include <string>

#include "canopy/v1/service.pb.h"
#include "rpc/client_options.h"
#include "rpc/event_loop.h"
#include "rpc/search_backend.h"

namespace canopy {

// As LeafClient (leaf_client.h). Fetch is UNIMPLEMENTED: a root returns the fields with the hits.
// Thread safety: all members from any thread. Lifetime: borrows the loop; the destructor as
// LeafClient's.
class SearchClient final : public SearchBackend {
 public:
  SearchClient(EventLoop& loop, std::string address,
               ClientOptions options = {.max_request_bytes = kMaxRootRequestBytes});
  ~SearchClient() override;

  const std::string& address() const;

  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) override;
  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation> context,
             Done<v1::FetchResponse> done) override;
  // For a caller that asks one query at a time and has nothing else to do: the reply wakes it, and
  // no other thread. On a connection of its own. REQUIRES: not on the loop's thread.
  absl::StatusOr<v1::SearchResponse> SearchAndWait(const v1::SearchRequest& request,
                                                   absl::Time deadline);
  void Status(std::shared_ptr<Cancellation> context, Done<v1::ClusterStatus> done);

 private:
  class Impl;
  const std::shared_ptr<Impl> impl_;
};

}  // namespace canopy

// The one interface of every tier: a leaf's service, a root's service, the gRPC client to either,
// and the fakes of tests. Whoever implements it can stand in for any other, so a whole cluster can
// be wired inside one process without a socket.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "base/cancellation.h"
#include "canopy/v1/search.pb.h"
#include "canopy/v1/service.pb.h"

namespace canopy {

// Thread safety: all calls from any thread. Every `done` is called exactly once, from any thread
// (also from inside the call itself), with CANCELLED after context->Cancel() and DEADLINE_EXCEEDED
// after context->deadline().
class SearchBackend {
 public:
  template <typename Response>
  using Done = std::function<void(absl::StatusOr<Response>)>;

  virtual ~SearchBackend() = default;

  virtual void Search(std::shared_ptr<const v1::SearchRequest> request,
                      std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) = 0;

  // Only leaves answer; others say UNIMPLEMENTED.
  virtual void Fetch(std::shared_ptr<const v1::FetchRequest> request,
                     std::shared_ptr<Cancellation> context, Done<v1::FetchResponse> done) = 0;
};

}  // namespace canopy

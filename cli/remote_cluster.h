// A running cluster, asked by one caller who waits for the answer: what the client commands use.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "canopy/v1/service.pb.h"
#include "rpc/event_loop.h"
#include "rpc/search_client.h"

namespace canopy {

// A root answers within the request's timeout; the call itself is given this much more, so that the
// root's answer (or its reason for having none) arrives rather than a bare deadline.
inline constexpr absl::Duration kCallMargin = absl::Seconds(1);

// Errors of calls begin with the name of their code, as docs/operations.md has them, and the
// target. Thread safety: one thread.
class RemoteCluster final {
 public:
  // `target`: HOST:PORT of a root. Connects at the first call.
  explicit RemoteCluster(std::string target);
  ~RemoteCluster();

  // `request.timeout_us` is set to `timeout`.
  absl::StatusOr<v1::SearchResponse> Search(v1::SearchRequest request, absl::Duration timeout);
  absl::StatusOr<v1::ClusterStatus> Status(absl::Duration timeout);

  SearchClient& client() { return client_; }

 private:
  EventLoop loop_;
  SearchClient client_;
};

}  // namespace canopy

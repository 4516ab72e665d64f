// The root: takes queries, asks the leaves, answers. All its state lives on one event loop's
// thread, so nothing is locked.
//
// In a query's flow: request -> check, parse, analyze (plan_query.h) -> QueryDriver with a
// QuerySession over the newest ClusterSnapshot -> response.
#pragma once

#include <prometheus/metric_family.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "canopy/v1/service.pb.h"
#include "root/cluster_monitor.h"
#include "root/steering.h"
#include "root/topology.h"
#include "rpc/event_loop.h"
#include "rpc/search_backend.h"

namespace canopy {

// Whether each leaf has a part of the documents and is asked all of the query, or all documents and
// is asked a part of the query (term_session.h), without ranking.
enum class ScatterWay : uint8_t { kByDocument, kByTerm };

struct RootOptions {
  // By term: queries of a collection that has not exactly one shard are FAILED_PRECONDITION.
  ScatterWay scatter = ScatterWay::kByDocument;
  absl::Duration default_timeout = absl::Seconds(1);  // of a query that names none
  absl::Duration max_timeout = absl::Seconds(30);
  // Queries that run at once; more are RESOURCE_EXHAUSTED.
  uint64_t max_in_flight = 1024;
  MonitorOptions monitor = {};
  SteeringOptions steering = {};
  // What answers of queries in flight take. Connections to leaves may take from it too.
  std::shared_ptr<ByteBudget> result_bytes = std::make_shared<ByteBudget>(kDefaultResultBytes);
  // Called on the loop's thread when it begins or ceases to be true that every shard has a usable
  // replica.
  std::function<void(bool serving)> on_serving = [](bool) {};
};

// Thread safety: all members from any thread. Lifetime: borrows the loop, which must turn; Stop()
// before the loop stops.
class RootService final : public SearchBackend {
 public:
  RootService(EventLoop& loop, LeafConnector connector, RootOptions options);
  // Stop().
  ~RootService() override;

  // Watches these leaves from now on; queries that run go on with those that they began with.
  void SetTopology(Topology topology);

  void Search(std::shared_ptr<const v1::SearchRequest> request,
              std::shared_ptr<Cancellation> context, Done<v1::SearchResponse> done) override;
  // UNIMPLEMENTED: a root returns the fields with the hits.
  void Fetch(std::shared_ptr<const v1::FetchRequest> request, std::shared_ptr<Cancellation> context,
             Done<v1::FetchResponse> done) override;
  // Asks the leaves first, for at most twice the probe timeout.
  void Status(std::shared_ptr<Cancellation> context, Done<v1::ClusterStatus> done);

  // Asks the loop for what it has counted; when that takes too long, what was known before is told.
  // REQUIRES: not on the loop's thread.
  std::vector<prometheus::MetricFamily> Metrics() const;

  // Cancels the queries in flight and ends watching. Queries that come later are UNAVAILABLE.
  // REQUIRES: not on the loop's thread.
  void Stop();

 private:
  class Impl;
  EventLoop& loop_;
  const std::shared_ptr<Impl> impl_;  // on the loop's thread
};

}  // namespace canopy

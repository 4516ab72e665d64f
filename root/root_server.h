// A root as a process serves it: RootService behind an RpcServer, on one event loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "root/root_service.h"
#include "root/topology.h"
#include "rpc/client_options.h"
#include "rpc/rpc_server.h"

namespace canopy {

struct RootServerOptions {
  // on_serving is the server's own.
  RootOptions root;
  ServerOptions server;
  ClientOptions leaves;
  DrainOptions drain;
  // Called once, on the loop's thread, when every shard has a usable replica for the first time.
  std::function<void(const std::string& address)> on_ready = [](const std::string&) {};
};

// Thread safety: SetTopology and Metrics from any thread; the rest from one.
class RootServer final {
 public:
  // Listens, and watches the leaves of the topology. Live at once; ready while every shard has a
  // usable replica. Errors of RpcServer::Create and Start.
  static absl::StatusOr<std::unique_ptr<RootServer>> Start(RootServerOptions options,
                                                           Topology topology);
  // Without grace.
  ~RootServer();

  const std::string& address() const { return server_->address(); }
  std::vector<prometheus::MetricFamily> Metrics() const { return service_->Metrics(); }
  void SetTopology(Topology topology) { service_->SetTopology(std::move(topology)); }
  // Graceful end, as RpcServer::Shutdown.
  void Drain();

 private:
  explicit RootServer(DrainOptions drain) : drain_(drain) {}

  const DrainOptions drain_;
  std::unique_ptr<RpcServer> server_;
  std::unique_ptr<RootService> service_;  // on the server's loop: destroyed first
};

}  // namespace canopy

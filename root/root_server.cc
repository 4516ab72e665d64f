#include "root/root_server.h"

#include <utility>

#include "base/status.h"

namespace canopy {

absl::StatusOr<std::unique_ptr<RootServer>> RootServer::Start(RootServerOptions options,
                                                              Topology topology) {
  std::unique_ptr<RootServer> root(new RootServer(options.drain));
  options.server.threads = 1;  // a root's state has one thread
  options.server.max_request_bytes = kMaxRootRequestBytes;
  ASSIGN_OR_RETURN(root->server_, RpcServer::Create(options.server));
  RpcServer& server = *root->server_;
  options.root.on_serving = [&server, on_ready = options.on_ready,
                             told = false](bool serving) mutable {
    server.SetReady(serving);
    if (serving && !std::exchange(told, true)) on_ready(server.address());
  };
  options.leaves.parts = {
      .take = [budget = options.root.result_bytes](size_t bytes) { return budget->Take(bytes); },
      .give_back = [budget = options.root.result_bytes](size_t bytes) { budget->Return(bytes); }};
  root->service_ = std::make_unique<RootService>(
      server.loop(), RemoteLeafConnector(server.loop(), options.leaves), std::move(options.root));
  RootService& service = *root->service_;
  server.AddSearchService(service, [&service](auto context, auto done) {
    service.Status(std::move(context), std::move(done));
  });
  RETURN_IF_ERROR(server.Start());
  service.SetTopology(std::move(topology));
  return root;
}

RootServer::~RootServer() {
  if (server_ == nullptr) return;
  server_->Shutdown({.grace = absl::ZeroDuration(), .deadline = absl::ZeroDuration()});
  service_.reset();
}

void RootServer::Drain() {
  server_->Shutdown(drain_);
  service_->Stop();
}

}  // namespace canopy

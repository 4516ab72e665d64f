// A leaf as a process: the service behind the server shell, with health, faults on purpose, and the
// order in which all that begins and ends. main.cc adds flags and signals.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/file_system.h"
#include "leaf/fault_injection.h"
#include "leaf/leaf_metrics.h"
#include "leaf/leaf_service.h"
#include "rpc/rpc_server.h"

namespace canopy {

struct LeafServerOptions {
  LeafServiceOptions service = {};
  ServerOptions server = {};
  DrainOptions drain = {};
  FaultOptions faults = {};
};

// Thread safety: Load, Status and Metrics from any thread, the rest from one. Lifetime: borrows the
// file system.
class LeafServer final {
 public:
  // Listens: live, and not ready. Errors of RpcServer::Create and Start.
  static absl::StatusOr<std::unique_ptr<LeafServer>> Start(FileSystem& files,
                                                           LeafServerOptions options);
  // Ends a load that runs with CANCELLED; Drain() without grace, when that has not been done.
  ~LeafServer();

  // Loads the index's current generation, or changes to it (GenerationKeeper::Reload). Ready from
  // the first that goes well. `done` runs on another thread.
  void Load(GenerationKeeper::Done done);
  // Ends a load that runs, and all later ones, with CANCELLED.
  void StopLoading() { service_.StopReloading(); }

  // Lets the calls in flight end; see RpcServer::Shutdown. Nothing is served afterwards.
  void Drain();

  const std::string& address() const { return server_->address(); }
  v1::LeafStatus Status() const;
  // Does not wait for anything that searches hold.
  std::vector<prometheus::MetricFamily> Metrics() const {
    return LeafMetrics(service_.counters(), Status());
  }

 private:
  LeafServer(FileSystem& files, LeafServerOptions options);
  absl::Status StartServer();
  void AnswerReload(SearchBackend::Done<v1::LeafStatus> done);
  // Tells roots to go elsewhere, or takes that back. Everything is served as before.
  void SetDraining(bool draining);

  const LeafServerOptions options_;
  std::atomic<bool> ready_{false};
  std::atomic<bool> draining_{false};
  std::atomic<bool> shuts_down_{false};
  // In this order: the server, whose loops call the others, goes first (after the last load).
  LeafService service_;
  std::unique_ptr<FaultyBackend> faulty_;
  std::unique_ptr<RpcServer> server_;
};

}  // namespace canopy

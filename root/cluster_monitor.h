// Keeps watch over the leaf processes of a topology, off the query path: asks each for its status,
// and swaps in a new ClusterSnapshot whenever something changed that matters to queries.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "canopy/v1/postings.pb.h"
#include "canopy/v1/service.pb.h"
#include "root/cluster_state.h"
#include "root/cluster_view.h"
#include "root/leaf_loads.h"
#include "root/topology.h"
#include "rpc/client_options.h"
#include "rpc/event_loop.h"
#include "rpc/search_backend.h"

namespace canopy {

// The ways to one leaf process. Calls may end on any thread.
struct LeafConnection {
  std::unique_ptr<SearchBackend> backend;
  std::function<void(std::shared_ptr<Cancellation>, SearchBackend::Done<v1::LeafStatus>)> status;
  std::function<void(std::shared_ptr<const v1::PostingsRequest>, std::shared_ptr<Cancellation>,
                     SearchBackend::Done<v1::PostingsResponse>)>
      postings = [](auto, auto, auto done) {
        done(absl::UnimplementedError("this connection has no posting bitmaps"));
      };
};
using LeafConnector = std::function<std::shared_ptr<LeafConnection>(const std::string& address)>;

// To leaf processes (leaf_client.h); every call ends on the loop's thread. Lifetime: the loop
// outlives the connections.
LeafConnector RemoteLeafConnector(EventLoop& loop, ClientOptions options);

// Immutable; a query keeps the one that it began with, and with it the connections.
struct ClusterSnapshot {
  // As MakeViews: best first, never empty.
  std::vector<std::shared_ptr<const ClusterView>> views;
  // One for each of views[i]->leaves, in the same order.
  std::vector<std::shared_ptr<LeafConnection>> connections;

  const ClusterView& best() const { return *views.front(); }
  // The best view of the generation (0: of any); null when there is none.
  std::shared_ptr<const ClusterView> Find(uint64_t generation) const;
};

struct MonitorOptions {
  absl::Duration probe_interval = absl::Seconds(1);
  absl::Duration probe_timeout = absl::Seconds(1);
};

// Thread safety: everything on the loop's thread.
class ClusterMonitor final : public std::enable_shared_from_this<ClusterMonitor> {
 public:
  // `on_change` is called after every new snapshot; `loads` hears what probes say of the leaves'
  // load. Lifetime: borrows it until Stop().
  ClusterMonitor(EventLoop& loop, LeafConnector connector, MonitorOptions options, LeafLoads& loads,
                 std::function<void()> on_change);

  // Begins to watch, or goes on with another topology: processes that are in both keep their
  // connection.
  void SetTopology(const Topology& topology);
  // Ends watching; later events are ignored.
  void Stop();

  const std::shared_ptr<const ClusterSnapshot>& snapshot() const { return snapshot_; }
  // A call of a query has failed so. A process that was UNAVAILABLE is a last resort until the
  // probe that is made at once has ended; a wrong generation is a reason to ask at once too.
  void OnCallFailed(const LeafConnection* connection, const absl::Status& error);
  // Asks each process that is not down, and calls `done` when all have answered or had
  // probe_timeout for it; at once when the watching ends. So Replicas() then tells of a time after
  // this call.
  void Refresh(std::function<void()> done);
  // Of each process, for status replies.
  std::vector<v1::ReplicaStatus> Replicas() const;

 private:
  // Calls `done` when the last probe that it waits for has ended.
  struct Refreshing {
    std::function<void()> done;
    size_t left = 0;
  };
  struct Leaf {
    LeafObservation observation;
    std::shared_ptr<LeafConnection> connection;
    EventLoop::Timer timer;  // of the next probe
    bool probing = false;
    // Who waits for the probe that runs, and for the one after it.
    std::vector<std::shared_ptr<Refreshing>> waiting, waiting_next;
  };

  void Probe(const std::shared_ptr<Leaf>& leaf);
  void OnProbed(const std::shared_ptr<Leaf>& leaf, absl::StatusOr<v1::LeafStatus> status);
  bool IsWatched(const std::shared_ptr<Leaf>& leaf) const;
  void Forget(Leaf& leaf);
  static void EndWaiting(std::vector<std::shared_ptr<Refreshing>>& waiting);
  // Whether it changed anything that matters to queries.
  bool Observe(LeafObservation& leaf, absl::StatusOr<v1::LeafStatus> status);
  void Publish();

  EventLoop& loop_;
  const LeafConnector connector_;
  const MonitorOptions options_;
  LeafLoads& loads_;
  const std::function<void()> on_change_;
  bool stopped_ = false;
  Topology topology_;
  LeafSlot next_slot_ = 0;
  std::vector<std::shared_ptr<Leaf>> leaves_;
  std::shared_ptr<const ClusterSnapshot> snapshot_;
};

}  // namespace canopy

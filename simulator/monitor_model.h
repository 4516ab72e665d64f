// What the simulated root knows of its leaves: a model of ClusterMonitor (root/cluster_monitor.h)
// with its rules of health, that learns of faults by probes and failed calls, and so too late.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "root/cluster_state.h"
#include "root/cluster_view.h"
#include "simulator/event_queue.h"
#include "simulator/options.h"

namespace canopy {

// Thread safety: none. Lifetime: borrows events and options.
class MonitorModel final {
 public:
  // How a probe that reaches the leaf now would end: OK, UNAVAILABLE (at once), or
  // DEADLINE_EXCEEDED.
  using Probe = std::function<absl::Status(LeafIndex)>;

  // Every leaf is ready and serves `collection`.
  MonitorModel(EventQueue& events, const SimulationOptions& options, v1::CollectionInfo collection,
               Probe probe);

  const std::shared_ptr<const ClusterView>& view() const { return view_; }
  // Something happens to the leaf: from here on probes are simulated, until all is well again.
  void Watch(LeafIndex leaf);
  void OnCallFailed(LeafIndex leaf, const absl::Status& error);

 private:
  struct Leaf {
    LeafObservation observation;
    absl::Time ready_since = absl::InfinitePast();
    uint64_t turn = 0;  // of the next probe; events of earlier turns are void
  };

  void ProbeAfter(Nanos delay, LeafIndex leaf);
  void StartProbe(LeafIndex leaf);
  void EndProbe(LeafIndex leaf, const absl::Status& result);
  void Publish();

  EventQueue& events_;
  const SimulationOptions& options_;
  const v1::CollectionInfo collection_;
  const Probe probe_;
  std::vector<Leaf> leaves_;
  std::shared_ptr<const ClusterView> view_;
};

}  // namespace canopy

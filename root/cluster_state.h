// From what probes have found of the leaf processes to what queries use: which generation is asked,
// and which replicas of each shard serve it. A pure function of topology and observations.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "canopy/v1/service.pb.h"
#include "root/cluster_view.h"
#include "root/topology.h"

namespace canopy {

// So many probes of a process in a row may come to their deadline before it counts as down.
inline constexpr uint32_t kMaxSlowProbes = 3;

// What is known of one leaf process.
struct LeafObservation {
  std::string address;
  LeafSlot slot = 0;  // of its own, for as long as it is watched
  absl::Time ready_since = absl::InfinitePast();
  // Of the last probe; OK: it answered.
  absl::Status error = absl::UnavailableError("not asked yet");
  // Of a call since then that said UNAVAILABLE. One answer condemns nobody: it may be the only
  // replica.
  absl::Status suspicion = {};
  uint32_t slow_probes = 0;  // in a row
  v1::LeafStatus status;     // of the last probe that was answered
};

// Whether calls should go to the process, and why not if not.
struct LeafHealth {
  ReplicaHealth health = ReplicaHealth::kDown;
  std::string reason;
};
LeafHealth HealthOf(const LeafObservation& leaf);

// One view for each collection that can be asked, best first: every shard covered, most documents
// covered, current on a leaf of every shard (others are soon dropped), newest.
// Two builds of one generation number are two collections. Never empty: when nothing can be asked,
// the one view has `last_known` (which may be of generation 0: nothing) and says why. Only
// collections with as many shards as the topology count. REQUIRES: `leaves` has every address of
// the topology.
std::vector<std::shared_ptr<const ClusterView>> MakeViews(const Topology& topology,
                                                          absl::Span<const LeafObservation> leaves,
                                                          const v1::CollectionInfo& last_known);

// Documents of the shards that have a replica that is not down.
uint64_t DocsReachable(const ClusterView& view);
// Every shard has one.
bool IsServing(const ClusterView& view);

}  // namespace canopy

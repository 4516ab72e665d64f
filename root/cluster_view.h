// What a query needs to know of the cluster, as one immutable value: one collection (a generation),
// its shards, and which leaf processes serve them. ClusterMonitor (cluster_monitor.h) has new ones
// made (MakeViews, cluster_state.h) whenever something changes, and swaps them whole; a query keeps
// the one that it began with. Tests and simulations fill it by hand.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/types.h"
#include "canopy/v1/service.pb.h"
#include "root/leaf_loads.h"

namespace canopy {

// A leaf process: its place in ClusterView::leaves.
using LeafIndex = uint32_t;

// Whether calls should go there. A standby replica (it drains, answers probes too slowly, or has
// just failed a call) is used only where no ready one is left; one that is down never.
enum class ReplicaHealth : uint8_t { kReady, kStandby, kDown };

struct LeafView {
  std::string address;
  // Of the address; for the stable order of (query, replica).
  uint64_t hash = 0;
  // What is learned of the process is kept under it (leaf_loads.h).
  LeafSlot slot = 0;
  // When it became ready, after it was not.
  absl::Time ready_since = absl::InfinitePast();
};

struct ReplicaView {
  LeafIndex leaf = 0;
  uint32_t replica = 0;  // place in the topology's list for the shard
  ReplicaHealth health = ReplicaHealth::kDown;
  // Why it is not ready: "connection refused", "serves generation 3". Empty when it is.
  std::string reason;
};

// Thread safety: immutable once it is shared.
struct ClusterView {
  // The same in all shards. Kept from what was last known when no leaf can be reached; generation
  // 0: nothing is known yet.
  v1::CollectionInfo collection;
  std::vector<LeafView> leaves;
  // By shard, in the order of the topology. As many as the topology has; equal to
  // collection.num_shards when that is known.
  std::vector<std::vector<ReplicaView>> shards;

  uint32_t num_shards() const { return static_cast<uint32_t>(shards.size()); }
  uint64_t DocsOf(ShardId shard) const {
    return DocsInShard(collection.docs_total(), shard, num_shards());
  }
};

}  // namespace canopy

// Which leaf process of a local cluster serves which shards, and the topology file that tells the
// root. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/types.h"

namespace canopy {

struct ClusterShape {
  uint32_t shards = 1;
  uint32_t leaves = 1;  // processes a replica
  uint32_t replicas = 1;
  bool by_term = false;  // the root scatters by term: every leaf has to hold the whole corpus
};

inline constexpr uint32_t kMaxLocalProcesses = 256;  // leaves x replicas

// One process a shard, but no more than the machine has processors, and at least two where there
// are two shards: more processes than processors only add calls for the root to make.
uint32_t DefaultLeaves(uint32_t shards, uint32_t processors);

struct LeafPlan {
  uint32_t replica = 0;
  uint32_t leaf = 0;            // place in its replica
  std::vector<ShardId> shards;  // leaf, leaf + L, leaf + 2 L, ...
};

// Replica by replica, leaf by leaf. REQUIRES: shape.leaves > 0. INVALID_ARGUMENT: no replica, a
// leaf would have no shard, several shards where there has to be one, or more than
// kMaxLocalProcesses processes.
absl::StatusOr<std::vector<LeafPlan>> PlanLeaves(const ClusterShape& shape);

// The root's topology file (YAML): for each shard the addresses of its replicas, in the order of
// their numbers. `addresses[i]` is that of `leaves[i]`.
std::string TopologyYaml(absl::Span<const LeafPlan> leaves,
                         absl::Span<const std::string> addresses);

}  // namespace canopy

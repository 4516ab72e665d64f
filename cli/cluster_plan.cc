#include "cli/cluster_plan.h"

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/strings.h"

namespace canopy {

uint32_t DefaultLeaves(uint32_t shards, uint32_t processors) {
  return std::min(shards, std::max<uint32_t>(processors, 2));
}

absl::StatusOr<std::vector<LeafPlan>> PlanLeaves(const ClusterShape& shape) {
  if (shape.replicas == 0) {
    return absl::InvalidArgumentError("--replicas 0: every shard needs at least one");
  }
  if (shape.by_term && shape.shards != 1) {
    return absl::InvalidArgumentError(
        Concat("--scatter term: the index has ", shape.shards,
               " shards, but every leaf has to hold the whole corpus: build it with --shards 1"));
  }
  if (shape.by_term && shape.leaves != 1) {
    return absl::InvalidArgumentError(Concat("--leaves ", shape.leaves,
                                             ": with --scatter term each leaf is a replica of the "
                                             "only shard: say --replicas ",
                                             shape.leaves));
  }
  if (shape.leaves > shape.shards) {
    return absl::InvalidArgumentError(Concat("--leaves ", shape.leaves, ": the index has ",
                                             shape.shards,
                                             " shards, so some leaves would have none"));
  }
  if (uint64_t{shape.leaves} * shape.replicas > kMaxLocalProcesses) {
    return absl::InvalidArgumentError(Concat("--leaves ", shape.leaves, " x --replicas ",
                                             shape.replicas, ": the limit is ", kMaxLocalProcesses,
                                             " leaf processes"));
  }
  std::vector<LeafPlan> plans;
  for (uint32_t replica = 0; replica < shape.replicas; ++replica) {
    for (uint32_t leaf = 0; leaf < shape.leaves; ++leaf) {
      LeafPlan plan{replica, leaf, {}};
      for (ShardId shard = leaf; shard < shape.shards; shard += shape.leaves) {
        plan.shards.push_back(shard);
      }
      plans.push_back(std::move(plan));
    }
  }
  return plans;
}

std::string TopologyYaml(absl::Span<const LeafPlan> leaves,
                         absl::Span<const std::string> addresses) {
  std::map<ShardId, std::map<uint32_t, std::string>> shards;
  for (size_t i = 0; i < leaves.size(); ++i) {
    for (const ShardId shard : leaves[i].shards) shards[shard][leaves[i].replica] = addresses[i];
  }
  std::string yaml = "shards:\n";
  for (const auto& [shard, replicas] : shards) {
    yaml += Concat("  ", shard, ": [",
                   absl::StrJoin(replicas, ", ",
                                 [](std::string* out, const auto& replica) {
                                   *out += Concat("\"", replica.second, "\"");
                                 }),
                   "]\n");
  }
  return yaml;
}

}  // namespace canopy

#include "root/cluster_state.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "base/check.h"
#include "base/checksum.h"
#include "base/strings.h"
#include "root/coverage.h"

namespace canopy {
namespace {

// What tells two collections apart.
using CollectionKey = std::pair<uint64_t, uint64_t>;  // generation, checksum
CollectionKey KeyOf(const v1::CollectionInfo& info) { return {info.generation(), info.checksum()}; }

bool Serves(const LeafObservation& leaf, const CollectionKey& collection) {
  const auto& previous = leaf.status.previous();
  return KeyOf(leaf.status.collection()) == collection ||
         std::any_of(previous.begin(), previous.end(),
                     [&](const v1::CollectionInfo& info) { return KeyOf(info) == collection; });
}

std::string WhyNotServing(const LeafObservation& leaf, const CollectionKey& collection,
                          size_t shards_of_topology) {
  const v1::CollectionInfo& own = leaf.status.collection();
  if (own.num_shards() != shards_of_topology) {
    return Concat("serves an index of ", own.num_shards(), " shards, the topology has ",
                  shards_of_topology);
  }
  if (own.generation() != collection.first) return Concat("serves generation ", own.generation());
  return Concat("serves another build of generation ", own.generation());
}

// What keeps the process from being asked for `shard` of `collection`.
LeafHealth HealthFor(const LeafObservation& leaf, const CollectionKey& collection, ShardId shard,
                     size_t shards_of_topology) {
  LeafHealth health = HealthOf(leaf);
  if (health.health == ReplicaHealth::kDown) return health;
  if (!Serves(leaf, collection)) {
    return {.reason = WhyNotServing(leaf, collection, shards_of_topology)};
  }
  const auto& shards = leaf.status.shards();
  if (std::find(shards.begin(), shards.end(), shard) == shards.end()) {
    return {.reason = Concat("does not serve shard ", shard)};
  }
  return health;
}

std::shared_ptr<const ClusterView> MakeView(const Topology& topology,
                                            absl::Span<const LeafObservation> leaves,
                                            const v1::CollectionInfo& collection) {
  auto view = std::make_shared<ClusterView>();
  view->collection = collection;
  std::map<std::string, LeafIndex> index;
  for (const LeafObservation& leaf : leaves) {
    index.emplace(leaf.address, view->leaves.size());
    view->leaves.push_back({.address = leaf.address,
                            .hash = Checksum(leaf.address),
                            .slot = leaf.slot,
                            .ready_since = leaf.ready_since});
  }
  view->shards.resize(topology.shards.size());
  for (ShardId shard = 0; shard < topology.shards.size(); ++shard) {
    for (const std::string& address : topology.shards[shard]) {
      const auto found = index.find(address);
      CHECK(found != index.end());
      LeafHealth health =
          HealthFor(leaves[found->second], KeyOf(collection), shard, topology.shards.size());
      view->shards[shard].push_back({.leaf = found->second,
                                     .replica = static_cast<uint32_t>(view->shards[shard].size()),
                                     .health = health.health,
                                     .reason = std::move(health.reason)});
    }
  }
  return view;
}

// Every collection that some leaf can be asked for.
std::map<CollectionKey, v1::CollectionInfo> Candidates(absl::Span<const LeafObservation> leaves,
                                                       size_t shards_of_topology) {
  std::map<CollectionKey, v1::CollectionInfo> candidates;
  const auto add = [&](const v1::CollectionInfo& info) {
    if (info.num_shards() == shards_of_topology) candidates.emplace(KeyOf(info), info);
  };
  for (const LeafObservation& leaf : leaves) {
    if (HealthOf(leaf).health == ReplicaHealth::kDown) continue;
    add(leaf.status.collection());
    for (const v1::CollectionInfo& info : leaf.status.previous()) add(info);
  }
  return candidates;
}

bool HasUsableReplica(const std::vector<ReplicaView>& replicas) {
  return std::any_of(replicas.begin(), replicas.end(), [](const ReplicaView& replica) {
    return replica.health != ReplicaHealth::kDown;
  });
}

size_t UsableReplicas(const ClusterView& view) {
  size_t count = 0;
  for (const auto& replicas : view.shards) {
    count += std::count_if(replicas.begin(), replicas.end(), [](const ReplicaView& replica) {
      return replica.health != ReplicaHealth::kDown;
    });
  }
  return count;
}

// Every shard has a leaf that serves the collection, and does not only keep it for a while.
bool IsCurrent(const ClusterView& view, absl::Span<const LeafObservation> leaves) {
  const auto is_current = [&](const ReplicaView& replica) {
    return replica.health != ReplicaHealth::kDown &&
           KeyOf(leaves[replica.leaf].status.collection()) == KeyOf(view.collection);
  };
  return std::all_of(view.shards.begin(), view.shards.end(), [&](const auto& replicas) {
    return std::any_of(replicas.begin(), replicas.end(), is_current);
  });
}

// Greater is better: a view of every shard before one that lacks some, then the larger share of its
// documents, then what leaves will not drop soon (after a rollback that is the older generation),
// then the newer generation, then more replicas.
auto Goodness(const ClusterView& view, absl::Span<const LeafObservation> leaves) {
  const double docs = static_cast<double>(std::max<uint64_t>(1, view.collection.docs_total()));
  return std::tuple(IsServing(view), static_cast<double>(DocsReachable(view)) / docs,
                    IsCurrent(view, leaves), view.collection.generation(), UsableReplicas(view),
                    view.collection.checksum());
}

}  // namespace

LeafHealth HealthOf(const LeafObservation& leaf) {
  const bool answered_before = leaf.status.has_collection();
  if (!leaf.error.ok()) {
    const bool slow = absl::IsDeadlineExceeded(leaf.error) && leaf.slow_probes < kMaxSlowProbes;
    return {.health = slow && answered_before ? ReplicaHealth::kStandby : ReplicaHealth::kDown,
            .reason = ReasonOf(leaf.error)};
  }
  if (leaf.status.draining()) return {.health = ReplicaHealth::kStandby, .reason = "draining"};
  if (!leaf.status.ready()) return {.health = ReplicaHealth::kDown, .reason = "not ready"};
  if (!leaf.suspicion.ok()) {
    return {.health = ReplicaHealth::kStandby, .reason = ReasonOf(leaf.suspicion)};
  }
  return {.health = ReplicaHealth::kReady, .reason = ""};
}

std::vector<std::shared_ptr<const ClusterView>> MakeViews(const Topology& topology,
                                                          absl::Span<const LeafObservation> leaves,
                                                          const v1::CollectionInfo& last_known) {
  std::vector<std::shared_ptr<const ClusterView>> views;
  for (const auto& [key, collection] : Candidates(leaves, topology.shards.size())) {
    auto view = MakeView(topology, leaves, collection);
    if (DocsReachable(*view) > 0 || IsServing(*view)) views.push_back(std::move(view));
  }
  std::sort(views.begin(), views.end(), [&](const auto& a, const auto& b) {
    return Goodness(*a, leaves) > Goodness(*b, leaves);
  });
  const bool same_shards = last_known.num_shards() == topology.shards.size();
  if (views.empty()) {
    views.push_back(MakeView(topology, leaves, same_shards ? last_known : v1::CollectionInfo()));
  }
  return views;
}

uint64_t DocsReachable(const ClusterView& view) {
  uint64_t docs = 0;
  for (ShardId shard = 0; shard < view.num_shards(); ++shard) {
    if (HasUsableReplica(view.shards[shard])) docs += view.DocsOf(shard);
  }
  return docs;
}

bool IsServing(const ClusterView& view) {
  return view.collection.generation() != 0 &&
         std::all_of(view.shards.begin(), view.shards.end(), HasUsableReplica);
}

}  // namespace canopy

#include "root/replica_chooser.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace canopy {

// The finalizer of SplitMix64 (Steele, Lea, Flood, OOPSLA 2014): rendezvous hashing wants
// independent ranks.
uint64_t ReplicaChooser::Rank(const LeafView& leaf) const {
  uint64_t x = query_hash_ ^ leaf.hash;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

std::optional<size_t> ReplicaChooser::Choose(const ClusterView& view, ShardId shard,
                                             absl::Span<const LeafIndex> tried) const {
  const std::vector<ReplicaView>& replicas = view.shards[shard];
  std::optional<size_t> best;
  std::pair<ReplicaHealth, uint64_t> best_rank;
  for (size_t i = 0; i < replicas.size(); ++i) {
    const ReplicaView& replica = replicas[i];
    if (replica.health == ReplicaHealth::kDown) continue;
    if (std::find(tried.begin(), tried.end(), replica.leaf) != tried.end()) continue;
    const std::pair rank(replica.health, Rank(view.leaves[replica.leaf]));
    if (!best || rank < best_rank) {
      best = i;
      best_rank = rank;
    }
  }
  return best;
}

}  // namespace canopy

// Which replica of a shard a call goes to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "root/cluster_view.h"
#include "root/leaf_loads.h"

namespace canopy {

// Hot and cold, as Prequal: among replicas with little in flight beside the whole cluster the
// fastest; if all have much, the one with the least. Replicas that are about as fast are told apart
// by a stable order of (query, leaf), so that a query that comes again finds warm caches, and
// shards of one process travel in one call. Before that: ready ones before those that are standby
// or ejected, never those that are down; one that has just become ready takes its full share only
// after kSlowStart; one that has just refused is spared.
// Thread safety: one thread. Lifetime: borrows the loads.
class ReplicaChooser final {
 public:
  static constexpr absl::Duration kSlowStart = absl::Seconds(10);
  // As fast as the fastest: within a quarter. Medians of 16 samples scatter by a tenth or two.
  static constexpr double kAboutAsFast = 1.25;

  ReplicaChooser(LeafLoads& loads, uint64_t query_hash) : loads_(loads), query_hash_(query_hash) {}

  // The replica to use, as its place in view.shards[shard]; none of those whose leaf is in `tried`.
  // nullopt: none is left.
  std::optional<size_t> Choose(const ClusterView& view, ShardId shard,
                               absl::Span<const LeafIndex> tried, absl::Time now) const;

 private:
  uint64_t Rank(const LeafView& leaf) const;
  bool IsItsTurn(const LeafView& leaf, absl::Time now) const;

  LeafLoads& loads_;
  uint64_t query_hash_;
};

}  // namespace canopy

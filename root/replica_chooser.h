// Which replica of a shard a call goes to.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "base/types.h"
#include "root/cluster_view.h"

namespace canopy {

// A value: what a query's choices depend on. Now: ready before standby, never down, and among
// equals the stable order of (query, leaf), so that a query that comes again finds warm caches, and
// shards of one process travel in one call. What replies tell of load (in flight, queue wait,
// latency) has its place here, as numbers beside the hash. Thread safety: immutable.
class ReplicaChooser final {
 public:
  explicit ReplicaChooser(uint64_t query_hash) : query_hash_(query_hash) {}

  // The replica to use, as its place in view.shards[shard]; none of those whose leaf is in `tried`.
  // nullopt: none is left.
  std::optional<size_t> Choose(const ClusterView& view, ShardId shard,
                               absl::Span<const LeafIndex> tried) const;

 private:
  uint64_t Rank(const LeafView& leaf) const;

  uint64_t query_hash_;
};

}  // namespace canopy

// What each query costs, whom luck hits, and what leaves answer: functions of the seed and of what
// is asked, so that a query is the same whatever happened before it and whatever else is compared.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "base/types.h"
#include "canopy/v1/search.pb.h"
#include "canopy/v1/service.pb.h"
#include "root/cluster_view.h"
#include "simulator/options.h"

namespace canopy {

// One query, before anything happens to it.
struct QueryWork {
  uint64_t number = 0;
  uint64_t hash = 0;
  double cost = 0;  // postings in one shard
  Nanos root = 0;
  Nanos client_leaves = -1;  // since its arrival; -1: waits for the answer
  // How many of the best hits lie in which shards, by shard; empty when only the count is asked
  // for.
  std::vector<std::pair<ShardId, uint32_t>> winners;
};

// What a call does to its leaf and to the network.
struct CallWork {
  Nanos delay = 0;  // before it reaches the queue, besides the wire
  Nanos wire = 0;   // there and back
  uint64_t cost = 0;
  std::vector<double> tasks;  // nanoseconds each
};

// Thread safety: immutable. Lifetime: borrows the options.
class Workload final {
 public:
  explicit Workload(const SimulationOptions& options) : options_(options) {}

  v1::CollectionInfo collection() const;
  // The time from arrival `number` - 1 (or the start) at `now` to arrival `number`.
  Nanos NextArrival(uint64_t number, Nanos now) const;
  QueryWork MakeQuery(uint64_t number) const;
  // A leaf is asked at most once by a query, so that query and leaf name the call.
  CallWork SearchWork(const QueryWork& query, LeafIndex leaf,
                      absl::Span<const ShardId> shards) const;
  CallWork FetchWork(const QueryWork& query, LeafIndex leaf) const;

  // Whole answers, that pass the session's checks.
  v1::SearchResponse SearchReply(const QueryWork& query, absl::Span<const ShardId> shards,
                                 uint32_t k) const;
  v1::FetchResponse FetchReply(absl::Span<const DocId> docs) const;
  // The matches that SearchReply tells of the shard.
  uint32_t MatchesIn(const QueryWork& query, ShardId shard) const;

 private:
  double QpsAt(Nanos now) const;
  double TimeIn(const QueryWork& query, ShardId shard) const;  // nanoseconds

  const SimulationOptions& options_;
};

}  // namespace canopy

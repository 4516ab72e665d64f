// A collection in memory, and a cluster's view of it, for tests of the root: which documents match
// and how they score is a function of a seed. It answers as leaves do, and knows what the whole
// answer must be.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/types.h"
#include "canopy/v1/search.pb.h"
#include "root/cluster_view.h"

namespace canopy {

struct FakeCollectionOptions {
  uint64_t seed = 1;
  uint64_t docs = 100;
  uint32_t shards = 4;
  uint64_t generation = 7;
  bool best_shard = false;  // all documents of shard 0 score above all others
};

class FakeCollection final {
 public:
  explicit FakeCollection(FakeCollectionOptions options);

  v1::CollectionInfo info() const;
  // The answer of one shard. Few distinct scores, so that ties are common.
  v1::ShardAnswer Answer(ShardId shard, uint32_t k) const;
  // A leaf's reply for some of the shards, without hits below the threshold, with the bounds of
  // all.
  v1::SearchResponse Search(const std::vector<ShardId>& shards, uint32_t k,
                            double score_threshold = 0) const;
  v1::FetchResponse Fetch(const std::vector<DocId>& docs) const;
  // What a root answers when the shards in `covered` (by shard) have answered: total, hits with id
  // and fields, coverage without reasons, generation.
  v1::SearchResponse Reference(uint32_t k, uint32_t offset, const std::vector<bool>& covered) const;
  v1::SearchResponse Reference(uint32_t k, uint32_t offset = 0) const;

  static std::string IdOf(DocId doc);

 private:
  std::vector<v1::ShardHit> MakeMatches(ShardId shard) const;

  FakeCollectionOptions options_;
  std::vector<std::vector<v1::ShardHit>> matches_;  // by shard, best first
};

struct FakeClusterOptions {
  uint32_t leaves = 4;  // processes of a replica; shard s is on leaf s % leaves
  uint32_t replicas = 2;
};

// Every replica of every shard ready; leaf l of replica r has the address "r<r>-l<l>:1" and the
// index r * leaves + l.
std::shared_ptr<ClusterView> FakeCluster(const v1::CollectionInfo& collection,
                                         FakeClusterOptions options = {});

}  // namespace canopy

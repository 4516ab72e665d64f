#include "tests/root/fake_collection.h"

#include <algorithm>
#include <random>

#include "base/checksum.h"
#include "base/strings.h"

namespace canopy {
namespace {

bool RanksBefore(const v1::ShardHit& a, const v1::ShardHit& b) {
  return a.score() != b.score() ? a.score() > b.score() : a.doc() < b.doc();
}

}  // namespace

v1::CollectionInfo FakeCollection::info() const {
  v1::CollectionInfo info;
  info.set_generation(options_.generation);
  info.set_num_shards(options_.shards);
  info.set_docs_total(options_.docs);
  info.set_analyzer("ascii");
  info.add_fields("title");
  info.add_fields("body");
  info.set_checksum(options_.seed * 1000003 + options_.generation);
  info.set_average_length(10);
  return info;
}

FakeCollection::FakeCollection(FakeCollectionOptions options) : options_(options) {
  for (ShardId shard = 0; shard < options.shards; ++shard) matches_.push_back(MakeMatches(shard));
}

std::vector<v1::ShardHit> FakeCollection::MakeMatches(ShardId shard) const {
  std::vector<v1::ShardHit> matches;
  for (DocId doc = shard; doc < options_.docs; doc += options_.shards) {
    std::mt19937_64 random(options_.seed * 0x9E3779B97F4A7C15 + doc);
    if (random() % 3 == 0) continue;
    v1::ShardHit hit;
    hit.set_doc(doc);
    const FixedScore above = options_.best_shard && shard == 0 ? 8 : 0;
    const auto quarters = static_cast<FixedScore>(random() % 8) + above;
    hit.set_score(ToDouble(quarters << (kScoreFractionBits - 2)));
    matches.push_back(hit);
  }
  std::sort(matches.begin(), matches.end(), RanksBefore);
  return matches;
}

v1::ShardAnswer FakeCollection::Answer(ShardId shard, uint32_t k) const {
  v1::ShardAnswer answer;
  answer.set_shard(shard);
  answer.set_state(v1::SHARD_STATE_COMPLETE);
  answer.set_docs_total(DocsInShard(options_.docs, shard, options_.shards));
  answer.set_docs_covered(answer.docs_total());
  const std::vector<v1::ShardHit>& matches = matches_[shard];
  answer.mutable_total()->set_value(matches.size());
  answer.set_cost(matches.size() + 1);
  for (size_t i = 0; i < std::min<size_t>(k, matches.size()); ++i) *answer.add_hits() = matches[i];
  return answer;
}

v1::SearchResponse FakeCollection::Search(const std::vector<ShardId>& shards, uint32_t k,
                                          double score_threshold) const {
  v1::SearchResponse response;
  response.set_generation(options_.generation);
  response.set_collection_checksum(info().checksum());
  for (ShardId shard : shards) {
    v1::ShardAnswer& answer = *response.add_shard_answers();
    answer = Answer(shard, k);
    while (answer.hits_size() > 0 && answer.hits().rbegin()->score() < score_threshold) {
      answer.mutable_hits()->RemoveLast();
    }
  }
  for (const std::vector<v1::ShardHit>& matches : matches_) {
    response.add_score_bounds(matches.empty() ? -1 : matches[0].score());
  }
  response.mutable_load()->set_queue_wait_us(10);
  response.mutable_load()->set_service_us(100);
  return response;
}

v1::FetchResponse FakeCollection::Fetch(const std::vector<DocId>& docs) const {
  v1::FetchResponse response;
  response.set_generation(options_.generation);
  response.set_collection_checksum(info().checksum());
  for (DocId doc : docs) {
    v1::Hit& hit = *response.add_hits();
    hit.set_doc(doc);
    hit.set_id(IdOf(doc));
    v1::Field& field = *hit.add_fields();
    field.set_name("title");
    field.set_value(Concat("title of ", doc));
  }
  return response;
}

v1::SearchResponse FakeCollection::Reference(uint32_t k, uint32_t offset,
                                             const std::vector<bool>& covered) const {
  v1::SearchResponse response;
  v1::Coverage& coverage = *response.mutable_coverage();
  std::vector<v1::ShardHit> all;
  uint32_t complete = 0;
  uint64_t docs_covered = 0;
  for (ShardId shard = 0; shard < options_.shards; ++shard) {
    v1::ShardCoverage& of_shard = *coverage.add_shards();
    of_shard.set_shard(shard);
    of_shard.set_docs_total(DocsInShard(options_.docs, shard, options_.shards));
    of_shard.set_state(covered[shard] ? v1::SHARD_STATE_COMPLETE : v1::SHARD_STATE_MISSING);
    if (!covered[shard]) continue;
    of_shard.set_docs_covered(of_shard.docs_total());
    docs_covered += of_shard.docs_total();
    ++complete;
    const std::vector<v1::ShardHit>& matches = matches_[shard];
    all.insert(all.end(), matches.begin(), matches.end());
  }
  std::sort(all.begin(), all.end(), RanksBefore);
  coverage.set_shards_total(options_.shards);
  coverage.set_shards_complete(complete);
  coverage.set_docs_total(options_.docs);
  coverage.set_docs_covered(docs_covered);
  coverage.set_complete(complete == options_.shards);
  response.set_top_k_exact(coverage.complete());
  response.set_generation(options_.generation);
  response.set_analyzer(info().analyzer());
  response.set_analyzer_version(info().analyzer_version());
  response.mutable_total()->set_value(all.size());
  response.mutable_total()->set_relation(coverage.complete() ? v1::Total::EQ : v1::Total::GTE);
  for (size_t i = offset; i < std::min<size_t>(all.size(), size_t{offset} + k); ++i) {
    *response.add_hits() = Fetch({all[i].doc()}).hits(0);
    response.mutable_hits()->rbegin()->set_score(all[i].score());
  }
  return response;
}

v1::SearchResponse FakeCollection::Reference(uint32_t k, uint32_t offset) const {
  return Reference(k, offset, std::vector<bool>(options_.shards, true));
}

std::string FakeCollection::IdOf(DocId doc) { return Concat("doc-", doc); }

std::shared_ptr<ClusterView> FakeCluster(const v1::CollectionInfo& collection,
                                         FakeClusterOptions options) {
  auto view = std::make_shared<ClusterView>();
  view->collection = collection;
  for (uint32_t replica = 0; replica < options.replicas; ++replica) {
    for (uint32_t leaf = 0; leaf < options.leaves; ++leaf) {
      const std::string address = Concat("r", replica, "-l", leaf, ":1");
      view->leaves.push_back({.address = address,
                              .hash = Checksum(address),
                              .slot = static_cast<LeafSlot>(view->leaves.size())});
    }
  }
  view->shards.resize(collection.num_shards());
  for (ShardId shard = 0; shard < collection.num_shards(); ++shard) {
    for (uint32_t replica = 0; replica < options.replicas; ++replica) {
      view->shards[shard].push_back({.leaf = replica * options.leaves + shard % options.leaves,
                                     .replica = replica,
                                     .health = ReplicaHealth::kReady,
                                     .reason = ""});
    }
  }
  return view;
}

}  // namespace canopy

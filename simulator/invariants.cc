#include "simulator/invariants.h"

#include <algorithm>
#include <utility>

#include "base/status.h"
#include "base/strings.h"

namespace canopy {
namespace {

absl::Status CheckCoverageSums(const v1::Coverage& coverage, double min_coverage) {
  uint32_t complete = 0;
  uint64_t docs = 0, docs_total = 0;
  for (const v1::ShardCoverage& shard : coverage.shards()) {
    complete += shard.state() == v1::SHARD_STATE_COMPLETE ? 1 : 0;
    docs += shard.docs_covered();
    docs_total += shard.docs_total();
  }
  const uint32_t shards = static_cast<uint32_t>(coverage.shards_size());
  if (shards != coverage.shards_total() || complete != coverage.shards_complete() ||
      docs != coverage.docs_covered() || docs_total != coverage.docs_total() ||
      coverage.complete() != (complete == shards)) {
    return absl::InternalError(Concat("coverage does not add up: ", coverage.ShortDebugString()));
  }
  if (static_cast<double>(docs) < min_coverage * static_cast<double>(docs_total)) {
    return absl::InternalError(Concat(docs, " of ", docs_total, " documents make an answer"));
  }
  return absl::OkStatus();
}

absl::Status CheckHits(const v1::SearchResponse& answer) {
  for (int i = 0; i < answer.hits_size(); ++i) {
    if (answer.hits(i).id().empty()) return absl::InternalError("a hit without its fields");
    if (i > 0 && answer.hits(i - 1).doc() >= answer.hits(i).doc()) {
      return absl::InternalError(Concat("document ", answer.hits(i).doc(), " stands wrongly"));
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckCallAllowed(const ClusterView& view, LeafIndex leaf,
                              absl::Span<const ShardId> shards) {
  for (ShardId shard : shards) {
    const auto& replicas = view.shards[shard];
    const auto found = std::find_if(replicas.begin(), replicas.end(),
                                    [leaf](const ReplicaView& each) { return each.leaf == leaf; });
    if (found == replicas.end()) {
      return absl::InternalError(Concat("leaf ", leaf, " is asked for shard ", shard));
    }
    if (found->health == ReplicaHealth::kDown) {
      return absl::InternalError(Concat("leaf ", leaf, " is down and asked: ", found->reason));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAnswer(const v1::SearchResponse& answer, const Workload& workload,
                         const QueryWork& work, const QueryShape& shape) {
  RETURN_IF_ERROR(CheckCoverageSums(answer.coverage(), shape.min_coverage));
  uint64_t matches = 0;
  for (const v1::ShardCoverage& shard : answer.coverage().shards()) {
    if (shard.state() == v1::SHARD_STATE_COMPLETE) {
      matches += workload.MatchesIn(work, shard.shard());
    }
  }
  if (answer.total().value() != matches) {
    return absl::InternalError(Concat(answer.total().value(), " matches instead of ", matches));
  }
  const uint64_t hits = std::min<uint64_t>(shape.k, matches);
  if (static_cast<uint64_t>(answer.hits_size()) != hits) {
    return absl::InternalError(Concat(answer.hits_size(), " hits instead of ", hits));
  }
  return CheckHits(answer);
}

}  // namespace canopy

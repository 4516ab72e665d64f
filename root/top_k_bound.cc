#include "root/top_k_bound.h"

#include <algorithm>
#include <vector>

#include "root/merge.h"

namespace canopy {

std::optional<v1::ShardHit> KthHit(absl::Span<const v1::ShardAnswer* const> answers, uint32_t k) {
  std::vector<const v1::ShardHit*> hits;
  for (const v1::ShardAnswer* answer : answers) {
    for (const v1::ShardHit& hit : answer->hits()) hits.push_back(&hit);
  }
  if (k == 0 || hits.size() < k) return std::nullopt;
  const auto kth = hits.begin() + (k - 1);
  std::nth_element(hits.begin(), kth, hits.end(), [](const v1::ShardHit* a, const v1::ShardHit* b) {
    return RanksBefore(*a, *b);
  });
  return **kth;
}

bool MayHaveMore(const v1::ShardAnswer& answer, uint32_t k, double score_threshold,
                 const std::optional<v1::ShardHit>& last) {
  const auto hits = static_cast<uint32_t>(answer.hits_size());
  const bool has_all = answer.total().relation() == v1::Total::EQ && answer.total().value() <= hits;
  if (has_all || answer.state() != v1::SHARD_STATE_COMPLETE) return false;
  if (score_threshold > 0 && (!last || last->score() < score_threshold)) return true;
  return hits == k && (!last || RanksBefore(*answer.hits().rbegin(), *last));
}

bool CannotReach(double bound, std::optional<double> last_score) {
  return bound < last_score.value_or(0);
}

bool IsTopKExact(absl::Span<const ShardResult> results, absl::Span<const double> bounds,
                 std::optional<double> last_score) {
  for (size_t shard = 0; shard < results.size(); ++shard) {
    const v1::ShardAnswer* const answer = results[shard].answer;
    if (answer != nullptr && answer->state() == v1::SHARD_STATE_COMPLETE) continue;
    if (bounds.empty() || !CannotReach(bounds[shard], last_score)) return false;
  }
  return true;
}

}  // namespace canopy

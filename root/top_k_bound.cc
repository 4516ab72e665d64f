#include "root/top_k_bound.h"

#include <algorithm>
#include <functional>
#include <vector>

namespace canopy {

std::optional<double> KthScore(absl::Span<const v1::ShardAnswer* const> answers, uint32_t k) {
  std::vector<double> scores;
  for (const v1::ShardAnswer* answer : answers) {
    for (const v1::ShardHit& hit : answer->hits()) scores.push_back(hit.score());
  }
  if (k == 0 || scores.size() < k) return std::nullopt;
  const auto kth = scores.begin() + (k - 1);
  std::nth_element(scores.begin(), kth, scores.end(), std::greater<>());
  return *kth;
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

// Proofs that hits are the right ones although a shard has not answered: no document of it scores
// as high as the last hit. The bounds come from any leaf that has answered, for every shard
// (SearchResponse.score_bounds).
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "canopy/v1/search.pb.h"
#include "root/coverage.h"

namespace canopy {

// The k-th highest score of the answers' hits. nullopt: there are fewer than k, or k is 0.
std::optional<double> KthScore(absl::Span<const v1::ShardAnswer* const> answers, uint32_t k);

// Whether no document of a shard with this bound can be among the hits, of which `last_score` is
// the lowest score (nullopt: there are not enough). A document that scores the same may come first
// by its number, so the bound must be below; a negative bound says that nothing matches.
bool CannotReach(double bound, std::optional<double> last_score);

// Whether no document that was not searched can be among the hits. `bounds`: by shard; empty: not
// known.
bool IsTopKExact(absl::Span<const ShardResult> results, absl::Span<const double> bounds,
                 std::optional<double> last_score);

}  // namespace canopy

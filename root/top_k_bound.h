// Which hits are certain to be the best ones, also where a shard has not answered, or with few of
// its hits only. Proofs that hits are the right ones although a shard has not answered: no document
// of it scores as high as the last hit. The bounds come from any leaf that has answered, for every
// shard (SearchResponse.score_bounds).
#pragma once

#include <cstdint>
#include <optional>

#include "absl/types/span.h"
#include "canopy/v1/search.pb.h"
#include "root/coverage.h"

namespace canopy {

// The k-th best of the answers' hits. nullopt: there are fewer than k, or k is 0.
std::optional<v1::ShardHit> KthHit(absl::Span<const v1::ShardAnswer* const> answers, uint32_t k);

// Whether a shard that was asked for k hits of a least score may have left out some that are among
// the best, of which `last` is the last (nullopt: there are not enough). What was not searched is
// not left out.
bool MayHaveMore(const v1::ShardAnswer& answer, uint32_t k, double score_threshold,
                 const std::optional<v1::ShardHit>& last);

// Whether no document of a shard with this bound can be among the hits, of which `last_score` is
// the lowest score (nullopt: there are not enough). A document that scores the same may come first
// by its number, so the bound must be below; a negative bound says that nothing matches.
bool CannotReach(double bound, std::optional<double> last_score);

// Whether no document that was not searched can be among the hits. `bounds`: by shard; empty: not
// known.
bool IsTopKExact(absl::Span<const ShardResult> results, absl::Span<const double> bounds,
                 std::optional<double> last_score);

}  // namespace canopy

// A query whose matches are "all of these terms, at least one of those, none of the others":
// intersections, unions and their mixtures with filters, which is nearly all that people ask. The
// fast ways to count and to find the best documents (count_matches.h, intersection_top_k.h,
// word_top_k.h) work on it; every other query is a QueryTree.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "shard/posting_list.h"
#include "shard/query.h"
#include "shard/scorer.h"
#include "shard/shard_file.h"

namespace canopy {

// More terms than this are left to QueryTree: the fast ways have small tables of fixed size.
inline constexpr size_t kMaxFlatTerms = 64;

struct FlatTerm {
  PostingList postings;
  float weight = 0;  // boost * idf; 0: not scored
};

// Matches: documents with all required terms, with one of the optional terms if needs_optional,
// with none of the excluded terms, and live. Every scored weight is at least kMinFlatWeight; every
// match has a scored term.
struct FlatQuery {
  std::vector<FlatTerm> terms;  // required, then optional, then excluded
  size_t num_required = 0;
  size_t num_optional = 0;
  bool needs_optional = false;
  bool matches_nothing = false;
  // Statistics that scores depend on: K of every length code, for the one scope that all terms
  // have.
  float average_length = 0;

  absl::Span<const FlatTerm> required() const { return absl::MakeSpan(terms).first(num_required); }
  absl::Span<const FlatTerm> optional() const {
    return absl::MakeSpan(terms).subspan(num_required, num_optional);
  }
  absl::Span<const FlatTerm> excluded() const {
    return absl::MakeSpan(terms).subspan(num_required + num_optional);
  }
  bool PureIntersection() const { return num_optional == 0 && num_required == terms.size(); }
};

// Far above what float arithmetic could lose, far below any idf.
inline constexpr float kMinFlatWeight = 1e-9f;

// Nothing when the query has another shape. REQUIRES: ValidateQuery accepted it. DATA_LOSS: damaged
// postings.
absl::StatusOr<std::optional<FlatQuery>> MakeFlatQuery(const ShardFile& shard,
                                                       const ShardQuery& query);

// The list's container of a chunk, or null.
const ContainerView* FindContainer(const PostingList& postings, uint32_t chunk);

}  // namespace canopy

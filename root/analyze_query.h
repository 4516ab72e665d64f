// From raw texts to terms: the query's texts go through the analyzer that its generation was
// indexed with, once, before the query is scattered.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "canopy/v1/query.pb.h"
#include "text/analyzer.h"

namespace canopy {

struct AnalyzedQuery {
  v1::Query query;  // canonical (query/canonical.h); leaves get this
  // Terms of all clauses that are not excluded, each once, in the order of the query.
  std::vector<std::string> highlight_terms;
};

// A text of one term becomes a term, of several a phrase. A clause whose text gives no term is left
// out; where nothing is left, the query is match_none. minimum_should_match is at most the number
// of should clauses that are left. `fields`: the collection's. INVALID_ARGUMENT: an unknown field
// (the known ones are named); more than kMaxQueryClauses terms. REQUIRES: ValidateQuery(query) is
// OK.
absl::StatusOr<AnalyzedQuery> AnalyzeQuery(const v1::Query& query, Analyzer& analyzer,
                                           absl::Span<const std::string> fields);

// INVALID_ARGUMENT unless `field` is one of `fields`.
absl::Status CheckField(const std::string& field, absl::Span<const std::string> fields);

}  // namespace canopy

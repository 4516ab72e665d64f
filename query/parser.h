// The query language: text in, tree out (docs/query_language.md). The first stop of a query's flow.
// The tree holds raw texts; the root analyzes them as the generation was analyzed
// (root/analyze_query.h).
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "canopy/v1/query.pb.h"

namespace canopy {

// A tree that is canonical (text_form.h) and within the limits of limits.h. INVALID_ARGUMENT: a
// syntax error, with the column (characters, from 1) and what was expected there; over a limit,
// with the value and the limit.
absl::StatusOr<v1::Query> ParseQuery(std::string_view text);

}  // namespace canopy
